//! Results that wait for a person: where they wait, and how one that was approved comes back.

use super::Approved;
use crate::git::GitError;
use crate::job::{Failure, Job};
use crate::publish::{self, Fetched};
use crate::refs;
use crate::repository::Repository;
use crate::workspace::Folders;

/// The longest part of a branch that comes from a task's key, in characters.
const KEY: usize = 60;

/// The branch that the result of an attempt waits on: `coditect/held/<key>-<the end of the attempt's id>`.
pub(crate) fn branch(job: &Job) -> String {
    let mut key = String::new();
    for c in job.key.chars().take(KEY) {
        let fits = c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || c == '.' && !key.ends_with('.');
        key.push(if fits { c } else { '-' });
    }
    // Ids begin with the time, so their ends tell them apart.
    let short = job.attempt_id.len().saturating_sub(8);
    format!("coditect/held/{}-{}", key.trim_matches('.'), job.attempt_id.get(short..).unwrap_or_default())
}

/// Gets an approved result from the repository.
pub(crate) async fn fetch(repository: &Repository, folders: &Folders, approved: &Approved) -> Result<Fetched, Failure> {
    let Approved { commit, branch, .. } = approved;
    let found = publish::fetch(repository, folders, &format!("refs/heads/{branch}"), commit).await?;
    found.ok_or_else(|| {
        Failure::config(format!(
            "the approved result {commit} is not in the repository any more (it was on the branch `{branch}`); retry the \
             task to have an agent do it again"
        ))
    })
}

/// Takes away the branch that a result has waited on, if it still is what was approved.
pub(crate) async fn withdraw(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    approved: &Approved,
) -> Result<(), GitError> {
    let Approved { branch, commit, .. } = approved;
    refs::remove(repository, folders, job, &format!("refs/heads/{branch}"), commit).await
}
