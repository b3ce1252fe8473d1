//! Telling everyone what was committed. Redis being away costs time, not tasks: reconcilers see by themselves.

use coditect_queue::message::Event;
use coditect_queue::{Queue, Stream};
use coditect_store::Moved;
use tracing::warn;

/// Puts committed changes into the `events` stream.
pub async fn announce(queue: &Queue, moved: &[Moved]) {
    if moved.is_empty() {
        return;
    }
    let events: Vec<Event> = moved.iter().map(event).collect();
    if let Err(error) = queue.add_all(&Stream::Events, &events).await {
        warn!(%error, entries = events.len(), "events were not delivered; their readers will see by themselves");
    }
}

/// The entry that tells of a change.
#[must_use]
pub fn event(moved: &Moved) -> Event {
    let attempt = moved.now.attempt;
    Event {
        task: moved.task.to_string(),
        from: moved.from.as_str().to_owned(),
        to: moved.now.state.as_str().to_owned(),
        attempt: attempt.map(|attempt| attempt.to_string()).unwrap_or_default(),
        actor: moved.actor.clone(),
        at_ms: moved.at_ms,
        traceparent: attempt.map(|attempt| attempt.traceparent()).unwrap_or_default(),
    }
}
