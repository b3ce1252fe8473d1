//! Executors claim attempts, renew their leases and move through phases; each is a compare-and-set.

use coditect_core::{AttemptId, Change, Clock, TaskId, TaskState, Trigger};
use coditect_proto::v1::Specification;
use coditect_service::announce::announce;
use coditect_store::{AccountPause, AttemptEnd, ExecutorRow, StoreError};

use crate::Orchestrator;

/// What names an attempt beyond doubt: stale ones are refused by it.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    /// The task.
    pub(crate) task: TaskId,
    /// The attempt.
    pub(crate) attempt: AttemptId,
    /// Its fencing token.
    pub(crate) token: i64,
}

/// How often a renewal is tried that somebody else's word about the task (a remark, another agent) gets in the way of.
const RENEWALS: u32 = 5;

/// What an executor is told when it was heard of.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Those of its attempts that are to be stopped.
    pub(crate) stop: Vec<AttemptId>,
    /// The accounts that are paused.
    pub(crate) paused: Vec<String>,
}

impl Orchestrator {
    /// Gives the attempt to an executor. `None`: it is not, or no longer, to be had.
    pub(crate) async fn claim(&self, fence: &Fence, executor: &str) -> Result<Option<Specification>, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut tx = self.store.begin().await?;
        let until = now_ms + self.lease_ms();
        let Some(moved) = tx.claim(&fence.task, fence.attempt, fence.token, executor, until, now_ms).await? else {
            return Ok(None);
        };
        let attempt = tx.attempt(fence.attempt).await?;
        tx.commit().await?;
        announce(&self.queue, &[moved]).await;
        let (Some(attempt), Some(task)) = (attempt, self.store.task(&fence.task).await?) else { return Ok(None) };
        Ok(Some(self.specification(attempt, &task).await?))
    }

    /// Renews a lease and, where a phase is given, moves the task to it. False: the attempt is not current.
    pub(crate) async fn renew(&self, fence: &Fence, phase: Option<TaskState>) -> Result<bool, StoreError> {
        for _ in 0..RENEWALS {
            if let Some(current) = self.try_renew(fence, phase).await? {
                return Ok(current);
            }
        }
        Ok(false)
    }

    /// The same; `None`: somebody else wrote to the task meanwhile, who need not have ended the attempt.
    async fn try_renew(&self, fence: &Fence, phase: Option<TaskState>) -> Result<Option<bool>, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut tx = self.store.begin().await?;
        let Some(seen) = tx.current(&fence.task, fence.attempt, fence.token).await? else { return Ok(Some(false)) };
        let trigger = match phase {
            Some(phase) if phase == seen.state => None,
            Some(TaskState::Verifying) => Some(Trigger::BeginVerify),
            Some(TaskState::Landing) => Some(Trigger::BeginLanding),
            Some(_) => return Ok(Some(false)),
            None => None,
        };
        let mut moved = None;
        if let Some(trigger) = trigger {
            let change = Change::Plain(trigger);
            moved = tx.change(&fence.task, &seen, change, AttemptEnd::default(), "orchestrator", now_ms).await?;
            if moved.is_none() {
                return Ok(None);
            }
        }
        let current = tx.renew(fence.attempt, now_ms + self.lease_ms()).await?;
        tx.commit().await?;
        announce(&self.queue, moved.as_slice()).await;
        Ok(Some(current))
    }

    /// An executor was heard of: its slots are noted, its attempts' leases renewed. Answers which of them to stop.
    pub(crate) async fn heard(&self, executor: &ExecutorRow, named: &[AttemptId]) -> Result<Heard, StoreError> {
        let mut tx = self.store.begin().await?;
        tx.executor_seen(executor).await?;
        let mut stop = Vec::new();
        for attempt in named {
            if !tx.renew(*attempt, executor.seen_at_ms + self.lease_ms()).await? {
                stop.push(*attempt);
            }
        }
        let holds = |pause: &AccountPause| pause.until_ms.is_none_or(|until_ms| until_ms > executor.seen_at_ms);
        let pauses = tx.account_pauses().await?;
        let paused = pauses.into_iter().filter(holds).map(|pause| pause.account).collect();
        tx.commit().await?;
        Ok(Heard { stop, paused })
    }

    pub(crate) fn lease_ms(&self) -> i64 {
        i64::try_from(self.config().executor.lease_ms).unwrap_or(i64::MAX)
    }
}
