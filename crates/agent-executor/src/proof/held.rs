//! Results that wait for a person: where they wait, and how one that was approved comes back.

use super::Approved;
use crate::candidate::{Candidate, signed};
use crate::git::GitError;
use crate::job::{Failure, Job};
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

/// An approved result and the commit it was made on.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// What is to land.
    pub(crate) candidate: Candidate,
    /// Its parent.
    pub(crate) base: String,
}

/// Gets an approved result from the repository.
pub(crate) async fn fetch(repository: &Repository, folders: &Folders, approved: &Approved) -> Result<Fetched, Failure> {
    let Approved { commit, branch, .. } = approved;
    let refspec = format!("+refs/heads/{branch}:refs/{branch}");
    let mut last = None;
    // It may be here, on its branch, or somewhere a server lets it be fetched from by its name.
    for what in [None, Some(&refspec), Some(commit)] {
        if let Some(what) = what {
            let ask = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", repository.url(), what];
            last = repository.git().call(ask).git_dir(repository.cache()).ok().await.err();
        }
        if let Some(found) = read(repository, folders, commit).await? {
            return Ok(found);
        }
    }
    match last {
        Some(error) if error.is_transient() => Err(error.into()),
        _ => Err(Failure::config(format!(
            "the approved result {commit} is not in the repository any more (it was on the branch `{branch}`); retry the \
             task to have an agent do it again"
        ))),
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

/// Takes away the branch that a result has waited on, if it still is what was approved.
pub(crate) async fn withdraw(
    repository: &Repository,
    folders: &Folders,
    job: &Job,
    approved: &Approved,
) -> Result<(), GitError> {
    let Approved { branch, commit, .. } = approved;
    let name = format!("refs/heads/{branch}");
    match repository.ours() {
        Some((git_dir, _)) => {
            let call = signed(repository.git().call(["update-ref", "-d", &name, commit]), job);
            call.git_dir(git_dir).ok().await.map(|_| ())
        }
        None => {
            let mut args = vec!["push".to_owned(), "--quiet".to_owned(), "--no-verify".to_owned()];
            args.extend(repository.pack_option("receive-pack", &[]));
            args.push(format!("--force-with-lease={name}:{commit}"));
            args.extend(["--".to_owned(), repository.url().to_owned(), format!(":{name}")]);
            folders.staging(repository, repository.git().call(args)).ok().await.map(|_| ())
        }
    }
}
