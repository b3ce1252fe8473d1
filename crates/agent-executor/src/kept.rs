//! What a failed attempt leaves to the next one of its task on this executor: its work, as a commit, and its agent's conversation.
//!
//! The work is no folder that somebody could still write to: it is a commit on what the attempt began with, and its objects. The
//! next attempt has it merged with the target's tip in its worktree, and goes on with the conversation where its runtime can. What
//! has failed twice is given up: an attempt that went on and failed by its own fault leaves nothing, and the next begins anew.
//!
//! ```text
//! <root>/kept/<attempt>/record.json   whose it is
//! <root>/kept/<attempt>/objects       the commit and what is new in it
//! <root>/kept/<attempt>/state/…       what the runtime keeps of a conversation, with its paths below the agent's home
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_core::FailureClass;
use serde::{Deserialize, Serialize};

use crate::candidate;
use crate::conflict;
use crate::control::now_ms;
use crate::disk;
use crate::job::{Evidence, Failure, Job, Resume, Runtime};
use crate::refs;
use crate::repository::Repository;
use crate::runtime::copy_state;
use crate::workspace::{Folders, remove_tree};

/// The name of what is being written.
const UNFINISHED: &str = "unfinished-";

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most that all of it may hold, in bytes; 0: nothing is kept.
    pub bytes: u64,
    /// How long it is kept.
    pub age: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 512 * 1024 * 1024, age: Duration::from_secs(72 * 60 * 60) }
    }
}

/// Where it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
    bounds: Bounds,
}

/// Whose something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    task: String,
    generation: i64,
    number: i64,
    repository: String,
    agent: String,
    runtime: String,
    /// The commit with its work.
    work: Option<String>,
    /// The id of its agent's conversation.
    session: Option<String>,
    at_ms: i64,
}

/// What an attempt goes on with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The worktree has the earlier work; these of its files do not fit the target's tip and have git's marks.
    pub(crate) work: Option<Vec<String>>,
    /// The conversation that goes on.
    pub(crate) resume: Option<Resume>,
}

/// What of an attempt that failed so is worth going on with.
struct Worth {
    work: bool,
    session: bool,
    /// The attempt, and no limit or outage, is to blame.
    own_fault: bool,
}

impl Worth {
    const fn of(class: FailureClass) -> Self {
        use FailureClass as Class;
        let (work, session, own_fault) = match class {
            Class::AgentError | Class::VerificationFailed | Class::Silent => (true, true, true),
            Class::Timeout
            | Class::TurnLimit
            | Class::BudgetExceeded
            | Class::RateLimited
            | Class::Overloaded
            | Class::ExecutorLost => (true, true, false),
            // The result of the one is kept in the repository (see `conflict`), the other has none.
            Class::MergeConflict | Class::NoChange => (false, true, true),
            Class::Auth | Class::Config | Class::Cancelled | Class::Held | Class::NotMerged => (false, false, false),
        };
        Self { work, session, own_fault }
    }
}

impl Store {
    pub(crate) fn new(folder: PathBuf, bounds: Bounds) -> Self {
        Self { folder, bounds }
    }

    /// Keeps what a failed attempt leaves. That it cannot be kept is no failure of its own: the next attempt begins from the start.
    pub(crate) async fn keep(&self, of: Failed<'_>) {
        let Failed { job, class, .. } = of;
        let kept = self.try_keep(of).await;
        if let Err(error) = kept {
            tracing::debug!(%error, task = job.task, %class, "what the attempt leaves could not be kept");
        }
    }

    async fn try_keep(&self, of: Failed<'_>) -> Result<(), Failure> {
        let Failed { job, repository, folders, base, class, session, went_on } = of;
        self.forget(&job.task).await;
        let worth = Worth::of(class);
        // A script is the same every time, and expects a fresh checkout.
        let told = !matches!(job.runtime, Runtime::Script { .. });
        if self.bounds.bytes == 0 || !told || (went_on && worth.own_fault) {
            return Ok(());
        }
        let session = session.filter(|_| worth.session).map(str::to_owned);
        let work = match worth.work {
            true => match candidate::squash(repository, folders, job, base, &mut Evidence::default()).await {
                Ok(work) => Some(work.commit),
                Err(failure) if failure.class == FailureClass::NoChange => None,
                Err(failure) => return Err(failure),
            },
            false => None,
        };
        if work.is_none() && session.is_none() {
            return Ok(());
        }
        let record = Record {
            task: job.task.clone(),
            generation: job.generation,
            number: job.attempt_number,
            repository: job.repository.clone(),
            agent: job.agent.clone(),
            runtime: job.runtime.name().to_owned(),
            work,
            session,
            at_ms: now_ms(),
        };
        let (store, attempt) = (self.clone(), job.attempt_id.clone());
        let (objects, home) = (folders.objects.clone(), folders.home.clone());
        let paths = job.runtime.session_state();
        let put = tokio::task::spawn_blocking(move || store.put(&attempt, record, &objects, &home, paths));
        let put = put.await.map_err(io::Error::other).flatten();
        put.map_err(|error| Failure::config(format!("{} could not be written: {error}", self.folder.display())))
    }

    /// Merges what was kept of the attempts before into the fresh worktree of `tip`, if `with_work`, and finds their conversation.
    pub(crate) async fn take(
        &self,
        repository: &Repository,
        folders: &Folders,
        job: &Job,
        tip: &str,
        with_work: bool,
    ) -> Result<Taken, Failure> {
        let Some((folder, record)) = self.find(job) else { return Ok(Taken::default()) };
        let same = record.runtime == job.runtime.name() && record.agent == job.agent;
        // Of a conversation whose work is left aside the agent would go on as if it were there.
        let whole = with_work || record.work.is_none();
        let session = record.session.filter(|_| same && whole);
        let resume = session.map(|session_id| Resume { session_id, state: folder.join("state") });
        let mut work = None;
        if let Some(commit) = record.work.filter(|_| with_work) {
            let (from, to) = (folder.join("objects"), folders.objects.clone());
            let given = tokio::task::spawn_blocking(move || refs::give_objects(&from, &to)).await;
            match given.map_err(io::Error::other).flatten() {
                Ok(()) => work = conflict::merge(repository, folders, job, tip, &commit).await?,
                Err(error) => tracing::warn!(%error, task = job.task, "an earlier attempt's work cannot be read"),
            }
        }
        Ok(Taken { work, resume })
    }

    /// Forgets what is kept of a task.
    pub(crate) async fn forget(&self, task: &str) {
        let (store, task) = (self.clone(), task.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            for (folder, _) in store.all().into_iter().filter(|(_, record)| record.task == task) {
                remove(&folder);
            }
        });
        if let Err(error) = done.await {
            tracing::debug!(%error, "what is kept of the task could not be forgotten");
        }
    }

    /// Removes what is too old or too much, and what was never finished. For the start: nothing is being written.
    pub(crate) fn prune(&self, now_ms: i64) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if read(&entry.path()).is_none() {
                remove(&entry.path());
            }
        }
        self.bound(now_ms);
    }

    fn find(&self, job: &Job) -> Option<(PathBuf, Record)> {
        let fits = |record: &Record| {
            record.task == job.task
                && record.generation == job.generation
                && record.number < job.attempt_number
                && record.repository == job.repository
                && self.is_fresh(record, now_ms())
        };
        self.all().into_iter().rev().find(|(_, record)| fits(record))
    }

    fn is_fresh(&self, record: &Record, now_ms: i64) -> bool {
        let age = i64::try_from(self.bounds.age.as_millis()).unwrap_or(i64::MAX);
        now_ms.saturating_sub(record.at_ms) <= age
    }

    /// Everything that is kept, oldest first.
    fn all(&self) -> Vec<(PathBuf, Record)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut all: Vec<_> = entries.filter_map(|entry| Some((entry.path(), read(&entry.path())?))).collect();
        all.sort_by_key(|(_, one)| (one.at_ms, one.number));
        all
    }

    fn put(&self, attempt: &str, mut record: Record, objects: &Path, home: &Path, paths: &[&str]) -> io::Result<()> {
        let unfinished = self.folder.join(format!("{UNFINISHED}{attempt}"));
        let written = (|| {
            fs::create_dir_all(&unfinished)?;
            if record.work.is_some() {
                // They are of no more use where they were: the attempt is over.
                fs::rename(objects, unfinished.join("objects"))?;
            }
            if record.session.is_some() && !copy_state(home, &unfinished.join("state"), paths)? {
                record.session = None;
            }
            if disk::held(&unfinished) > self.bounds.bytes {
                return Err(io::Error::other("it is more than worktree.keep_mib allows"));
            }
            fs::write(unfinished.join("record.json"), serde_json::to_vec(&record)?)?;
            fs::rename(&unfinished, self.folder.join(attempt))
        })();
        if written.is_err() {
            remove(&unfinished);
        }
        self.bound(now_ms());
        written
    }

    /// Removes what is too old or too much, oldest first.
    fn bound(&self, now_ms: i64) {
        let mut held = 0_u64;
        for (folder, record) in self.all().into_iter().rev() {
            held = held.saturating_add(disk::held(&folder));
            if held > self.bounds.bytes || !self.is_fresh(&record, now_ms) {
                remove(&folder);
            }
        }
    }
}

/// An attempt that has failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed<'a> {
    pub(crate) job: &'a Job,
    pub(crate) repository: &'a Repository,
    pub(crate) folders: &'a Folders,
    /// What its worktree was checked out from.
    pub(crate) base: &'a str,
    pub(crate) class: FailureClass,
    /// The id of its agent's conversation.
    pub(crate) session: Option<&'a str>,
    /// It went on with what an earlier one had left.
    pub(crate) went_on: bool,
}

fn read(folder: &Path) -> Option<Record> {
    let name = folder.file_name()?.to_str()?;
    if name.starts_with(UNFINISHED) {
        return None;
    }
    serde_json::from_slice(&fs::read(folder.join("record.json")).ok()?).ok()
}

fn remove(folder: &Path) {
    if let Err(error) = remove_tree(folder) {
        tracing::warn!(%error, folder = %folder.display(), "what is kept of an attempt could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &[&str] = &[".cli/sessions"];

    fn record(number: i64, at_ms: i64) -> Record {
        Record {
            task: "plan/1.1".to_owned(),
            generation: 1,
            number,
            repository: "/r".to_owned(),
            agent: "a".to_owned(),
            runtime: "claude-code".to_owned(),
            work: None,
            session: Some("5a0c".to_owned()),
            at_ms,
        }
    }

    fn store(dir: &Path, bytes: u64) -> Store {
        let folder = dir.join("kept");
        fs::create_dir_all(&folder).unwrap();
        Store::new(folder, Bounds { bytes, ..Bounds::default() })
    }

    #[test]
    fn of_a_home_only_the_conversation_is_kept_and_without_one_there_is_none_to_go_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let (store, home) = (store(dir.path(), 1 << 20), dir.path().join("home"));
        fs::create_dir_all(home.join(".cli/sessions")).unwrap();
        fs::write(home.join(".cli/credentials"), "secret").unwrap();
        store.put("one", record(1, now_ms()), &dir.path().join("objects"), &home, STATE).unwrap();
        assert_eq!(store.all()[0].1.session, None, "nothing was said yet");
        fs::write(home.join(".cli/sessions/1.jsonl"), "said").unwrap();
        store.put("two", record(2, now_ms()), &dir.path().join("objects"), &home, STATE).unwrap();
        let (folder, kept) = store.all().pop().unwrap();
        assert_eq!(kept.session.as_deref(), Some("5a0c"));
        assert_eq!(fs::read_to_string(folder.join("state/.cli/sessions/1.jsonl")).unwrap(), "said");
        assert!(!folder.join("state/.cli/credentials").exists());
    }

    #[test]
    fn the_oldest_goes_first_and_what_was_never_finished_goes_at_start() {
        let dir = tempfile::tempdir().unwrap();
        let (store, home) = (store(dir.path(), 400_000), dir.path().join("home"));
        fs::create_dir_all(home.join(".cli/sessions")).unwrap();
        fs::write(home.join(".cli/sessions/1.jsonl"), vec![1; 150_000]).unwrap();
        for number in 1..=3 {
            let at_ms = now_ms() - 10 + number;
            store.put(&number.to_string(), record(number, at_ms), &dir.path().join("objects"), &home, STATE).unwrap();
        }
        let numbers = |store: &Store| store.all().iter().map(|(_, record)| record.number).collect::<Vec<_>>();
        assert_eq!(numbers(&store), [2, 3]);
        fs::create_dir(store.folder.join(format!("{UNFINISHED}4"))).unwrap();
        store.prune(now_ms());
        assert_eq!(fs::read_dir(&store.folder).unwrap().count(), 2);
        store.prune(i64::MAX);
        assert_eq!(fs::read_dir(&store.folder).unwrap().count(), 0);
    }
}
