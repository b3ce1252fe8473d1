//! Landing: one atomic change of two refs. The target branch moves from the verified base to the verified result, and
//! the ref that says this generation of the task has landed is made, which must not exist. Either both happen or
//! neither, whoever else is landing.

use std::path::Path;

use crate::candidate::Candidate;
use crate::git::Git;
use crate::job::{Failure, Job, landed_ref};
use crate::refs::{self, RefChange};
use crate::repository::{Repository, target_is_checked_out};
use crate::workspace::Folders;

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
    let changes = [
        RefChange { name: job.target_ref(), from: Some(tip.to_owned()), to: candidate.commit.clone() },
        RefChange::create(job.landed_ref(), &candidate.commit),
    ];
    let reason = format!("coditect: {} landed", job.task);
    let Err(error) = refs::change(repository, folders, job, &changes, &reason).await else {
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
