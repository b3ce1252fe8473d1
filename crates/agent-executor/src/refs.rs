//! One atomic change of several refs of a repository: either all of them move or none does, whoever else moves them.
//!
//! A repository of ours on this machine is given the objects and then changed by one ref transaction; any other is
//! pushed to, atomically. No hook runs on this machine either way.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::candidate::signed;
use crate::git::GitError;
use crate::job::{Failure, Job};
use crate::repository::Repository;
use crate::workspace::Folders;

/// How long a push may take.
const PUSH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// One ref that is to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefChange {
    /// Its full name.
    pub name: String,
    /// Where it has to be; `None`: it must not exist.
    pub from: Option<String>,
    /// Where it goes.
    pub to: String,
}

impl RefChange {
    /// A ref that must not exist yet.
    pub fn create(name: impl Into<String>, to: impl Into<String>) -> Self {
        Self { name: name.into(), from: None, to: to.into() }
    }
}

/// Why refs did not move. The objects may be there already; that nobody refers to them harms nothing.
#[derive(Debug, thiserror::Error)]
pub enum RefsError {
    /// The objects could not be put where the refs are.
    #[error("{} could not be written: {source}", path.display())]
    Objects {
        /// The folder of objects.
        path: std::path::PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Git refused.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl From<RefsError> for Failure {
    fn from(error: RefsError) -> Self {
        match error {
            RefsError::Objects { .. } => Self::config(error.to_string()),
            RefsError::Git(error) => error.into(),
        }
    }
}

/// Moves the refs, in the name of the job's author; `folders` has the objects they are to point to.
pub async fn change(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    changes: &[RefChange],
    reason: &str,
) -> Result<(), RefsError> {
    match repository.ours() {
        Some((git_dir, objects)) => {
            give_objects(&folders.objects, objects)
                .map_err(|source| RefsError::Objects { path: objects.to_owned(), source })?;
            transaction(repository, git_dir, job, changes, reason).await?;
        }
        None => push(repository, folders, job, changes).await?,
    }
    Ok(())
}

/// Removes a ref that is ours, if it still is where it was seen.
pub(crate) async fn remove(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    name: &str,
    at: &str,
) -> Result<(), GitError> {
    match repository.ours() {
        Some((git_dir, _)) => {
            let call = signed(repository.git().call(["update-ref", "-d", name, at]), job);
            call.git_dir(git_dir).ok().await.map(|_| ())
        }
        None => {
            let mut args = vec!["push".to_owned(), "--quiet".to_owned(), "--no-verify".to_owned()];
            args.extend(repository.pack_option("receive-pack", &[]));
            args.push(format!("--force-with-lease={name}:{at}"));
            args.extend(["--".to_owned(), repository.url().to_owned(), format!(":{name}")]);
            folders.staging(repository, repository.git().call(args)).ok().await.map(|_| ())
        }
    }
}

/// One ref transaction, in place.
async fn transaction(
    repository: &Repository,
    git_dir: &Path,
    job: &Job,
    changes: &[RefChange],
    reason: &str,
) -> Result<(), GitError> {
    let mut lines = String::from("start\n");
    for RefChange { name, from, to } in changes {
        lines.push_str(&match from {
            Some(from) => format!("update {name} {to} {from}\n"),
            None => format!("create {name} {to}\n"),
        });
    }
    lines.push_str("prepare\ncommit\n");
    let call = repository.git().call(["update-ref", "-m", reason, "--no-deref", "--stdin"]).stdin(lines);
    signed(call, job).git_dir(git_dir).ok().await.map(|_| ())
}

/// One atomic push.
async fn push(repository: &Repository, folders: &Folders, job: &Job, changes: &[RefChange]) -> Result<(), GitError> {
    let mut settings = vec![
        "receive.autogc=false".to_owned(),
        "receive.denyCurrentBranch=refuse".to_owned(),
        "core.alternateRefsCommand=true".to_owned(),
        // Only these refs matter; listing thousands of others would take longer than moving them.
        "receive.hideRefs=refs/".to_owned(),
    ];
    settings.extend(changes.iter().map(|change| format!("receive.hideRefs=!{}", change.name)));
    let mut args = vec!["push".to_owned(), "--quiet".to_owned(), "--no-verify".to_owned(), "--atomic".to_owned()];
    args.extend(repository.pack_option("receive-pack", &settings));
    for RefChange { name, from, .. } in changes {
        args.push(format!("--force-with-lease={name}:{}", from.as_deref().unwrap_or_default()));
    }
    args.extend(["--".to_owned(), repository.url().to_owned()]);
    args.extend(changes.iter().map(|RefChange { name, to, .. }| format!("{to}:{name}")));
    let call = signed(repository.git().call(args), job).limit(PUSH_LIMIT);
    folders.staging(repository, call).ok().await.map(|_| ())
}

/// Puts all objects of one folder into another, as git does with what it has received: an object's name is its
/// content's, so one that is there already is the same one. A pack's index comes last, since it is what is looked for.
pub(crate) fn give_objects(from: &Path, to: &Path) -> io::Result<()> {
    for folder in std::fs::read_dir(from)? {
        let folder = folder?;
        if folder.file_name() == "info" {
            continue;
        }
        let into = to.join(folder.file_name());
        std::fs::create_dir_all(&into)?;
        let mut files = Vec::new();
        for file in std::fs::read_dir(folder.path())? {
            files.push(file?);
        }
        files.sort_by_key(|file| file.path().extension().is_some_and(|end| end == "idx"));
        for file in files.iter().filter(|file| !file.file_name().to_string_lossy().starts_with("tmp_")) {
            give(&file.path(), &into.join(file.file_name()))?;
        }
    }
    Ok(())
}

fn give(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Another file system, or one without links.
        Err(_) => {
            let part = to.with_extension(format!("tmp-{}", std::process::id()));
            std::fs::copy(from, &part)?;
            std::fs::rename(&part, to)
        }
    }
}
