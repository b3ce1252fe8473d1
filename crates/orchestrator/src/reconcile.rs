//! The periodic comparison of what is with what should be. Takes no input; converges from anywhere.

use coditect_core::{Change, Clock, FailureClass, TaskState, Trigger};
use coditect_queue::Stream;
use coditect_service::announce::announce;
use coditect_service::metrics;
use coditect_store::{AttemptEnd, AttemptRow, StoreError};
use tracing::debug;

use crate::Orchestrator;
use crate::attempts::Fence;

/// More due retries than this are taken up in the next pass.
const BATCH: i64 = 1_000;

impl Orchestrator {
    /// One pass.
    pub(crate) async fn reconcile(&self) -> anyhow::Result<()> {
        // What one of them cannot do keeps none of the others.
        let done = [
            self.grant_wishes().await,
            self.take_up_retries().await,
            self.end_lost_attempts().await,
            self.lift_pauses(self.clock.now_ms()).await,
        ];
        self.trim().await;
        Ok(done.into_iter().collect::<Result<(), _>>()?)
    }

    async fn take_up_retries(&self) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        let waiting = self.store.tasks_in(TaskState::WaitingRetry, BATCH).await?;
        let due: Vec<_> =
            waiting.into_iter().filter(|task| task.life.due_at_ms.is_none_or(|at| at <= now_ms)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        let mut moved = Vec::new();
        for task in due {
            let change = Change::Plain(Trigger::RetryDue);
            moved.extend(tx.change(&task.id, &task.life, change, AttemptEnd::default(), "orchestrator", now_ms).await?);
        }
        tx.commit().await?;
        announce(&self.queue, &moved).await;
        Ok(())
    }

    /// Closes attempts whose executor was not heard of for the lease, by gRPC or by Redis.
    async fn end_lost_attempts(&self) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        // Nobody could renew anything while the orchestrator itself was away.
        if now_ms < self.started_at_ms + self.lease_ms() {
            return Ok(());
        }
        for attempt in self.store.open_attempts().await? {
            if attempt.lease_until_ms.is_some_and(|until| until < now_ms) {
                self.lose(&attempt, now_ms).await?;
            }
        }
        Ok(())
    }

    async fn lose(&self, attempt: &AttemptRow, now_ms: i64) -> Result<(), StoreError> {
        if self.queue.lease(&attempt.id.to_string()).await.ok().flatten() == Some(attempt.token) {
            let mut tx = self.store.begin().await?;
            tx.renew(attempt.id, now_ms + self.lease_ms()).await?;
            return tx.commit().await;
        }
        let fence = Fence { task: attempt.task.clone(), attempt: attempt.id, token: attempt.token };
        let message = format!(
            "the executor {} was not heard of for {} ms",
            attempt.executor.as_deref().unwrap_or("(unknown)"),
            self.lease_ms()
        );
        let end =
            AttemptEnd { failure: Some(FailureClass::ExecutorLost), message: Some(message), ..AttemptEnd::default() };
        metrics::repaired("lost_attempt", 1);
        self.failed(&fence, FailureClass::ExecutorLost, None, end).await
    }

    /// Removes what every group has acknowledged.
    async fn trim(&self) {
        let work = Stream::Work(self.config().dispatch.pool.clone());
        for stream in [Stream::Plan, Stream::Ready, Stream::Results, Stream::Events, work] {
            if let Err(error) = self.queue.trim(&stream).await {
                debug!(%stream, %error, "not trimmed");
                return;
            }
        }
    }
}
