//! `.coditect/`: everything of a run, in one folder that git does not see.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, at};
use crate::run_file::{self, FOLDER, RunFile};

/// The folder, and the lock that makes a second run in it impossible.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the folder where it is missing, and takes it.
    pub(super) fn open(root: &Path) -> Result<Self, Failure> {
        let folder = root.join(FOLDER);
        let logs = folder.join("logs");
        fs::create_dir_all(&logs).map_err(at("create", &logs))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(at("protect", &folder))?;
        let ignore = folder.join(".gitignore");
        fs::write(&ignore, "*\n").map_err(at("write", &ignore))?;
        let lock = lock(&folder.join("up.lock"))?;
        // What a run that was killed has left.
        RunFile::remove(&folder);
        Ok(Self { folder, _lock: lock })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The data of the private Redis.
    pub(super) fn redis(&self) -> PathBuf {
        self.folder.join("redis")
    }

    /// What a process prints, in full.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    /// Writes a URL that holds a password where only its owner can read it.
    pub(super) fn keep_secret(&self, url: &str) -> Result<PathBuf, Failure> {
        let file = self.folder.join("database-url");
        run_file::private(&file, url)?;
        Ok(file)
    }

    /// Removes what only holds during a run.
    pub(super) fn clear(&self) {
        RunFile::remove(&self.folder);
        let _ = fs::remove_file(self.folder.join("database-url"));
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.clear();
    }
}

fn lock(path: &Path) -> Result<File, Failure> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = open.map_err(at("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(at("lock", path)(error)),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim();
            let shown = if pid.is_empty() { String::new() } else { format!(" (pid {pid})") };
            let kill = if pid.is_empty() { String::new() } else { format!(", or with: kill {pid}") };
            return Err(Failure::wrong(format!("`coditect up` runs in this project already{shown}"))
                .help(format!("look at it with `coditect status`; stop it with Ctrl-C in its terminal{kill}")));
        }
    }
    let write = |file: &mut File| -> std::io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(at("write", path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_in_a_folder_is_refused_with_the_pid_of_the_first() {
        let root = tempfile::tempdir().unwrap();
        let first = Home::open(root.path()).unwrap();
        let refused = Home::open(root.path()).unwrap_err();
        assert!(refused.message.contains(&std::process::id().to_string()), "{}", refused.message);
        drop(first);
        assert!(Home::open(root.path()).is_ok());
        assert_eq!(fs::read_to_string(root.path().join(".coditect/.gitignore")).unwrap(), "*\n");
    }
}
