//! The attempts that this executor runs now, and what keeps their leases alive.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coditect_queue::Queue;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::control::{Lease, LogLine};

/// How many lines of each attempt's log can be looked at here; the orchestrator keeps them all.
const TAIL: usize = 1_000;

/// How many bytes they may have together.
const TAIL_BYTES: usize = 256 * 1024;

/// One running attempt.
#[derive(Debug)]
pub(crate) struct Run {
    /// The task.
    pub(crate) task: String,
    /// The fencing token.
    pub(crate) token: i64,
    /// When it was taken up.
    pub(crate) since: Instant,
    /// What it is doing: `running`, `verifying`, `landing`.
    pub(crate) phase: &'static str,
    /// Stops it.
    pub(crate) cancel: CancellationToken,
    /// The end of its log.
    pub(crate) log: LogTail,
    renewed: watch::Sender<Instant>,
}

impl Run {
    /// The lease was renewed by whoever was asked for it then. An older renewal takes nothing away from a newer one.
    fn renew(&self, asked: Instant) {
        self.renewed.send_if_modified(|at| {
            let newer = asked > *at;
            if newer {
                *at = asked;
            }
            newer
        });
    }
}

/// The end of a log, which grows until it has ended. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogTail(Arc<Tail>);

#[derive(Debug, Default)]
struct Tail {
    lines: Mutex<VecDeque<LogLine>>,
    /// How many lines there were.
    count: watch::Sender<u64>,
    ended: CancellationToken,
}

impl LogTail {
    pub(crate) fn add(&self, new: &[LogLine]) {
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend(new.iter().cloned());
        let mut bytes = 0;
        let kept = lines.iter().rev().take(TAIL).take_while(|line| {
            bytes += line.text.len();
            bytes <= TAIL_BYTES
        });
        let surplus = lines.len() - kept.count();
        lines.drain(..surplus);
        self.0.count.send_modify(|count| *count += new.len() as u64);
    }

    /// The lines after the first `seen` that are still kept, each with its number, which begins with 1.
    pub(crate) fn after(&self, seen: u64) -> Vec<(u64, LogLine)> {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *self.0.count.borrow() - lines.len() as u64 + 1;
        let numbered = (first..).zip(lines.iter().cloned());
        numbered.filter(|(number, _)| *number > seen).collect()
    }

    /// Waits for more lines than `seen`; false: there will be none.
    pub(crate) async fn more_than(&self, seen: u64) -> bool {
        let mut count = self.0.count.subscribe();
        tokio::select! {
            biased;
            grown = count.wait_for(|count| *count > seen) => grown.is_ok(),
            () = self.0.ended.cancelled() => false,
        }
    }
}

/// The running attempts, by id. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<HashMap<String, Run>>>);

impl Runs {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        // A panic while it was held cannot leave a map half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an attempt, whose lease was asked for at `asked`; answers its lease and what cancels it.
    pub(crate) fn begin(
        &self,
        attempt: &str,
        task: &str,
        token: i64,
        lease: Duration,
        asked: Instant,
    ) -> (Lease, CancellationToken, LogTail) {
        let (renewed, receiver) = watch::channel(asked);
        let cancel = CancellationToken::new();
        let log = LogTail::default();
        let run = Run {
            task: task.to_owned(),
            token,
            since: Instant::now(),
            phase: "running",
            cancel: cancel.clone(),
            log: log.clone(),
            renewed,
        };
        self.lock().insert(attempt.to_owned(), run);
        (Lease { duration: lease, renewed: receiver }, cancel, log)
    }

    pub(crate) fn enter(&self, attempt: &str, phase: &'static str) {
        if let Some(run) = self.lock().get_mut(attempt) {
            run.phase = phase;
        }
    }

    pub(crate) fn end(&self, attempt: &str) {
        if let Some(run) = self.lock().remove(attempt) {
            run.log.0.ended.cancel();
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// The orchestrator has renewed the leases of the attempts that were named at `asked`, but for those to stop. Leases
    /// count from the asking: however long the answer took, none is believed in for longer than whoever granted it does.
    pub(crate) fn renewed(&self, named: &[String], stop: &[String], asked: Instant) {
        for (attempt, run) in self.lock().iter() {
            if stop.contains(attempt) {
                if !run.cancel.is_cancelled() {
                    info!(task = run.task, attempt, "stopped: the attempt is not current any more");
                }
                run.cancel.cancel();
            } else if named.contains(attempt) {
                run.renew(asked);
            }
        }
    }

    /// The orchestrator cannot be reached: says in Redis that the attempts live.
    pub(crate) async fn renew_in_redis(&self, queue: &Queue, lease: Duration) {
        let live: Vec<_> = self.lock().iter().map(|(attempt, run)| (attempt.clone(), run.token)).collect();
        for (attempt, token) in live {
            let asked = Instant::now();
            if let Err(error) = queue.touch_lease(&attempt, token, lease).await {
                debug!(%error, attempt, "leases cannot be renewed in Redis either");
                return;
            }
            if let Some(run) = self.lock().get(&attempt) {
                run.renew(asked);
            }
        }
    }

    /// Stops an attempt; false: it does not run here.
    pub(crate) fn cancel(&self, attempt: &str) -> bool {
        let runs = self.lock();
        let run = runs.get(attempt);
        if let Some(run) = run {
            info!(task = run.task, attempt, "stopped on request");
            run.cancel.cancel();
        }
        run.is_some()
    }

    /// The log of an attempt that runs here.
    pub(crate) fn log(&self, attempt: &str) -> Option<LogTail> {
        self.lock().get(attempt).map(|run| run.log.clone())
    }

    pub(crate) fn cancel_all(&self) {
        for run in self.lock().values() {
            run.cancel.cancel();
        }
    }
}

/// The attempts of which an entry is worked here, from before they are claimed until they are reported. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Worked(Arc<Mutex<HashSet<String>>>);

/// An entry that is worked, until this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    worked: Worked,
    attempt: String,
}

impl Worked {
    /// Takes up an entry of an attempt; none where another entry of it is worked.
    pub(crate) fn take_up(&self, attempt: &str) -> Option<Entry> {
        let fresh = self.lock().insert(attempt.to_owned());
        fresh.then(|| Entry { worked: self.clone(), attempt: attempt.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.worked.lock().remove(&self.attempt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::LineKind;

    #[test]
    fn an_attempt_is_taken_up_once_until_it_is_put_down() {
        let worked = Worked::default();
        let entry = worked.take_up("a");
        assert!(entry.is_some() && worked.take_up("a").is_none() && worked.take_up("b").is_some());
        drop(entry);
        assert!(worked.take_up("a").is_some());
    }

    #[tokio::test]
    async fn a_log_is_followed_to_its_end_and_only_its_end_is_kept() {
        let runs = Runs::default();
        let (_, _, log) = runs.begin("a", "plan/1", 1, Duration::from_secs(1), Instant::now());
        let lines: Vec<_> = (0..TAIL + 2).map(|n| LogLine::now(LineKind::Text, n.to_string())).collect();
        log.add(&lines);
        let kept = log.after(0);
        assert_eq!((kept.len(), kept[0].0, kept[0].1.text.as_str()), (TAIL, 3, "2"));
        assert_eq!(log.after(TAIL as u64 + 1).len(), 1);
        assert!(log.more_than(0).await);
        let seen = TAIL as u64 + 2;
        let (more, ()) = tokio::join!(log.more_than(seen), async { runs.end("a") });
        assert!(!more);
        assert!(!runs.cancel("a"));
    }

    #[test]
    fn long_lines_of_a_log_push_each_other_out() {
        let log = LogTail::default();
        let line = LogLine::now(LineKind::Text, "x".repeat(TAIL_BYTES / 4));
        log.add(&vec![line.clone(); 3]);
        log.add(&vec![line; 3]);
        let kept = log.after(0);
        assert_eq!((kept.len(), kept[0].0), (4, 3));
    }

    #[tokio::test]
    async fn a_lease_counts_from_when_it_was_asked_for_and_only_for_whom() {
        let (runs, second) = (Runs::default(), Duration::from_secs(1));
        let start = Instant::now();
        let (a, _, _) = runs.begin("a", "plan/1", 1, second, start);
        let (b, _, _) = runs.begin("b", "plan/2", 1, second, start);
        let asked = start + second;
        // `b` had not begun when it was asked for.
        runs.renewed(&["a".to_owned()], &[], asked);
        assert_eq!((*a.renewed.borrow(), *b.renewed.borrow()), (asked, start));
        // A late answer to an older question shortens nothing.
        runs.renewed(&["a".to_owned()], &[], start);
        assert_eq!(*a.renewed.borrow(), asked);
    }
}
