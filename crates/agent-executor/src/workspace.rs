//! The folders of an attempt: the agent's worktree, our own index of it, the clean checkout, the homes.
//!
//! The worktree has a git directory of its own, on a branch of its own, that borrows its objects. The agent may do
//! to it what it likes: everything that counts (staging, merging, landing) is done from our clone, with an index and
//! objects in the `staging` folder, which no worktree refers to. So neither a hook nor a filter nor a setting that an
//! agent left behind is ever run by us. Removing an attempt is removing its folders.
//!
//! ```text
//! <root>/repositories/<hash>.git   the cached clone of each repository
//! <root>/worktrees/<attempt>       where the agent works
//! <root>/staging/<attempt>         our index of it, and the objects made from it
//! <root>/verify/<attempt>          the clean checkout of the result
//! <root>/homes/<attempt>/…         a HOME for the agent, another for the verify commands
//! <root>/kept/<attempt>            what a failed attempt leaves to the next (see [`crate::kept`])
//! ```

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::git::Call;
use crate::job::{Author, Failure, Job};
use crate::processes;
use crate::repository::Repository;

const PER_ATTEMPT: [&str; 4] = ["worktrees", "staging", "verify", "homes"];

/// The folder that holds everything of one executor.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

/// The folders of one attempt.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Where the agent works.
    pub worktree: PathBuf,
    /// Our index of the worktree.
    pub index: PathBuf,
    /// The objects made from it.
    pub objects: PathBuf,
    /// The clean checkout of the result.
    pub verify: PathBuf,
    /// The agent's `HOME`.
    pub home: PathBuf,
    /// The verify commands' `HOME`, new for each checkout: neither the agent nor an earlier result has written anything there.
    pub verify_home: PathBuf,
    homes: PathBuf,
    staging: PathBuf,
}

/// What a sweep found that no live attempt owns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The attempts whose folders were removed, sorted.
    pub attempts: Vec<String>,
    /// How many processes were killed.
    pub processes: usize,
}

impl Root {
    /// Makes the folders, readable by nobody else.
    pub fn create(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
        let path = std::fs::canonicalize(path)?;
        for folder in PER_ATTEMPT.into_iter().chain(["repositories", "git-home", "kept"]) {
            std::fs::create_dir_all(path.join(folder))?;
        }
        Ok(Self(path))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folders of an attempt, which may not exist.
    #[must_use]
    pub fn folders(&self, attempt_id: &str) -> Folders {
        let homes = self.0.join("homes").join(attempt_id);
        let staging = self.0.join("staging").join(attempt_id);
        Folders {
            worktree: self.0.join("worktrees").join(attempt_id),
            index: staging.join("index"),
            objects: staging.join("objects"),
            verify: self.0.join("verify").join(attempt_id),
            home: homes.join("agent"),
            verify_home: homes.join("verify"),
            homes,
            staging,
        }
    }

    /// Kills and removes whatever belongs to none of the live attempts. Only the one executor that owns the root may.
    pub fn sweep(&self, live: &[String]) -> io::Result<Swept> {
        let live: HashSet<&str> = live.iter().map(String::as_str).collect();
        let homes = self.0.join("homes");
        let processes = processes::kill_by_home(|home| {
            let attempt = home.strip_prefix(&homes).ok().and_then(|rest| rest.components().next());
            attempt.is_some_and(|id| id.as_os_str().to_str().is_none_or(|id| !live.contains(id)))
        });
        let mut attempts = HashSet::new();
        for folder in PER_ATTEMPT {
            for entry in std::fs::read_dir(self.0.join(folder))? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if !live.contains(name.as_str()) {
                    remove_tree(&entry.path())?;
                    attempts.insert(name);
                }
            }
        }
        for entry in std::fs::read_dir(self.0.join("repositories"))? {
            let clone = entry?.path();
            remove_locks(&clone, 0);
            remove_unfinished(&clone.join("objects/pack"));
        }
        let mut attempts: Vec<_> = attempts.into_iter().collect();
        attempts.sort();
        Ok(Swept { attempts, processes })
    }
}

impl Folders {
    /// Checks the base out for the agent, and keeps an index of our own of what was checked out.
    pub async fn prepare(&self, repository: &Repository, job: &Job, base: &str) -> Result<(), Failure> {
        let branch = format!("refs/heads/coditect/attempt/{}", job.attempt_id);
        let target = format!("refs/remotes/origin/{}", job.target_branch);
        let made = (|| {
            std::fs::create_dir(&self.worktree)?;
            let head = Head::Branch { branch: &branch, target: &target, base };
            write_git_dir(&self.worktree.join(".git"), repository, &[repository.objects()], &head, &job.author)?;
            std::fs::create_dir_all(&self.objects)?;
            std::fs::create_dir_all(&self.home)?;
            std::fs::create_dir_all(&self.verify_home)
        })();
        made.map_err(|error| cannot_write(&self.worktree, &error))?;
        check_out(repository, &self.worktree, base).await?;
        // With the times and sizes in it, staging need not read the files the agent did not touch.
        let copied = std::fs::copy(self.worktree.join(".git/index"), &self.index);
        copied.map(|_| ()).map_err(|error| cannot_write(&self.index, &error))
    }

    /// Checks the result out anew, for the verify commands.
    pub async fn prepare_verify(&self, repository: &Repository, job: &Job, commit: &str) -> Result<(), Failure> {
        // Whoever was verified before may have left something for the next in the home, too.
        for folder in [&self.verify, &self.verify_home] {
            remove(folder.clone()).await.map_err(|error| cannot_write(folder, &error))?;
        }
        let made = std::fs::create_dir_all(&self.verify_home).and_then(|()| {
            std::fs::create_dir(&self.verify)?;
            let objects = [self.objects.as_path(), repository.objects()];
            write_git_dir(&self.verify.join(".git"), repository, &objects, &Head::Detached(commit), &job.author)
        });
        made.map_err(|error| cannot_write(&self.verify, &error))?;
        check_out(repository, &self.verify, commit).await
    }

    /// Has a call work on our own index and objects of the attempt, in our own clone.
    #[must_use]
    pub fn staging<'a>(&'a self, repository: &'a Repository, call: Call<'a>) -> Call<'a> {
        call.git_dir(repository.cache()).index(&self.index).objects(&self.objects, repository.objects())
    }

    /// Removes everything of the attempt.
    pub async fn remove(&self) -> io::Result<()> {
        let folders = [&self.worktree, &self.staging, &self.verify, &self.homes].map(Clone::clone);
        let all = tokio::task::spawn_blocking(move || {
            let mut removed = Ok(());
            for folder in &folders {
                removed = remove_tree(folder).and(removed);
            }
            removed
        });
        all.await.map_err(io::Error::other)?
    }
}

enum Head<'a> {
    Detached(&'a str),
    Branch { branch: &'a str, target: &'a str, base: &'a str },
}

/// Writes the files of a commit. The git directory was written by us, this moment: no agent has been near it.
async fn check_out(repository: &Repository, dir: &Path, commit: &str) -> Result<(), Failure> {
    let git_dir = dir.join(".git");
    let read = repository.git().call(["read-tree", "-m", "-u", commit]).git_dir(&git_dir).work_tree(dir);
    read.ok().await.map(|_| ()).map_err(Failure::from)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::config(format!("{} could not be written: {error}", path.display()))
}

/// Writes a git directory that borrows its objects, with as few files as git needs: creating and removing files is
/// most of what an attempt of a small task costs.
fn write_git_dir(
    git_dir: &Path,
    repository: &Repository,
    objects: &[&Path],
    head: &Head<'_>,
    author: &Author,
) -> io::Result<()> {
    std::fs::create_dir_all(git_dir.join("objects/info"))?;
    std::fs::create_dir(git_dir.join("refs"))?;
    let borrowed: String = objects.iter().map(|objects| format!("{}\n", objects.display())).collect();
    std::fs::write(git_dir.join("objects/info/alternates"), borrowed)?;
    match head {
        Head::Detached(commit) => std::fs::write(git_dir.join("HEAD"), format!("{commit}\n"))?,
        Head::Branch { branch, target, base } => {
            // Agents and their tools write to `info/exclude`.
            std::fs::create_dir(git_dir.join("info"))?;
            std::fs::write(git_dir.join("HEAD"), format!("ref: {branch}\n"))?;
            std::fs::write(git_dir.join("packed-refs"), format!("{base} {branch}\n{base} {target}\n"))?;
        }
    }
    let (version, extension) = match repository.format() {
        "sha1" => (0, String::new()),
        other => (1, format!("[extensions]\n\tobjectFormat = {other}\n")),
    };
    std::fs::write(
        git_dir.join("config"),
        format!(
            "[core]\n\trepositoryFormatVersion = {version}\n\tbare = false\n{extension}\
             [gc]\n\tauto = 0\n[user]\n\tname = {}\n\temail = {}\n",
            value(&author.name),
            value(&author.email)
        ),
    )?;
    if let Some(shallow) = repository.shallow() {
        std::fs::copy(shallow, git_dir.join("shallow"))?;
    }
    Ok(())
}

/// A value as git's configuration files write it.
fn value(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ");
    format!("\"{escaped}\"")
}

async fn remove(path: PathBuf) -> io::Result<()> {
    tokio::task::spawn_blocking(move || remove_tree(&path)).await.map_err(io::Error::other)?
}

/// Makes a folder in a home that commands of a repository have written to, if it is not there. A link or a file in its place is removed: it
/// would lead what is done with the folder elsewhere. Nothing of those commands is alive.
pub(crate) fn real_folder(folder: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    remove_tree(folder)?;
    std::fs::create_dir_all(folder)
}

/// Removes a folder with all that is in it, read-only folders included; that there is none is fine. A command that
/// was killed this moment may still add a file, so it tries more than once.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        let removed = match std::fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
            Ok(_) => std::fs::remove_file(path),
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => return Ok(()),
            Err(error) if tries == 5 => return Err(error),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => make_writable(path),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
        tries += 1;
    }
}

fn make_writable(path: &Path) {
    if !std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        return;
    }
    let _ = std::fs::set_permissions(path, PermissionsExt::from_mode(0o700));
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        make_writable(&entry.path());
    }
}

/// Removes the lock files a git that was killed left in a clone; the root has one owner, so they are nobody's.
fn remove_locks(folder: &Path, depth: usize) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && name != "objects" && depth < 20 {
            remove_locks(&path, depth + 1);
        } else if !is_dir && path.extension().is_some_and(|end| end == "lock") {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Removes packs that a fetch which was killed has left half-written.
fn remove_unfinished(packs: &Path) {
    for entry in std::fs::read_dir(packs).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("tmp_") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_with_read_only_folders_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("file"), "").unwrap();
        std::fs::set_permissions(&deep, PermissionsExt::from_mode(0o500)).unwrap();
        remove_tree(&dir.path().join("a")).unwrap();
        assert!(!dir.path().join("a").exists());
        remove_tree(&dir.path().join("a")).unwrap();
    }

    #[test]
    fn a_value_cannot_add_a_setting() {
        assert_eq!(value("a\"b\\\n[core]"), "\"a\\\"b\\\\ [core]\"");
    }
}
