//! Telling others what was settled, after it is committed. Redis being away costs time, not tasks.

use coditect_queue::message::{Event, Ready};
use coditect_queue::{Message, Queue, Stream};
use coditect_store::Moved;
use tracing::warn;

use crate::resolver::Settled;

/// Puts what was settled into the streams: `ready` for the dispatcher, `events` for everyone.
pub async fn announce(queue: &Queue, settled: &Settled) {
    add(queue, &Stream::Ready, &settled.ready).await;
    add(queue, &Stream::Events, &settled.moved.iter().map(event).collect::<Vec<_>>()).await;
}

async fn add<M: Message>(queue: &Queue, stream: &Stream, entries: &[M]) {
    if let Err(error) = queue.add_all(stream, entries).await {
        warn!(%stream, %error, entries = entries.len(), "entries were not delivered; their readers will see by themselves");
    }
}

fn event(moved: &Moved) -> Event {
    Event {
        task: moved.task.to_string(),
        from: moved.from.as_str().to_owned(),
        to: moved.now.state.as_str().to_owned(),
        attempt: moved.now.attempt.map(|attempt| attempt.to_string()).unwrap_or_default(),
        actor: moved.actor.clone(),
        at_ms: moved.at_ms,
        traceparent: moved.now.attempt.map(|attempt| attempt.traceparent()).unwrap_or_default(),
    }
}

/// The entry for a task that became ready.
#[must_use]
pub fn ready(moved: &Moved, priority: i64, rank: i64) -> Ready {
    let Event { task, attempt, traceparent, .. } = event(moved);
    Ready { task, attempt, priority, rank, traceparent }
}
