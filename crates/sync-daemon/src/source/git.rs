//! Plan files on a branch: read from its tip as it was last fetched, written by pushing a commit.
//!
//! A push moves the branch only from the commit that the new one was made on. Where somebody else came first, the tip
//! is fetched; if the plan still says what was expected, another commit is made on it, and otherwise nothing is
//! written: the caller reads again and merges. A commit that was not pushed is nowhere but in the clone, and nobody
//! misses it; one whose push was not answered is found by the next look at the branch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coditect_plan::NotUtf8;
use coditect_service::config::Config;
use coditect_service::git::GitError;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tracing::{debug, info};

use super::Unwritable;
use super::clone::{PlanClone, Tip};
use super::file::{Content, Replaced, Unreadable};
use super::tree::Entry;
use super::trouble;

/// How often a commit is made and pushed before the caller is to look again.
const TRIES: u32 = 5;

/// The pause after the first push that lost a race; it doubles with each.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between pushes that are refused.
const LONGEST_HOLD: Duration = Duration::from_secs(10 * 60);

/// After so many tips the clone is tidied.
const TIDY_EVERY: u64 = 200;

/// The plan files of a branch.
#[derive(Debug)]
pub struct GitSource {
    clone: PlanClone,
    poll: Duration,
    /// Whoever talks to the repository has it.
    wire: AsyncMutex<Wire>,
    seen: Mutex<Seen>,
}

/// What is remembered of talking to the repository.
#[derive(Debug, Default)]
struct Wire {
    tips: u64,
    held: Option<Held>,
}

/// A push was refused: until when none is tried.
#[derive(Debug)]
struct Held {
    why: String,
    times: u32,
    until: Instant,
}

/// The branch as it was last seen.
#[derive(Debug, Default)]
struct Seen {
    tip: Option<Tip>,
    /// Why the branch could not be looked at the last time.
    trouble: Option<String>,
    /// The files that were read at that tip.
    files: HashMap<String, Option<Arc<File>>>,
}

/// A file at the tip.
#[derive(Debug)]
struct File {
    entry: Entry,
    content: Result<Content, NotUtf8>,
}

impl GitSource {
    /// The plan files that the configuration names. Nothing is asked of the repository yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let (plan, repository) = (&config.plan, &config.repository);
        let data = std::path::absolute(&plan.data_dir).unwrap_or_else(|_| (&plan.data_dir).into());
        Self {
            clone: PlanClone::new(&data, &repository.path, plan.branch.as_deref(), &repository.target_branch),
            poll: plan.poll_interval(),
            wire: AsyncMutex::default(),
            seen: Mutex::default(),
        }
    }

    /// The clone.
    #[must_use]
    pub const fn own(&self) -> &PlanClone {
        &self.clone
    }

    /// How often the branch is to be looked at.
    #[must_use]
    pub const fn poll_interval(&self) -> Duration {
        self.poll
    }

    /// Looks where the branch is, and brings it here.
    ///
    /// # Errors
    /// What is wrong, with the cure; until it is mended no file can be read.
    pub async fn fetch(&self) -> Result<Tip, String> {
        self.fetch_by(&mut *self.wire.lock().await).await
    }

    /// [`fetch`](Self::fetch), because somebody waits for it: a push that was refused may be tried again at once.
    ///
    /// # Errors
    /// As of [`fetch`](Self::fetch).
    pub async fn asked(&self) -> Result<Tip, String> {
        let mut wire = self.wire.lock().await;
        wire.held = None;
        self.fetch_by(&mut wire).await
    }

    /// What the file at `path` holds at the tip.
    ///
    /// # Errors
    /// [`Unreadable`], with the cure.
    pub async fn read(&self, path: &str) -> Result<Content, Unreadable> {
        loop {
            let tip = self.tip().await?;
            match self.at_tip(&tip, path).await {
                Ok(None) => return Err(Unreadable::NotOnBranch(tip.branch)),
                Ok(Some(file)) => return Ok(file.content.clone()?),
                Err(error) if self.is_at(&tip) => return Err(self.broken(&error)),
                // The branch has moved meanwhile, and the clone was tidied.
                Err(_) => {}
            }
        }
    }

    /// The paths of all files at the tip.
    ///
    /// # Errors
    /// [`Unreadable`], with the cure.
    pub async fn list(&self) -> Result<Vec<String>, Unreadable> {
        loop {
            let tip = self.tip().await?;
            match self.clone.list(&tip.commit).await {
                Ok(paths) => return Ok(paths),
                Err(error) if self.is_at(&tip) => return Err(self.broken(&error)),
                Err(_) => {}
            }
        }
    }

    /// Replaces what the file at `path` holds by `new` if it is `expected`, with a commit that is pushed.
    ///
    /// # Errors
    /// [`Unwritable`], with the cure.
    pub async fn replace(&self, document: &str, path: &str, expected: &str, new: &str) -> Result<Replaced, Unwritable> {
        let mut wire = self.wire.lock().await;
        if let Some(held) = wire.held.as_ref().filter(|held| Instant::now() < held.until) {
            return Err(Unwritable(held.why.clone()));
        }
        for lost in 0..TRIES {
            let unreadable = |error: Unreadable| Unwritable(error.to_string());
            let tip = self.known_tip().map_err(unreadable)?.ok_or_else(|| Unwritable("it was not read yet".into()))?;
            let file = self.at_tip(&tip, path).await.map_err(|error| unreadable(self.broken(&error)))?;
            let Some(file) = file.filter(|file| file.content.as_ref().is_ok_and(|now| now.text == expected)) else {
                return Ok(Replaced::Changed);
            };
            let message = format!("{path}: the plan is brought up to date\n\nCoditect-Plan: {document}\n");
            let commit = self.clone.commit(&tip.commit, &file.entry, new, &message).await;
            let commit = commit.map_err(|error| unreadable(self.broken(&error)))?;
            let Err(error) = self.clone.push(&tip, &commit).await else {
                wire.held = None;
                self.saw(Tip { commit, ..tip });
                return Ok(Replaced::Written);
            };
            // Where the branch is now tells what happened, also if the answer to a push that succeeded was lost.
            let now = self.fetch_by(&mut wire).await.map_err(Unwritable)?;
            if now.commit == commit {
                wire.held = None;
                return Ok(Replaced::Written);
            }
            if now == tip && !is_contended(&error) {
                return Err(Unwritable(self.hold(&mut wire, &tip, &error)));
            }
            debug!(path, %error, "somebody else moved the plan's branch first");
            tokio::time::sleep(PAUSE * 2_u32.pow(lost) + PAUSE.mul_f64(rand::random::<f64>())).await;
        }
        // The branch moves faster than a commit can be made: later, then.
        Ok(Replaced::Changed)
    }

    async fn fetch_by(&self, wire: &mut Wire) -> Result<Tip, String> {
        let known = self.seen().tip.clone();
        let fetched = self.clone.fetch(known.as_ref()).await;
        match &fetched {
            Ok(tip) => {
                if known.as_ref() != Some(tip) {
                    if wire.tips.is_multiple_of(TIDY_EVERY) {
                        self.clone.tidy().await;
                    }
                    wire.tips += 1;
                    debug!(branch = tip.branch, commit = tip.commit, "the plan's branch has moved");
                }
                self.saw(tip.clone());
            }
            Err(trouble) => self.seen().trouble = Some(trouble.clone()),
        }
        fetched
    }

    /// The tip as it was last fetched; the first time, it is.
    async fn tip(&self) -> Result<Tip, Unreadable> {
        match self.known_tip()? {
            Some(tip) => Ok(tip),
            None => self.fetch().await.map_err(Unreadable::Repository),
        }
    }

    fn known_tip(&self) -> Result<Option<Tip>, Unreadable> {
        let seen = self.seen();
        match &seen.trouble {
            Some(trouble) => Err(Unreadable::Repository(trouble.clone())),
            None => Ok(seen.tip.clone()),
        }
    }

    /// The file at `path`, from memory if it was read at this tip.
    async fn at_tip(&self, tip: &Tip, path: &str) -> Result<Option<Arc<File>>, GitError> {
        let known = {
            let seen = self.seen();
            if seen.tip.as_ref() == Some(tip) { seen.files.get(path).cloned() } else { None }
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let file = self.file(&tip.commit, path).await?.map(Arc::new);
        let mut seen = self.seen();
        if seen.tip.as_ref() == Some(tip) {
            seen.files.insert(path.to_owned(), file.clone());
        }
        Ok(file)
    }

    async fn file(&self, commit: &str, path: &str) -> Result<Option<File>, GitError> {
        let Some(entry) = self.clone.entry(commit, path).await? else { return Ok(None) };
        let bytes = self.clone.content(&entry.blob).await?;
        let content = coditect_plan::decode(&bytes).map(|text| Content::new(text.to_owned()));
        Ok(Some(File { entry, content }))
    }

    fn is_at(&self, tip: &Tip) -> bool {
        self.seen().tip.as_ref() == Some(tip)
    }

    /// What the clone should have is not there: it is thrown away, and the next look makes it anew.
    fn broken(&self, error: &GitError) -> Unreadable {
        let removed = self.clone.remove();
        let why = removed.err().map_or_else(|| error.to_string(), |also| also.to_string());
        *self.seen() = Seen::default();
        let trouble = trouble::clone_broken(self.clone.folder(), &why);
        info!(trouble, "the clone of the plan is thrown away and made anew");
        Unreadable::Repository(trouble)
    }

    /// No push is tried for a while, longer each time.
    fn hold(&self, wire: &mut Wire, tip: &Tip, error: &GitError) -> String {
        let times = wire.held.take().map_or(0, |held| held.times);
        let pause = self.poll.saturating_mul(2_u32.saturating_pow(times)).min(LONGEST_HOLD.max(self.poll));
        let why = trouble::refused(self.clone.url(), &tip.branch, error);
        let until = Instant::now() + pause;
        wire.held = Some(Held { why: why.clone(), times: times.saturating_add(1).min(16), until });
        why
    }

    fn saw(&self, tip: Tip) {
        let mut seen = self.seen();
        seen.trouble = None;
        if seen.tip.as_ref() != Some(&tip) {
            *seen = Seen { tip: Some(tip), ..Seen::default() };
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody else was changing the branch at the same time.
fn is_contended(error: &GitError) -> bool {
    const SIGNS: [&str; 5] =
        ["cannot lock ref", "failed to update ref", "Unable to create", "stale info", "fetch first"];
    error.is_transient()
        || matches!(error, GitError::Failed { stderr, .. } if SIGNS.iter().any(|sign| stderr.contains(sign)))
}
