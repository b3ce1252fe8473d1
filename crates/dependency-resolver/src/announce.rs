//! Telling others what was settled, after it is committed. Redis being away costs time, not tasks.

use coditect_queue::message::{Event, Ready};
use coditect_queue::{Queue, Stream};
use coditect_service::{announce, fault};
use coditect_store::Moved;
use tracing::warn;

use crate::resolver::Settled;

/// Puts what was settled into the streams: `ready` for the dispatcher, `events` for everyone.
pub async fn announce(queue: &Queue, settled: &Settled) {
    if let Err(error) = queue.add_all(&Stream::Ready, &settled.ready).await {
        let entries = settled.ready.len();
        warn!(%error, entries, "the dispatcher could not be told what is ready; it will see by itself");
    }
    fault::point("resolver::told_dispatcher");
    announce::announce(queue, &settled.moved).await;
    fault::point("resolver::told_all");
}

/// The entry for a task that became ready.
#[must_use]
pub fn ready(moved: &Moved, priority: i64, rank: i64) -> Ready {
    let Event { task, attempt, traceparent, .. } = announce::event(moved);
    Ready { task, attempt, priority, rank, traceparent }
}
