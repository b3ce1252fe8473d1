//! Telling others what was assigned, after it is committed. Redis being away costs time, not tasks.

use coditect_core::{AttemptId, TaskId};
use coditect_queue::message::{Event, Work};
use coditect_queue::{Message, Queue, Stream};
use coditect_store::Moved;
use tracing::warn;

/// The entry that offers an attempt to the executors.
#[must_use]
pub fn work(task: &TaskId, attempt: AttemptId, token: i64, agent: &str, account: &str, deadline_ms: i64) -> Work {
    Work {
        task: task.to_string(),
        attempt: attempt.to_string(),
        token,
        agent: agent.to_owned(),
        account: account.to_owned(),
        deadline_ms,
        traceparent: attempt.traceparent(),
    }
}

/// Offers attempts to the executors of a pool.
pub async fn offer(queue: &Queue, pool: &str, offers: &[Work]) {
    add(queue, &Stream::Work(pool.to_owned()), offers).await;
}

/// Tells everyone what moved.
pub async fn announce(queue: &Queue, moved: &[Moved]) {
    add(queue, &Stream::Events, &moved.iter().map(event).collect::<Vec<_>>()).await;
}

async fn add<M: Message>(queue: &Queue, stream: &Stream, entries: &[M]) {
    if entries.is_empty() {
        return;
    }
    if let Err(error) = queue.add_all(stream, entries).await {
        warn!(%stream, %error, entries = entries.len(), "entries were not delivered; reconciling makes up for them");
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
