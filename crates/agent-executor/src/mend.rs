//! A cached clone that is broken mends itself: what it has of a remote repository is fetched anew.
//!
//! Nothing is taken away that running attempts may borrow: the objects stay, and come once more as a new pack, from which git reads
//! what the broken one does not give.

use std::io;
use std::time::Duration;

use coditect_core::FailureClass;

use crate::git::GitError;
use crate::job::{Failure, Job};
use crate::repository::Repository;

/// How long looking through a clone, or fetching all of it, may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What in a clone is made anew; everything else is objects. No ref in it is anybody's but ours.
const MADE_ANEW: [&str; 5] = ["HEAD", "config", "packed-refs", "refs", "shallow"];

/// Mends the clone, if it is what went wrong. False: it is whole, or of this machine, and the failure stands.
pub(crate) async fn mend(repository: &Repository, job: &Job, failure: &Failure) -> Result<bool, Failure> {
    // Where it is a network that is down there is nothing to mend.
    if failure.class != FailureClass::Config || !repository.is_remote() {
        return Ok(false);
    }
    let (_one_at_a_time, waited) = repository.fetching().await;
    if is_whole(repository).await {
        // Another attempt may just have mended it.
        return Ok(waited);
    }
    let cache = repository.cache();
    tracing::warn!(clone = %cache.display(), %failure, "the cached clone is broken, and is fetched anew");
    let cleared = MADE_ANEW.iter().try_for_each(|name| crate::workspace::remove_tree(&cache.join(name)));
    let cleared = cleared.and_then(|()| std::fs::create_dir_all(cache));
    cleared.map_err(|error| broken(repository, &error))?;
    repository.init().await?;
    let refspec = format!("+{}:{}", job.target_ref(), repository.tip_ref(job));
    let fetch =
        ["fetch", "--quiet", "--refetch", "--no-tags", "--no-write-fetch-head", "--", repository.url(), &refspec];
    repository.git().call(fetch).git_dir(cache).limit(LIMIT).ok().await?;
    Ok(true)
}

/// Whether everything in the clone can be read, as far as is known.
async fn is_whole(repository: &Repository) -> bool {
    let look =
        repository.git().call(["fsck", "--no-dangling", "--no-progress"]).git_dir(repository.cache()).limit(LIMIT);
    match look.answer().await {
        Ok(answer) => answer.code == 0,
        // What could not be looked through is not taken apart under those who work with it.
        Err(GitError::TimedOut { .. }) => true,
        // Without its folder git cannot even be started.
        Err(GitError::Failed { .. } | GitError::Spawn(_)) => false,
    }
}

fn broken(repository: &Repository, error: &io::Error) -> Failure {
    let cache = repository.cache().display();
    Failure::config(format!("the cached clone {cache} is broken and cannot be mended ({error}): remove it by hand"))
}
