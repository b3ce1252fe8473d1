//! Reading a plan file, and replacing it without ever losing what somebody else writes meanwhile.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use coditect_plan::NotUtf8;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// What a plan file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its text.
    pub text: String,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
}

impl Content {
    /// The content that is this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { hash: hash(text.as_bytes()), text }
    }
}

/// Why a plan file cannot be read, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// There is no such file.
    #[error("there is no such file; create it, or correct `plan.paths`")]
    Missing,
    /// It is there, and cannot be read.
    #[error("it cannot be read ({0}); let the user that runs the sync-daemon read it")]
    Refused(io::Error),
    /// It is no text.
    #[error("it is {0}")]
    NotText(#[from] NotUtf8),
    /// It is not on the branch.
    #[error(
        "there is no such file on the branch `{0}`; commit and push it there, or correct `plan.paths` or `plan.branch`"
    )]
    NotOnBranch(String),
    /// The repository that it is in cannot be used, with the cure.
    #[error("{0}")]
    Repository(String),
}

/// What came of a try to replace a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It holds the new content.
    Written,
    /// It no longer was what was expected; it stays as it is.
    Changed,
}

/// The hash by which contents are told apart.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a plan file.
///
/// # Errors
/// [`Unreadable`], with the cure.
pub fn read(file: &Path) -> Result<Content, Unreadable> {
    let bytes = fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unreadable::Missing,
        _ => Unreadable::Refused(error),
    })?;
    Ok(Content::new(coditect_plan::decode(&bytes)?.to_owned()))
}

/// The paths of all files below `root`, but hidden ones, relative to it and with `/` between the parts, in order.
///
/// # Errors
/// A folder cannot be read.
pub fn list(root: &Path) -> io::Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![(root.to_path_buf(), String::new())]);
    while let Some((folder, above)) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{above}{name}");
            // A link to a folder may lead round in circles.
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), format!("{path}/")));
            } else if entry.path().is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// How the names of the files end from which a plan file is replaced.
const SUFFIX: &str = ".tmp";

/// How those of one plan file begin.
#[must_use]
pub fn prefix(target: &Path) -> String {
    let name = hash(target.file_name().unwrap_or_default().as_encoded_bytes());
    format!(".coditect-{}-", name.get(..12).unwrap_or(&name))
}

/// What a daemon that was killed while it replaced `file` left beside it.
///
/// # Errors
/// The folder cannot be read.
pub fn leftovers(file: &Path) -> io::Result<Vec<PathBuf>> {
    let target = fs::canonicalize(file)?;
    let (Some(folder), prefix) = (target.parent(), prefix(&target)) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(SUFFIX)) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Puts a file that was exchanged for `file` back in its place.
///
/// # Errors
/// The folder cannot be written to.
pub fn put_back(leftover: &Path, file: &Path) -> io::Result<()> {
    fs::rename(leftover, fs::canonicalize(file)?)
}

/// Replaces the content of `file` by `new` if it is `expected`: all of it or nothing, whenever the machine stops.
/// Permissions stay, the owner too where that is allowed; a symbolic link stays one, and what it leads to is replaced.
///
/// # Errors
/// The folder cannot be written to, or the disk is full; the file is as it was.
pub fn replace(file: &Path, expected: &str, new: &str) -> io::Result<Replaced> {
    let target = fs::canonicalize(file)?;
    let folder = target.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let mut temporary = tempfile::Builder::new().prefix(&prefix(&target)).suffix(SUFFIX).tempfile_in(&folder)?;
    temporary.write_all(new.as_bytes())?;
    keep_owner_and_permissions(&target, temporary.as_file())?;
    temporary.as_file().sync_all()?;
    if fs::read(&target)? != expected.as_bytes() {
        return Ok(Replaced::Changed);
    }
    let replaced = swap(temporary, &target, expected)?;
    // Not every file system lets a folder be synced; the rename itself is done.
    let _ = File::open(&folder).and_then(|folder| folder.sync_all());
    Ok(replaced)
}

#[cfg(unix)]
fn keep_owner_and_permissions(target: &Path, temporary: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let kept = fs::metadata(target)?;
    let made = temporary.metadata()?;
    if (made.uid(), made.gid()) != (kept.uid(), kept.gid()) {
        // Only a privileged user may give a file away; its group can often be kept all the same.
        let _ = fchown(temporary, Some(kept.uid()), Some(kept.gid()))
            .or_else(|_| fchown(temporary, None, Some(kept.gid())));
    }
    temporary.set_permissions(kept.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_permissions(target: &Path, temporary: &File) -> io::Result<()> {
    temporary.set_permissions(fs::metadata(target)?.permissions())
}

/// Puts the temporary file in the place of `target`.
///
/// Where the system can exchange two files in one step, what was replaced is looked at once more: whatever was saved
/// after the comparison is put back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn swap(temporary: NamedTempFile, target: &Path, expected: &str) -> io::Result<Replaced> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    let exchange = || renameat2(AT_FDCWD, temporary.path(), AT_FDCWD, target, RenameFlags::RENAME_EXCHANGE);
    if exchange().is_err() {
        // A file system without exchange.
        return rename(temporary, target);
    }
    if fs::read(temporary.path())? == expected.as_bytes() {
        return Ok(Replaced::Written);
    }
    exchange()?;
    Ok(Replaced::Changed)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn swap(temporary: NamedTempFile, target: &Path, _expected: &str) -> io::Result<Replaced> {
    rename(temporary, target)
}

fn rename(temporary: NamedTempFile, target: &Path) -> io::Result<Replaced> {
    temporary.persist(target)?;
    Ok(Replaced::Written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_if_it_is_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("PLAN.md");
        fs::write(&file, "a").unwrap();
        assert_eq!(replace(&file, "b", "c").unwrap(), Replaced::Changed);
        assert_eq!(replace(&file, "a", "c").unwrap(), Replaced::Written);
        assert_eq!(fs::read_to_string(&file).unwrap(), "c");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left lying about");
    }

    #[test]
    fn what_was_saved_between_comparison_and_replacement_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("PLAN.md");
        fs::write(&file, "saved just now").unwrap();
        let mut temporary = NamedTempFile::new_in(folder.path()).unwrap();
        temporary.write_all(b"ticked").unwrap();
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            assert_eq!(swap(temporary, &file, "as compared").unwrap(), Replaced::Changed);
            assert_eq!(fs::read_to_string(&file).unwrap(), "saved just now");
        }
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_a_link_stays_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("real.md"), folder.path().join("PLAN.md"));
        fs::write(&target, "a").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&target, &link).unwrap();
        assert_eq!(replace(&link, "a", "b").unwrap(), Replaced::Written);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "b");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn every_file_is_listed_but_hidden_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("docs/plans")).unwrap();
        fs::create_dir_all(folder.path().join(".coditect")).unwrap();
        for file in ["b.md", "docs/plans/a.md", "docs/.hidden.md", ".coditect/c.md"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(list(folder.path()).unwrap(), ["b.md", "docs/plans/a.md"]);
    }

    #[test]
    fn each_cause_has_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("PLAN.md");
        assert!(read(&file).unwrap_err().to_string().contains("create it"));
        fs::write(&file, b"- [ ] \xff").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("line 1, column 7"));
        assert!(matches!(read(folder.path()), Err(Unreadable::Refused(_))));
    }
}
