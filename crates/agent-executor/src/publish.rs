//! Publishing: a commit goes to a branch of its own in the repository, where people and their tools can see it. The
//! target branch stays as it is.

use crate::git::GitError;
use crate::job::{Failure, Job};
use crate::refs::{self, RefChange};
use crate::repository::Repository;
use crate::workspace::Folders;

/// How often a push is tried whose branch moves meanwhile.
const TRIES: u32 = 3;

/// Puts a commit on a branch, which is made where there is none and moved, not added to, where there is one: the branch
/// is ours. It moves only from where it was seen, so nothing that comes to it meanwhile is lost unseen.
///
/// # Errors
/// [`FailureClass::Config`](coditect_core::FailureClass) for what has to be mended (no right to push, a branch that
/// somebody has checked out); `ExecutorLost` for a network that is down.
pub async fn publish(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    commit: &str,
    branch: &str,
) -> Result<(), Failure> {
    let name = format!("refs/heads/{branch}");
    let reason = format!("coditect: a result of {}", job.task);
    if let Some(place) = repository.checked_out_at(branch) {
        return Err(Failure::config(format!(
            "the branch `{branch}` is checked out in {}, and moving it would change that under its owner's hands; \
             check out another branch there",
            place.display()
        )));
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let from = tip_of(repository, &name).await?;
        if from.as_deref() == Some(commit) {
            return Ok(());
        }
        let change = RefChange { name: name.clone(), from: from.clone(), to: commit.to_owned() };
        match refs::change(repository, folders, job, &[change], &reason).await {
            Ok(()) => return Ok(()),
            Err(error) if tries < TRIES && tip_of(repository, &name).await? != from => {
                tracing::debug!(%error, branch, "the branch has moved; published again");
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Where a ref of the repository is now, by its full name.
pub(crate) async fn tip_of(repository: &Repository, name: &str) -> Result<Option<String>, GitError> {
    let mut args = vec!["ls-remote".to_owned(), "--quiet".to_owned()];
    args.extend(repository.pack_option("upload-pack", &[]));
    args.extend(["--".to_owned(), repository.url().to_owned(), name.to_owned()]);
    let listed = repository.git().call(args).dir(repository.cache()).ok().await?;
    let found = listed.lines().filter_map(|line| line.split_once('\t')).find(|(_, listed)| *listed == name);
    Ok(found.map(|(oid, _)| oid.to_owned()))
}
