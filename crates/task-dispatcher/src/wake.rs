//! What wakes the dispatcher. Entries are acknowledged at once: however many come, they ask for one pass.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coditect_core::{Clock, TaskState};
use coditect_queue::message::Event;
use coditect_queue::{CancellationToken, Consumer, Message};
use coditect_service::SystemClock;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::debug;

/// When a pass is asked for, and what waits until then.
type Timer = (i64, JoinHandle<()>);

/// Wakes the loop. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Wake {
    /// What the loop waits for.
    pub notify: Arc<Notify>,
    lost: Arc<AtomicBool>,
    /// The pass that is asked for at a time.
    timer: Arc<Mutex<Option<Timer>>>,
}

impl Wake {
    /// Asks for a pass for every entry that `matters`, and after every outage, until the service drains.
    pub async fn on<M: Message>(
        &self,
        mut consumer: Consumer<M>,
        matters: impl Fn(&M) -> bool,
        drain: &CancellationToken,
    ) {
        let mut reconnected = consumer.reconnected();
        loop {
            tokio::select! {
                biased;
                () = drain.cancelled() => return,
                Ok(()) = reconnected.changed() => {
                    // Entries may be gone: a pass makes up for them.
                    self.remember(true);
                    self.notify.notify_one();
                }
                Some(delivery) = consumer.next() => {
                    if matters(&delivery.message) {
                        self.notify.notify_one();
                    }
                    if let Err(error) = delivery.ack().await {
                        debug!(%error, "an entry could not be acknowledged; it comes again");
                    }
                }
                else => return,
            }
        }
    }

    /// Asks for a pass at this time, and no longer at the one that was asked for before.
    pub fn at(&self, time_ms: Option<i64>) {
        let mut timer = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
        if timer.as_ref().is_some_and(|(at, task)| Some(*at) == time_ms && !task.is_finished()) {
            return;
        }
        if let Some((_, before)) = timer.take() {
            before.abort();
        }
        if let Some(at) = time_ms {
            let (notify, pause) = (Arc::clone(&self.notify), (at - SystemClock.now_ms()).max(0).unsigned_abs() + 1);
            let task = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                notify.notify_one();
            });
            *timer = Some((at, task));
        }
    }

    /// Whether entries may have been lost since this was last asked.
    #[must_use]
    pub fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::Relaxed)
    }

    /// Puts back what [`Wake::take_lost`] took, for the next pass.
    pub fn remember(&self, lost: bool) {
        self.lost.fetch_or(lost, Ordering::Relaxed);
    }
}

/// Whether an entry tells of an attempt that ended: a slot is free.
#[must_use]
pub fn frees_a_slot(event: &Event) -> bool {
    let active = |state: &str| state.parse().is_ok_and(TaskState::is_active);
    active(&event.from) && !active(&event.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_attempt_frees_a_slot_and_its_progress_does_not() {
        let told = |from: &str, to: &str| Event { from: from.into(), to: to.into(), ..Event::default() };
        assert!(frees_a_slot(&told("landing", "completed")) && frees_a_slot(&told("running", "pending")));
        assert!(!frees_a_slot(&told("ready", "assigned")) && !frees_a_slot(&told("running", "verifying")));
        assert!(!frees_a_slot(&told("", "")));
    }
}
