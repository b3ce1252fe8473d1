//! The attempts that this executor runs now, and what keeps their leases alive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coditect_queue::Queue;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::control::Lease;

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
    renewed: watch::Sender<Instant>,
}

/// The running attempts, by id. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<HashMap<String, Run>>>);

impl Runs {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        // A panic while it was held cannot leave a map half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an attempt; answers its lease and what cancels it.
    pub(crate) fn begin(&self, attempt: &str, task: &str, token: i64, lease: Duration) -> (Lease, CancellationToken) {
        let (renewed, receiver) = watch::channel(Instant::now());
        let cancel = CancellationToken::new();
        let run = Run {
            task: task.to_owned(),
            token,
            since: Instant::now(),
            phase: "running",
            cancel: cancel.clone(),
            renewed,
        };
        self.lock().insert(attempt.to_owned(), run);
        (Lease { duration: lease, renewed: receiver }, cancel)
    }

    pub(crate) fn enter(&self, attempt: &str, phase: &'static str) {
        if let Some(run) = self.lock().get_mut(attempt) {
            run.phase = phase;
        }
    }

    pub(crate) fn end(&self, attempt: &str) {
        self.lock().remove(attempt);
    }

    pub(crate) fn contains(&self, attempt: &str) -> bool {
        self.lock().contains_key(attempt)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// The orchestrator has renewed every lease, but for the attempts to stop.
    pub(crate) fn renewed(&self, stop: &[String]) {
        for (attempt, run) in self.lock().iter() {
            if stop.contains(attempt) {
                if !run.cancel.is_cancelled() {
                    info!(task = run.task, attempt, "stopped: the attempt is not current any more");
                }
                run.cancel.cancel();
            } else {
                run.renewed.send_replace(Instant::now());
            }
        }
    }

    /// The orchestrator cannot be reached: says in Redis that the attempts live.
    pub(crate) async fn renew_in_redis(&self, queue: &Queue, lease: Duration) {
        let live: Vec<_> = self.lock().iter().map(|(attempt, run)| (attempt.clone(), run.token)).collect();
        for (attempt, token) in live {
            match queue.touch_lease(&attempt, token, lease).await {
                Ok(()) => {
                    if let Some(run) = self.lock().get(&attempt) {
                        run.renewed.send_replace(Instant::now());
                    }
                }
                Err(error) => debug!(%error, attempt, "the lease could not be renewed in Redis either"),
            }
        }
    }

    pub(crate) fn cancel_all(&self) {
        for run in self.lock().values() {
            run.cancel.cancel();
        }
    }
}
