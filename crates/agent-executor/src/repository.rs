//! A repository attempts work on: where it is, where its branches stand, and the bare clone that caches it.
//!
//! The clone of a repository on this machine borrows the objects of the original and copies none of them; the clone
//! of a remote one is fetched when the target has moved. No agent's worktree belongs to the clone (see
//! [`crate::workspace`]), so nothing an agent does to its git directory reaches it. The original is only ever read,
//! and changed by atomic ref updates: its checkout, its index and its stashes are its owner's.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use coditect_core::FailureClass;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use crate::candidate::Candidate;
use crate::git::{Git, GitError, redacted};
use crate::job::{Failure, Job};
use crate::line::Lines;
use crate::place::{Local, locate};

/// How long a tip this process has seen itself is taken for the tip without asking again. Being wrong costs one
/// more round, nothing else: landing compares.
const TIP_FRESH: Duration = Duration::from_secs(1);

/// How many tips of a branch are remembered.
const LINE_LENGTH: usize = 1_000;

/// How long a fetch may take: the first one of a large repository over a slow line takes long.
const FETCH_LIMIT: Duration = Duration::from_secs(60 * 60);

/// After so many landings the refs of a repository on this machine are packed.
const PACK_EVERY: u64 = 128;

/// The repositories this executor has seen, opened once each.
#[derive(Debug)]
pub struct Repositories {
    git: Git,
    folder: PathBuf,
    open: Mutex<HashMap<String, Arc<OnceCell<Arc<Repository>>>>>,
}

/// One repository.
#[derive(Debug)]
pub struct Repository {
    git: Git,
    url: String,
    cache: PathBuf,
    objects: PathBuf,
    format: String,
    local: Option<Local>,
    fetching: AsyncMutex<()>,
    waiting: Lines,
    lines: Mutex<HashMap<String, Line>>,
    landings: Mutex<u64>,
}

/// The tips a target branch has had one after the other, as far as this process has seen.
#[derive(Debug, Default)]
struct Line {
    /// Each with its tree, if that is known; every one is the parent of the next.
    tips: VecDeque<(String, Option<String>)>,
    seen: Option<Instant>,
}

/// Where the refs that matter to an attempt stand.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refs {
    /// The current commit of the repository.
    pub head: Option<String>,
    /// The tip of the target branch.
    pub tip: Option<String>,
    /// The commit that this generation of the task landed as.
    pub landed: Option<String>,
}

/// What an attempt begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// The tip of the target branch; its objects are in the clone.
    Tip(String),
    /// There is nothing to do: this generation has landed as this commit.
    Landed(String),
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        // A network that is down is nobody's failure; everything else git refuses has to be mended.
        let class = if error.is_transient() { FailureClass::ExecutorLost } else { FailureClass::Config };
        Self::new(class, error.to_string())
    }
}

impl Repositories {
    /// Keeps its clones in this folder.
    #[must_use]
    pub fn new(git: Git, folder: PathBuf) -> Self {
        Self { git, folder, open: Mutex::default() }
    }

    /// The repository at a path or URL.
    pub async fn open(&self, repository: &str) -> Result<Arc<Repository>, Failure> {
        let cell = Arc::clone(lock(&self.open).entry(repository.to_owned()).or_default());
        let opened = cell.get_or_try_init(|| async {
            Repository::open(self.git.clone(), &self.folder, repository).await.map(Arc::new)
        });
        opened.await.cloned()
    }
}

impl Repository {
    async fn open(git: Git, folder: &Path, repository: &str) -> Result<Self, Failure> {
        let place = locate(&git, folder, repository).await?;
        let format = match &place.format {
            Some(format) => format.clone(),
            None => remote_format(&git, &place.url).await?,
        };
        let cache = folder.join(format!("{:016x}.git", fnv1a(place.url.as_bytes())));
        init(&git, &cache, &format).await?;
        if let Some(local) = &place.local {
            let borrowed = format!("{}\n", local.objects.display());
            let failed = |error| Failure::config(format!("{} could not be written: {error}", cache.display()));
            std::fs::create_dir_all(cache.join("objects/info")).map_err(failed)?;
            std::fs::write(cache.join("objects/info/alternates"), borrowed).map_err(failed)?;
        }
        Ok(Self {
            git,
            url: place.url,
            objects: cache.join("objects"),
            cache,
            format,
            local: place.local,
            fetching: AsyncMutex::default(),
            waiting: Lines::default(),
            lines: Mutex::default(),
            landings: Mutex::default(),
        })
    }

    /// What git is given to reach it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The git that reaches it.
    #[must_use]
    pub const fn git(&self) -> &Git {
        &self.git
    }

    /// The hash its objects are named by: `sha1` or `sha256`.
    #[must_use]
    pub fn format(&self) -> &str {
        &self.format
    }

    /// It is on another machine, or is treated as if it were.
    pub(crate) const fn is_remote(&self) -> bool {
        self.local.is_none()
    }

    /// Waits until nobody fetches into the clone; says also whether somebody did.
    pub(crate) async fn fetching(&self) -> (tokio::sync::MutexGuard<'_, ()>, bool) {
        match self.fetching.try_lock() {
            Ok(guard) => (guard, false),
            Err(_) => (self.fetching.lock().await, true),
        }
    }

    /// Makes what is missing of the bare clone.
    pub(crate) async fn init(&self) -> Result<(), GitError> {
        init(&self.git, &self.cache, &self.format).await
    }

    /// The ref of the clone that has the target's tip.
    pub(crate) fn tip_ref(&self, job: &Job) -> String {
        tip_ref(&job.target_branch)
    }

    /// The bare clone.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where the objects are that an attempt starts from.
    #[must_use]
    pub fn objects(&self) -> &Path {
        &self.objects
    }

    /// The git directory and the objects of a repository that belongs to this user of this machine alone. Any other
    /// has to be pushed to.
    pub(crate) fn ours(&self) -> Option<(&Path, &Path)> {
        self.local
            .as_ref()
            .filter(|local| local.ours)
            .map(|local| (local.common_dir.as_path(), local.objects.as_path()))
    }

    /// The list of commits whose parents are not there, if the repository is a shallow one.
    #[must_use]
    pub fn shallow(&self) -> Option<PathBuf> {
        self.local.as_ref().map(|local| local.common_dir.join("shallow")).filter(|file| file.exists())
    }

    /// Options that have a push or a listing run the other side with our settings, where that is this machine.
    pub(crate) fn pack_option(&self, service: &str, settings: &[String]) -> Vec<String> {
        if self.local.is_none() {
            return Vec::new();
        }
        let settings: String = settings.iter().map(|setting| format!(" -c {}", quoted(setting))).collect();
        vec![format!("--{service}=git -c core.hooksPath=/dev/null -c 'safe.directory=*'{settings} {service}")]
    }

    /// Asks where the refs of an attempt stand now.
    pub async fn refs(&self, job: &Job) -> Result<Refs, GitError> {
        let (target, landed) = (job.target_ref(), job.landed_ref());
        let listed = match &self.local {
            // One process instead of three; `HEAD` only matters, and is only asked for, where there is no target yet.
            Some(local) => {
                let ask = ["for-each-ref", "--format=%(objectname)%09%(refname)", &target, &landed];
                let mut listed = self.git.call(ask).git_dir(&local.common_dir).ok().await?;
                if !listed.contains(&format!("\t{target}\n")) {
                    let head = self.git.call(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]);
                    let head = head.git_dir(&local.common_dir).answer().await?;
                    if head.code == 0 {
                        listed.push_str(&format!("{}\tHEAD\n", head.text().trim()));
                    }
                }
                listed
            }
            None => {
                let ask = ["ls-remote", "--quiet", "--", &self.url, "HEAD", &target, &landed];
                self.git.call(ask).dir(&self.cache).ok().await?
            }
        };
        let mut refs = Refs::default();
        for (oid, name) in listed.lines().filter_map(|line| line.split_once('\t')) {
            if name == "HEAD" {
                refs.head = Some(oid.to_owned());
            } else if name == target {
                refs.tip = Some(oid.to_owned());
            } else if name == landed {
                refs.landed = Some(oid.to_owned());
            }
        }
        Ok(refs)
    }

    /// What the attempt begins with; makes the target branch where there is none.
    pub async fn standing(&self, job: &Job) -> Result<Standing, Failure> {
        let refs = self.refs(job).await?;
        if let Some(commit) = refs.landed {
            return Ok(Standing::Landed(commit));
        }
        if let Some(place) = self.checked_out_at(&job.target_branch) {
            return Err(target_is_checked_out(job, &place));
        }
        let tip = match refs.tip {
            Some(tip) => tip,
            None => self.create_target(job, refs.head).await?,
        };
        let tip = self.have(job, tip).await?;
        self.saw_tip(job, &tip);
        Ok(Standing::Tip(tip))
    }

    /// The target's tip, from memory if that is fresh.
    pub async fn tip(&self, job: &Job) -> Result<Standing, Failure> {
        let remembered = lock(&self.lines).get(&job.target_branch).and_then(|line| {
            let fresh = line.seen.is_some_and(|at| at.elapsed() < TIP_FRESH);
            line.tips.back().filter(|_| fresh).map(|(tip, _)| tip.clone())
        });
        match remembered {
            Some(tip) => Ok(Standing::Tip(tip)),
            None => self.standing(job).await,
        }
    }

    /// Remembers a tip that was seen.
    fn saw_tip(&self, job: &Job, tip: &str) {
        let mut lines = lock(&self.lines);
        let line = lines.entry(job.target_branch.clone()).or_default();
        line.seen = Some(Instant::now());
        if line.tips.back().is_none_or(|(last, _)| last != tip) {
            line.tips = VecDeque::from([(tip.to_owned(), None)]);
        }
    }

    /// Remembers that this landed on that tip.
    pub(crate) fn saw_landing(&self, job: &Job, tip: &str, landed: &Candidate) {
        // What landed on a remote target from here is not in the clone yet.
        if self.local.is_none() {
            return;
        }
        self.saw_tip(job, tip);
        if let Some(line) = lock(&self.lines).get_mut(&job.target_branch) {
            line.tips.push_back((landed.commit.clone(), Some(landed.tree.clone())));
            if line.tips.len() > LINE_LENGTH {
                line.tips.pop_front();
            }
        }
    }

    /// Forgets the tip, after a surprise.
    pub(crate) fn forget_tip(&self, job: &Job) {
        lock(&self.lines).remove(&job.target_branch);
    }

    /// The tree of the tip, if it is known here, and known to have the base in its history.
    pub(crate) fn tree_after(&self, job: &Job, base: &str, tip: &str) -> Option<String> {
        let lines = lock(&self.lines);
        let tips = &lines.get(&job.target_branch)?.tips;
        let place = |commit: &str| tips.iter().rposition(|(at, _)| at == commit);
        let at = place(tip)?;
        if place(base)? < at { tips.get(at)?.1.clone() } else { None }
    }

    /// Those that wait to merge, verify and land: one at a time and in order for each target branch.
    pub(crate) const fn waiting(&self) -> &Lines {
        &self.waiting
    }

    /// Keeps a repository on this machine quick: every landing leaves a ref, and many loose ones are slow to list.
    pub async fn landed_one_more(&self) {
        let Some(local) = &self.local else { return };
        let due = {
            let mut landings = lock(&self.landings);
            *landings += 1;
            landings.is_multiple_of(PACK_EVERY)
        };
        if due && let Err(error) = self.git.call(["pack-refs", "--all"]).git_dir(&local.common_dir).ok().await {
            tracing::debug!(%error, "the refs could not be packed");
        }
    }

    /// Where the branch is checked out on this machine, if it is.
    pub(crate) fn checked_out_at(&self, branch: &str) -> Option<PathBuf> {
        let local = self.local.as_ref()?;
        let here = |head: &Path| {
            std::fs::read_to_string(head).is_ok_and(|text| text.trim() == format!("ref: refs/heads/{branch}"))
        };
        if !local.bare && here(&local.common_dir.join("HEAD")) {
            return Some(local.common_dir.parent().unwrap_or(&local.common_dir).to_owned());
        }
        let linked = std::fs::read_dir(local.common_dir.join("worktrees")).ok()?;
        linked.filter_map(Result::ok).map(|entry| entry.path()).find(|dir| here(&dir.join("HEAD"))).map(|dir| {
            let place = std::fs::read_to_string(dir.join("gitdir")).unwrap_or_default();
            Path::new(place.trim()).parent().map_or(dir, Path::to_owned)
        })
    }

    /// Makes the target branch from the current commit, unless somebody else just did.
    async fn create_target(&self, job: &Job, head: Option<String>) -> Result<String, Failure> {
        let Some(head) = head else {
            return Err(Failure::config(format!(
                "the repository {} has no commit yet; make one (`git commit --allow-empty -m start`) and try again",
                redacted(&self.url)
            )));
        };
        let target = job.target_ref();
        if self.local.is_none() {
            self.fetch("HEAD", &job.target_branch).await?;
        }
        let mut args = vec!["push".to_owned(), "--quiet".to_owned(), "--no-verify".to_owned()];
        args.extend(self.pack_option("receive-pack", &[]));
        args.extend([format!("--force-with-lease={target}:"), self.url.clone(), format!("{head}:{target}")]);
        let pushed = self.git.call(args).git_dir(&self.cache).ok().await;
        match pushed {
            Ok(_) => Ok(head),
            Err(error) => match self.refs(job).await?.tip {
                Some(tip) => Ok(tip),
                None if error.is_transient() => Err(error.into()),
                None => Err(Failure::config(format!(
                    "the target branch `{}` does not exist and could not be made; make it or choose another `target_branch`. {error}",
                    job.target_branch
                ))),
            },
        }
    }

    /// Makes sure that the tip's objects are here: the tip, or one that is newer still.
    async fn have(&self, job: &Job, tip: String) -> Result<String, Failure> {
        if self.local.is_some() {
            return Ok(tip);
        }
        let _one_at_a_time = self.fetching.lock().await;
        let known = self.git.call(["rev-parse", "--quiet", "--verify", &tip_ref(&job.target_branch)]);
        if known.git_dir(&self.cache).answer().await?.text().trim() == tip {
            return Ok(tip);
        }
        // A fetch that was killed may have left it. No other is under way.
        let lock = self.cache.join(format!("{}.lock", tip_ref(&job.target_branch)));
        if std::fs::remove_file(lock).is_ok() {
            tracing::debug!(target = job.target_branch, "the lock of a fetch that was killed is removed");
        }
        Ok(self.fetch(&job.target_ref(), &job.target_branch).await?)
    }

    async fn fetch(&self, from: &str, target_branch: &str) -> Result<String, GitError> {
        let tip = tip_ref(target_branch);
        let refspec = format!("+{from}:{tip}");
        let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", &self.url, &refspec];
        self.git.call(args).git_dir(&self.cache).limit(FETCH_LIMIT).ok().await?;
        let oid = self.git.call(["rev-parse", "--verify", &tip]).git_dir(&self.cache).ok().await?;
        Ok(oid.trim().to_owned())
    }
}

/// Why nothing may land on a branch somebody works on, and what to do.
#[must_use]
pub fn target_is_checked_out(job: &Job, place: &Path) -> Failure {
    Failure::config(format!(
        "the target branch `{}` is checked out in {}, and landing there would change it under its owner's hands; \
         choose another `target_branch`, or check out another branch there",
        job.target_branch,
        place.display()
    ))
}

async fn remote_format(git: &Git, url: &str) -> Result<String, Failure> {
    let listed = git.call(["ls-remote", "--quiet", "--", url, "HEAD"]).ok().await?;
    let sha256 = listed.split_ascii_whitespace().next().is_some_and(|oid| oid.len() == 64);
    Ok(if sha256 { "sha256" } else { "sha1" }.to_owned())
}

/// Makes a bare clone, or what is missing of it.
async fn init(git: &Git, cache: &Path, format: &str) -> Result<(), GitError> {
    let path = cache.to_string_lossy();
    let init = ["init", "--quiet", "--bare", "--template=", &format!("--object-format={format}"), &path];
    git.call(init).dir(cache.parent().unwrap_or(cache)).ok().await.map(|_| ())
}

fn tip_ref(branch: &str) -> String {
    format!("refs/coditect/tips/{branch}")
}

/// A word as the shell reads it back.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The FNV-1a hash: short, and the same in every version of this program.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_survives_the_shell() {
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn the_hash_of_a_url_never_changes() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
