//! Offering attempts to the executors, after they are committed. Redis being away costs time, not tasks.

use coditect_core::{AttemptId, TaskId};
use coditect_queue::message::Work;
use coditect_queue::{Queue, Stream};
use tracing::warn;

/// The entry that offers an attempt.
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
    if offers.is_empty() {
        return;
    }
    if let Err(error) = queue.add_all(&Stream::Work(pool.to_owned()), offers).await {
        warn!(pool, %error, entries = offers.len(), "attempts could not be offered; they will be once more");
    }
}
