//! Landing: one atomic change of two refs. The target branch moves from the verified base to the verified result, and
//! the ref that says this generation of the task has landed is made, which must not exist. Either both happen or
//! neither, whoever else is landing.
//!
//! A repository of ours on this machine is given the objects and then changed by one ref transaction; any other is
//! pushed to, atomically. No hook runs on this machine either way.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::candidate::{Candidate, signed};
use crate::git::{Git, GitError};
use crate::job::{Failure, Job, landed_ref};
use crate::repository::{Repository, target_is_checked_out};
use crate::workspace::Folders;

/// How long a push may take.
const PUSH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What git says when somebody else is changing, or has just changed, a ref.
const CONTENDED: [&str; 5] =
    ["cannot lock ref", "failed to update ref", "Unable to create", "stale info", "fetch first"];

/// What came of a try to land.
#[derive(Debug, PartialEq, Eq)]
pub enum Landing {
    /// The result is on the target branch.
    Landed,
    /// This generation had landed before, as this commit.
    AlreadyLanded(String),
    /// Somebody else moved, or is moving, the target; nothing was changed.
    Lost {
        /// What git said.
        reason: String,
    },
}

/// Tries once to land the candidate, whose parent is `tip`.
pub async fn land(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    tip: &str,
    candidate: &Candidate,
) -> Result<Landing, Failure> {
    if let Some(place) = repository.checked_out_at(&job.target_branch) {
        return Err(target_is_checked_out(job, &place));
    }
    let done = match repository.ours() {
        Some((git_dir, objects)) => {
            give_objects(&folders.objects, objects)
                .map_err(|error| Failure::config(format!("{} could not be written: {error}", objects.display())))?;
            update_refs(repository.git(), git_dir, job, tip, &candidate.commit).await
        }
        None => push(repository, folders, job, tip, &candidate.commit).await,
    };
    let Err(error) = done else {
        repository.saw_landing(job, tip, candidate);
        repository.landed_one_more().await;
        return Ok(Landing::Landed);
    };
    // The refs tell what happened, also where the answer to a push that succeeded was lost.
    repository.forget_tip(job);
    let refs = repository.refs(job).await?;
    if let Some(commit) = refs.landed {
        return Ok(if commit == candidate.commit { Landing::Landed } else { Landing::AlreadyLanded(commit) });
    }
    let reason = error.to_string();
    if reason.contains("checked out branch") || reason.contains("is currently checked out") {
        return Err(target_is_checked_out(job, Path::new(repository.url())));
    }
    if refs.tip.as_deref() != Some(tip) || CONTENDED.iter().any(|sign| reason.contains(sign)) {
        tracing::debug!(task = job.task, attempt = job.attempt_id, reason, "another landing came first");
        return Ok(Landing::Lost { reason });
    }
    Err(error.into())
}

/// The commit that a generation of a task landed as, if it has: what to ask before a task is run or retried.
pub async fn landed_commit(
    git: &Git,
    repository: &str,
    task: &str,
    generation: i64,
) -> Result<Option<String>, Failure> {
    let name = landed_ref(task, generation);
    let args = ["ls-remote", "--quiet", "--upload-pack=git -c 'safe.directory=*' upload-pack", "--", repository, &name];
    // The option is for a repository on this machine; elsewhere the program may go by another name.
    let args = args.into_iter().filter(|arg| Path::new(repository).is_dir() || !arg.starts_with("--upload-pack"));
    let listed = git.call(args).ok().await?;
    let found = listed.lines().filter_map(|line| line.split_once('\t')).find(|(_, listed)| *listed == name);
    Ok(found.map(|(oid, _)| oid.to_owned()))
}

/// One ref transaction, in place.
async fn update_refs(git: &Git, git_dir: &Path, job: &Job, tip: &str, commit: &str) -> Result<(), GitError> {
    let reason = format!("coditect: {} landed", job.task);
    let transaction = format!(
        "start\nupdate {} {commit} {tip}\ncreate {} {commit}\nprepare\ncommit\n",
        job.target_ref(),
        job.landed_ref()
    );
    let call = git.call(["update-ref", "-m", &reason, "--no-deref", "--stdin"]).stdin(transaction);
    signed(call, job).git_dir(git_dir).ok().await.map(|_| ())
}

/// One atomic push.
async fn push(repository: &Repository, folders: &Folders, job: &Job, tip: &str, commit: &str) -> Result<(), GitError> {
    let (target, landed) = (job.target_ref(), job.landed_ref());
    let settings = [
        "receive.autogc=false".to_owned(),
        "receive.denyCurrentBranch=refuse".to_owned(),
        "core.alternateRefsCommand=true".to_owned(),
        // Only these two refs matter; listing thousands of others would take longer than landing.
        "receive.hideRefs=refs/".to_owned(),
        format!("receive.hideRefs=!{target}"),
        format!("receive.hideRefs=!{landed}"),
    ];
    let mut args = vec!["push".to_owned(), "--quiet".to_owned(), "--no-verify".to_owned(), "--atomic".to_owned()];
    args.extend(repository.pack_option("receive-pack", &settings));
    args.extend([
        format!("--force-with-lease={target}:{tip}"),
        format!("--force-with-lease={landed}:"),
        "--".to_owned(),
        repository.url().to_owned(),
        format!("{commit}:{target}"),
        format!("{commit}:{landed}"),
    ]);
    let call = signed(repository.git().call(args), job).limit(PUSH_LIMIT);
    folders.staging(repository, call).ok().await.map(|_| ())
}

/// Puts all objects of one folder into another, as git does with what it has received: an object's name is its
/// content's, so one that is there already is the same one. A pack's index comes last, since it is what is looked for.
fn give_objects(from: &Path, to: &Path) -> io::Result<()> {
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
