//! Publishing: a commit goes to a branch of its own in the repository, where people and their tools can see it. The
//! target branch stays as it is.

use coditect_core::FailureClass;

use crate::candidate::Candidate;
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
    not_checked_out(repository, branch)?;
    put(repository, folders, job, commit, &format!("refs/heads/{branch}")).await
}

fn not_checked_out(repository: &Repository, branch: &str) -> Result<(), Failure> {
    let Some(place) = repository.checked_out_at(branch) else { return Ok(()) };
    Err(Failure::config(format!(
        "the branch `{branch}` is checked out in {}, and moving it would change that under its owner's hands; check out \
         another branch there",
        place.display()
    )))
}

/// Puts a commit on a branch that others may push to, if it still is where it was seen: what somebody has added meanwhile is not
/// taken away.
///
/// # Errors
/// [`FailureClass::MergeConflict`](coditect_core::FailureClass) where it has moved; otherwise as [`publish`].
pub(crate) async fn move_from(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    commit: &str,
    branch: &str,
    seen: Option<&str>,
) -> Result<(), Failure> {
    not_checked_out(repository, branch)?;
    let name = format!("refs/heads/{branch}");
    let change = RefChange { name: name.clone(), from: seen.map(str::to_owned), to: commit.to_owned() };
    let reason = format!("coditect: a result of {}", job.task);
    let Err(error) = refs::change(repository, folders, job, &[change], &reason).await else { return Ok(()) };
    // The ref tells what happened, also where the answer to a push that succeeded was lost.
    match tip_of(repository, &name).await? {
        Some(tip) if tip == commit => Ok(()),
        tip if tip.as_deref() == seen => Err(error.into()),
        tip => {
            let now = tip.map_or("it is gone".to_owned(), |tip| format!("it is at {tip}"));
            let message = format!("somebody has moved the branch `{branch}` while the task was worked on: {now}");
            Err(Failure::new(FailureClass::MergeConflict, message))
        }
    }
}

/// Keeps what is on a branch that begins anew, on a ref of its own: people may have added to it. Answers the ref.
pub(crate) async fn keep_replaced(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    branch: &str,
    commit: &str,
) -> Result<String, Failure> {
    let kept = format!("refs/coditect/replaced/{branch}/{commit}");
    fetch(repository, folders, &format!("refs/heads/{branch}"), commit).await?;
    put(repository, folders, job, commit, &kept).await?;
    Ok(kept)
}

/// Puts a commit on a ref that is ours, wherever that was before.
pub(crate) async fn put(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    commit: &str,
    name: &str,
) -> Result<(), Failure> {
    let reason = format!("coditect: a result of {}", job.task);
    let mut tries = 0;
    loop {
        tries += 1;
        let from = tip_of(repository, name).await?;
        if from.as_deref() == Some(commit) {
            return Ok(());
        }
        let change = RefChange { name: name.to_owned(), from: from.clone(), to: commit.to_owned() };
        match refs::change(repository, folders, job, &[change], &reason).await {
            Ok(()) => return Ok(()),
            Err(error) if tries < TRIES && tip_of(repository, name).await? != from => {
                tracing::debug!(%error, name, "the ref has moved; published again");
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A commit of the repository, and the commit it was made on.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The commit and its tree.
    pub(crate) candidate: Candidate,
    /// Its parent.
    pub(crate) base: String,
}

/// Gets a commit that was published on a ref; none if the repository has it no more.
pub(crate) async fn fetch(
    repository: &Repository,
    folders: &Folders,
    name: &str,
    commit: &str,
) -> Result<Option<Fetched>, Failure> {
    let refspec = format!("+{name}:refs/coditect/fetched/{}", name.trim_start_matches("refs/"));
    let mut last = None;
    // It may be here, on its ref, or somewhere a server lets it be fetched from by its name.
    for what in [None, Some(refspec.as_str()), Some(commit)] {
        if let Some(what) = what {
            let ask = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", repository.url(), what];
            last = repository.git().call(ask).git_dir(repository.cache()).ok().await.err();
        }
        if let Some(found) = read(repository, folders, commit).await? {
            return Ok(Some(found));
        }
    }
    match last {
        Some(error) if error.is_transient() => Err(error.into()),
        _ => Ok(None),
    }
}

/// A commit with its tree and its parent, if it is here.
async fn read(repository: &Repository, folders: &Folders, commit: &str) -> Result<Option<Fetched>, GitError> {
    let parts = ["^{commit}", "^{tree}", "^"].map(|part| format!("{commit}{part}"));
    let ask = ["rev-parse", "--quiet", "--end-of-options"].into_iter().chain(parts.iter().map(String::as_str));
    let answer = folders.staging(repository, repository.git().call(ask)).answer().await?;
    let text = answer.text();
    // It repeats the option.
    let mut lines = text.lines().filter(|line| !line.starts_with('-'));
    let (Some(commit), Some(tree), Some(base), 0) = (lines.next(), lines.next(), lines.next(), answer.code) else {
        return Ok(None);
    };
    let candidate = Candidate { commit: commit.to_owned(), tree: tree.to_owned() };
    Ok(Some(Fetched { candidate, base: base.to_owned() }))
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
