//! A dispatch pass: look at the truth, decide, assign in one transaction, tell.

use std::sync::Arc;

use coditect_core::{Clock, Service as Actor, TaskState};
use coditect_queue::Queue;
use coditect_queue::message::Work;
use coditect_service::announce::announce;
use coditect_service::{Config, SystemClock, ids};
use coditect_store::{Moved, OpenAttempt, Store, TaskRow};
use tracing::{debug, info};

use crate::capacity::Capacity;
use crate::decide::{Agents, Assignment, PAUSE, Pauses, decide};
use crate::offer;
use crate::offers::Offers;

/// How many ready tasks are looked at where some of them may be held by a pause.
const LOOK_AT: i64 = 10_000;

/// Assigns ready tasks.
#[derive(Debug)]
pub struct Dispatcher {
    store: Store,
    queue: Queue,
    config: Arc<Config>,
    clock: SystemClock,
    offers: Offers,
}

impl Dispatcher {
    /// A dispatcher over these.
    #[must_use]
    pub fn new(store: Store, queue: Queue, config: Arc<Config>) -> Self {
        Self { store, queue, config, clock: SystemClock, offers: Offers::default() }
    }

    /// Makes one pass; answers how many tasks were assigned. `lost` says that entries in Redis may be gone.
    ///
    /// # Errors
    /// The database failed. What was committed before stays, and is offered again when nobody claims it.
    pub async fn pass(&mut self, lost: bool) -> anyhow::Result<usize> {
        let now_ms = self.clock.now_ms();
        let (capacity, open) = Capacity::read(&self.store, &self.config, now_ms).await?;
        let (moved, offers) = match capacity.free() {
            0 => Default::default(),
            free => self.assign(free).await?,
        };
        offer::offer(&self.queue, &self.config.dispatch.pool, &offers).await;
        announce(&self.queue, &moved).await;

        let deadline_ms = self.deadline_ms();
        let again = self.offers.due(&open, lost, now_ms).into_iter().map(|attempt| {
            debug!(task = %attempt.task, attempt = %attempt.id, "nobody claims it; it is offered again");
            offer::work(&attempt.task, attempt.id, attempt.token, &attempt.agent, &attempt.account, deadline_ms)
        });
        offer::offer(&self.queue, &self.config.dispatch.pool, &again.collect::<Vec<_>>()).await;
        Ok(moved.len())
    }

    /// Assigns at most `free` tasks.
    async fn assign(&self, free: usize) -> anyhow::Result<(Vec<Moved>, Vec<Work>)> {
        let pauses = Pauses::from_facts(&self.store.facts(PAUSE).await?);
        if pauses.all {
            return Ok(Default::default());
        }
        let look_at = if pauses.select() { LOOK_AT } else { i64::try_from(free).unwrap_or(i64::MAX) };
        let ready = self.store.tasks_in(TaskState::Ready, look_at).await?;
        let agents = Agents { mappings: &self.config.agents.mappings, default: &self.config.dispatch.default_agent };
        let assignments = decide(ready.iter().map(|task| (task, task.agent.as_deref())), free, &pauses, agents);
        if assignments.is_empty() {
            return Ok(Default::default());
        }
        self.open(assignments).await
    }

    /// Opens an attempt for each, in one transaction. A task that moved meanwhile is left alone.
    async fn open(&self, assignments: Vec<Assignment<&TaskRow>>) -> anyhow::Result<(Vec<Moved>, Vec<Work>)> {
        let (mut all, mut offers, deadline_ms) = (Vec::new(), Vec::new(), self.deadline_ms());
        let mut tx = self.store.begin().await?;
        for Assignment { task, agent, because, account } in assignments {
            let attempt = ids::new_attempt(&self.clock);
            let open = OpenAttempt { id: attempt, agent: agent.clone(), account: account.to_owned(), because: vec![because.clone()] };
            let actor = Actor::TaskDispatcher.as_str();
            if let Some(moved) = tx.assign(&task.id, &task.life, open, actor, self.clock.now_ms()).await? {
                debug!(task = %task.id, %attempt, agent, because, "assigned");
                offers.push(offer::work(&task.id, attempt, moved.now.token, &agent, account, deadline_ms));
                all.push(moved);
            }
        }
        tx.commit().await?;
        if !all.is_empty() {
            info!(assigned = all.len(), "tasks assigned");
        }
        Ok((all, offers))
    }

    fn deadline_ms(&self) -> i64 {
        let limit = i64::try_from(self.config.executor.wall_limit_ms).unwrap_or(i64::MAX);
        self.clock.now_ms().saturating_add(limit)
    }
}
