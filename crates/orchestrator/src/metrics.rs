//! What the leader tells Prometheus: counted in the database and in Redis at each scrape.

use std::collections::BTreeMap;

use coditect_core::{BreakerState, Clock};
use coditect_service::metrics::described::{
    ACCOUNT_PAUSED, AGENT_UTILIZATION, AUTONOMY, BREAKER_STATE, COST, GATE_REJECTIONS, PLAN_CONFLICTS, QUEUE_DEPTH,
    RETRIES, RUNS_ACTIVE, SUCCESS, TASK_DURATION, TASKS, TOKENS,
};
use coditect_service::metrics::{Distribution, Snapshot};
use coditect_store::{DURATION_BOUNDS_MS, Durations, StoreError};
use tracing::debug;

use crate::Orchestrator;
use crate::figures::figures;

/// An executor that was not heard of for this long lends no slots.
const EXECUTOR_SEEN_MS: i64 = 15_000;

/// The gates that refuse results, and the failures by which they do.
const GATES: [(&str, &str); 5] = [
    ("verify", "verification_failed"),
    ("merge", "merge_conflict"),
    ("change", "no_change"),
    ("held", "held"),
    ("review", "not_merged"),
];

impl Orchestrator {
    /// What is known now. What cannot be looked up is left out.
    pub(crate) async fn snapshot(self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        if let Err(error) = self.count(&mut snapshot).await {
            debug!(cause = format!("{:#}", anyhow::Error::new(error)), "some metrics could not be counted");
        }
        if let Err(error) = self.measure_queues(&mut snapshot).await {
            debug!(%error, "the depth of the queues could not be measured");
        }
        snapshot
    }

    async fn count(&self, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        for (agent, state, count) in self.store.count_tasks().await? {
            snapshot.number(TASKS, [&agent, &state], float(count));
        }
        for durations in self.store.durations().await? {
            snapshot.histogram(TASK_DURATION, [&durations.agent], distribution(&durations));
        }
        for (agent, failure, count) in self.store.count_retries().await? {
            snapshot.number(RETRIES, [&agent, &failure], float(count));
        }
        let failures: BTreeMap<_, _> = self.store.count_failures().await?.into_iter().collect();
        for (gate, failure) in GATES {
            snapshot.number(GATE_REJECTIONS, [gate], float(failures.get(failure).copied().unwrap_or(0)));
        }
        for used in self.store.used().await? {
            let (account, agent) = (used.account.as_str(), used.agent.as_str());
            snapshot.number(COST, [account, agent], float(used.cost_micros) / 1_000_000.0);
            snapshot.number(TOKENS, [account, agent, "in"], float(used.tokens_in));
            snapshot.number(TOKENS, [account, agent, "out"], float(used.tokens_out));
        }
        snapshot.number(PLAN_CONFLICTS, [], float(self.store.count_conflicts().await?));
        for row in self.store.breakers().await? {
            let state = match row.breaker.state {
                BreakerState::Closed => 0.0,
                BreakerState::Open => 1.0,
                BreakerState::HalfOpen => 2.0,
            };
            snapshot.number(BREAKER_STATE, [row.scope.as_str(), &row.name], state);
        }
        let pauses = self.store.account_pauses().await?;
        for account in self.config().accounts.keys() {
            let paused = pauses.iter().any(|pause| pause.account == *account && pause.holds(now_ms));
            snapshot.number(ACCOUNT_PAUSED, [account], f64::from(u8::from(paused)));
        }
        // As they are shown to people.
        let figures = figures(&self.store.measures().await?, now_ms, 0);
        for metric in [SUCCESS, AUTONOMY] {
            if let Some(value) = figures.iter().find(|it| it.name == metric.name).and_then(|figure| figure.value) {
                snapshot.number(metric, [], value);
            }
        }
        self.measure_runs(snapshot, now_ms).await
    }

    async fn measure_runs(&self, snapshot: &mut Snapshot, now_ms: i64) -> Result<(), StoreError> {
        let executors = self.store.executors(now_ms - EXECUTOR_SEEN_MS).await?;
        let slots: i64 = executors.iter().map(|executor| executor.slots).sum();
        let mut of_executor: BTreeMap<_, i64> = executors.into_iter().map(|executor| (executor.id, 0)).collect();
        let mut of_agent: BTreeMap<_, i64> = BTreeMap::new();
        for attempt in self.store.open_attempts().await? {
            if let Some(executor) = attempt.executor {
                *of_executor.entry(executor).or_default() += 1;
                *of_agent.entry(attempt.agent).or_default() += 1;
            }
        }
        for (executor, count) in of_executor {
            snapshot.number(RUNS_ACTIVE, [&executor], float(count));
        }
        for (agent, count) in of_agent.into_iter().filter(|_| slots > 0) {
            snapshot.number(AGENT_UTILIZATION, [&agent], float(count) / float(slots));
        }
        Ok(())
    }

    async fn measure_queues(&self, snapshot: &mut Snapshot) -> Result<(), coditect_queue::QueueError> {
        for stream in self.queue.inspect().await? {
            let behind = |group: &coditect_queue::GroupInfo| Some(group.pending + group.lag?);
            // Where Redis does not know how far a group is behind, the whole stream may be.
            let depths = stream.groups.iter().map(|group| behind(group).unwrap_or(stream.length));
            let depth = depths.max().unwrap_or(stream.length);
            snapshot.number(QUEUE_DEPTH, [&stream.name], float(i64::try_from(depth).unwrap_or(i64::MAX)));
        }
        Ok(())
    }
}

fn distribution(durations: &Durations) -> Distribution {
    let mut before = 0;
    let buckets = DURATION_BOUNDS_MS.iter().zip(&durations.within).map(|(bound, within)| {
        let fresh = within - std::mem::replace(&mut before, *within);
        (float(*bound) / 1_000.0, u64::try_from(fresh).unwrap_or(0))
    });
    Distribution {
        buckets: buckets.collect(),
        sum: float(durations.sum_ms) / 1_000.0,
        count: u64::try_from(durations.count).unwrap_or(0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds are far below 2^52")]
fn float(number: i64) -> f64 {
    number as f64
}
