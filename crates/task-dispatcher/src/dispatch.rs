//! A dispatch pass: look at the truth, decide and assign in one transaction, tell.

use std::sync::Arc;

use coditect_core::{Admission, BreakerScope, Clock, Service as Actor, TaskState};
use coditect_queue::Queue;
use coditect_queue::message::Work;
use coditect_service::announce::announce;
use coditect_service::{Config, SystemClock, ids, metrics};
use coditect_store::{AttemptRow, Moved, OpenAttempt, Store, StoreError, TaskRow, Tx};
use tokio::sync::RwLock;
use tracing::{debug, info};

use crate::agents::{Agents, Choice};
use crate::ledger::{Ledger, Placement};
use crate::look::look;
use crate::offer;
use crate::offers::Offers;

/// How many ready tasks are looked at where many of the first ones are held.
pub const LOOK_AT: i64 = 10_000;

/// How many are looked at first.
const FIRST: usize = 64;

/// The turn that passes take, so that of several dispatchers one decides at a time.
const TURN: &str = "dispatch";

/// Assigns ready tasks.
#[derive(Debug)]
pub struct Dispatcher {
    store: Store,
    queue: Queue,
    config: Arc<Config>,
    clock: SystemClock,
    agents: Arc<RwLock<Agents>>,
    offers: Offers,
    due_ms: Option<i64>,
}

impl Dispatcher {
    /// A dispatcher over these.
    #[must_use]
    pub fn new(store: Store, queue: Queue, config: Arc<Config>, agents: Arc<RwLock<Agents>>) -> Self {
        Self { store, queue, config, clock: SystemClock, agents, offers: Offers::default(), due_ms: None }
    }

    /// Makes one pass; answers how many tasks were assigned. `lost` says that entries in Redis may be gone.
    ///
    /// # Errors
    /// The database failed. What was committed before stays, and is offered again when nobody claims it.
    pub async fn pass(&mut self, lost: bool) -> anyhow::Result<usize> {
        let now_ms = self.clock.now_ms();
        if self.agents.read().await.is_due() {
            self.agents.write().await.refresh(&self.store, now_ms).await?;
        }
        // What is assigned below is offered below; the others are looked after at the end.
        let open = self.store.open_attempts().await?;
        let ready = !self.store.tasks_in(TaskState::Ready, 1).await?.is_empty();
        let (moved, offers) = if ready { self.assign(now_ms).await? } else { Default::default() };
        offer::offer(&self.queue, &self.config.dispatch.pool, &offers).await;
        announce(&self.queue, &moved).await;
        self.offer_again(&open, lost, now_ms).await;
        Ok(moved.len())
    }

    /// When something that held tasks in the last pass ends by itself.
    #[must_use]
    pub const fn due_ms(&self) -> Option<i64> {
        self.due_ms
    }

    async fn offer_again(&mut self, open: &[AttemptRow], lost: bool, now_ms: i64) {
        let deadline_ms = self.deadline_ms();
        let due = self.offers.due(open, lost, now_ms);
        metrics::repaired("offered_again", due.len());
        let again = due.into_iter().map(|attempt| {
            debug!(task = %attempt.task, attempt = %attempt.id, "nobody claims it; it is offered again");
            offer::work(&attempt.task, attempt.id, attempt.token, &attempt.agent, &attempt.account, deadline_ms)
        });
        offer::offer(&self.queue, &self.config.dispatch.pool, &again.collect::<Vec<_>>()).await;
    }

    /// Assigns what can be, in dispatch order and in one transaction.
    async fn assign(&mut self, now_ms: i64) -> anyhow::Result<(Vec<Moved>, Vec<Work>)> {
        let agents = Arc::clone(&self.agents);
        let agents = agents.read().await;
        let (mut all, mut offers) = (Vec::new(), Vec::new());
        let mut tx = self.store.begin().await?;
        tx.take_turn(TURN, now_ms).await?;
        let (mut ledger, _) = look(&mut tx, &self.config, now_ms).await?;
        let spent = tx.ready_spent().await?;
        let (mut seen, mut limit) = (0, FIRST.max(2 * ledger.capacity.free()));
        while !ledger.is_closed() {
            let ready = tx.tasks_in(TaskState::Ready, i64::try_from(seen + limit).unwrap_or(LOOK_AT)).await?;
            // Those that were placed are no longer ready; those that were held come first again.
            let fresh = ready.get(seen..).unwrap_or_default();
            let mut held = 0;
            for task in fresh {
                if ledger.is_closed() {
                    break;
                }
                let choice = agents.choose(task);
                match ledger.place(&choice.agent, spent.get(&task.id).copied().unwrap_or_default()) {
                    Ok(placement) => {
                        if let Some((moved, work)) = self.open(&mut tx, &ledger, task, choice, placement).await? {
                            offers.push(work);
                            all.push(moved);
                        }
                    }
                    Err(reasons) => {
                        debug!(task = %task.id, held = reasons.join(" "), "a ready task is held");
                        held += 1;
                    }
                }
            }
            if fresh.len() < limit || seen + limit >= LOOK_AT as usize {
                break;
            }
            (seen, limit) = (seen + held, LOOK_AT as usize);
        }
        self.due_ms = ledger.due_ms();
        tx.commit().await?;
        all.iter().for_each(metrics::assigned);
        if !all.is_empty() {
            info!(assigned = all.len(), "tasks assigned");
        }
        Ok((all, offers))
    }

    /// Opens an attempt at a task. `None`: the task moved meanwhile, or its breaker did; it is left alone.
    async fn open(
        &self,
        tx: &mut Tx,
        ledger: &Ledger,
        task: &TaskRow,
        choice: Choice,
        placement: Placement,
    ) -> Result<Option<(Moved, Work)>, StoreError> {
        let Choice { agent, because } = choice;
        let Placement { account, probes } = placement;
        let (attempt, now_ms) = (ids::new_attempt(&self.clock), self.clock.now_ms());
        for scope in probes {
            let name = match scope {
                BreakerScope::Agent => &agent,
                BreakerScope::Account => &account,
            };
            let row = tx.breaker(scope, name).await?;
            let still = row.breaker.admits(ledger.now_ms, |id| ledger.open.contains(&id)) == Admission::Probe;
            if !still || !tx.set_breaker(&row, &row.breaker.probed_by(attempt), now_ms).await? {
                return Ok(None);
            }
            info!(%scope, name, %attempt, "a single attempt tries whether it works again");
        }
        let open = OpenAttempt { id: attempt, agent: agent.clone(), account: account.clone(), because };
        let reasons = open.because.join(" ");
        let Some(moved) = tx.assign(&task.id, &task.life, open, Actor::TaskDispatcher.as_str(), now_ms).await? else {
            return Ok(None);
        };
        debug!(task = %task.id, %attempt, agent, account, because = reasons, "assigned");
        let work = offer::work(&task.id, attempt, moved.now.token, &agent, &account, self.deadline_ms());
        Ok(Some((moved, work)))
    }

    fn deadline_ms(&self) -> i64 {
        let limit = i64::try_from(self.config.executor.wall_limit_ms).unwrap_or(i64::MAX);
        self.clock.now_ms().saturating_add(limit)
    }
}
