//! A result that conflicts with what landed meanwhile goes back to an agent, once, with the conflict in hand. So does one that was
//! left on a branch and not merged as it was: the next attempt goes on with it.
//!
//! The result is kept in the repository, under a ref of its own that no branch listing shows, so that the next attempt starts from it
//! wherever it runs: its worktree is the target's tip merged with the result, with git's marks where the two do not fit. A result that
//! still has such marks does not pass (see [`crate::proof`]).

use crate::candidate::Candidate;
use crate::git::GitError;
use crate::job::{Earlier, Failure, Job};
use crate::publish;
use crate::refs;
use crate::repository::Repository;
use crate::workspace::Folders;

/// What an attempt has in hand of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InHand {
    /// The earlier result.
    commit: String,
    /// It was left on a branch, and does not conflict of itself.
    pub(crate) delivered: bool,
    /// The files in which it does not fit the target's tip; they have git's marks.
    pub(crate) files: Vec<String>,
}

/// Keeps a result that conflicts. That it cannot be kept is no failure of its own: the next attempt begins from the start.
pub(crate) async fn keep(repository: &Repository, folders: &Folders, job: &Job, result: &Candidate) {
    if let Err(error) = publish::put(repository, folders, job, &result.commit, &job.conflict_ref()).await {
        tracing::warn!(%error, task = job.task, "a result that conflicts could not be kept for the next attempt");
    }
}

/// Merges what was kept of an earlier attempt into the agent's fresh worktree of `tip`; none if nothing was kept.
pub(crate) async fn take(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    tip: &str,
) -> Result<Option<InHand>, Failure> {
    if job.attempt_number < 2 {
        return Ok(None);
    }
    let name = job.conflict_ref();
    let Some(commit) = publish::tip_of(repository, &name).await? else { return Ok(None) };
    if publish::fetch(repository, folders, &name, &commit).await?.is_none() {
        return Ok(None);
    }
    let files = merge(repository, folders, job, tip, &commit).await?;
    Ok(files.map(|files| InHand { commit, delivered: false, files }))
}

/// Merges what was left on a branch into the agent's fresh worktree of `tip`, with what people have added there since; none if it is
/// gone.
pub(crate) async fn go_on(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    tip: &str,
    earlier: &Earlier,
) -> Result<Option<InHand>, Failure> {
    let name = format!("refs/heads/{}", earlier.branch);
    let commit = publish::tip_of(repository, &name).await?.unwrap_or_else(|| earlier.commit.clone());
    if publish::fetch(repository, folders, &name, &commit).await?.is_none() {
        return Ok(None);
    }
    let files = merge(repository, folders, job, tip, &commit).await?;
    Ok(files.map(|files| InHand { commit, delivered: true, files }))
}

/// Merges a commit of an earlier attempt into the fresh worktree of `tip`, and says which files have git's marks of a conflict; none: it
/// cannot be merged, and the worktree is as it was.
pub(crate) async fn merge(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    tip: &str,
    commit: &str,
) -> Result<Option<Vec<String>>, Failure> {
    let merge = ["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", tip, commit];
    let merged = folders.staging(repository, repository.git().call(merge)).answer().await?;
    let text = merged.text();
    let mut fields = text.split('\0').map(str::trim).filter(|field| !field.is_empty());
    let tree = fields.next().unwrap_or_default();
    if merged.code > 1 || merged.code < 0 || tree.is_empty() {
        // Histories that have nothing in common, for example.
        tracing::warn!(task = job.task, said = merged.stderr, "what was kept of an earlier attempt cannot be merged");
        return Ok(None);
    }
    let write = ["read-tree", "-m", "-u", tip, tree];
    folders.staging(repository, repository.git().call(write)).work_tree(&folders.worktree).ok().await?;
    Ok(Some(fields.map(str::to_owned).collect()))
}

/// Forgets what was kept, once the task has landed.
pub(crate) async fn forget(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    had: &InHand,
) -> Result<(), GitError> {
    if had.delivered {
        return Ok(());
    }
    refs::remove(repository, folders, job, &job.conflict_ref(), &had.commit).await
}
