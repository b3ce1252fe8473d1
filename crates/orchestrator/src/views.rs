//! What people look at beside tasks: why, graph, history, accounts, agents, queues.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use coditect_core::{Breaker, BreakerScope, Clock, TaskId};
use coditect_proto::v1;
use coditect_queue::QueueError;
use coditect_service::explain::explain;
use coditect_service::forecast::forecast;
use coditect_service::graph;
use coditect_store::{StoreError, Tally};

use crate::Orchestrator;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// The lengths of time that history is shown in.
const BUCKETS: [i64; 7] =
    [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 60 * MINUTE_MS, 6 * 60 * MINUTE_MS, DAY_MS, 7 * DAY_MS];

/// As many buckets as fit on a screen.
const SHOWN: i64 = 120;

impl Orchestrator {
    /// Why a task is, or is not, worked on. `None`: the graph has no such task.
    pub(crate) async fn why(&self, task: &TaskId) -> Result<Option<v1::WhyResponse>, StoreError> {
        let (tasks, edges) = self.store.graph().await?;
        explain(&self.store, &graph::graph(&tasks, &edges), task).await
    }

    /// When all would be done with so many slots.
    pub(crate) async fn foreseen(&self, slots: usize) -> Result<v1::ForecastResponse, StoreError> {
        let (tasks, edges) = self.store.graph().await?;
        forecast(&self.store, &graph::graph(&tasks, &edges), &tasks, slots, self.clock.now_ms()).await
    }

    pub(crate) async fn whole_graph(&self) -> Result<v1::GraphResponse, StoreError> {
        let (tasks, edges) = self.store.graph().await?;
        let critical: HashSet<String> = graph::graph(&tasks, &edges).critical_path().into_iter().collect();
        let epics: HashMap<String, String> = self.store.epics_of_tasks().await?.into_iter().collect();
        let nodes = tasks.into_iter().map(|task| v1::GraphNode {
            key: task.id.as_str().split_once('/').map_or("", |(_, key)| key).to_owned(),
            title: task.title,
            state: task.life.state.to_string(),
            epic: epics.get(task.id.as_str()).cloned(),
            priority: task.priority.to_string(),
            critical: critical.contains(task.id.as_str()),
            task: task.id.to_string(),
        });
        let edges = edges.into_iter().map(|edge| v1::GraphEdge {
            from: edge.depends_on.to_string(),
            to: edge.task.to_string(),
            kind: edge.kind,
        });
        Ok(v1::GraphResponse { nodes: nodes.collect(), edges: edges.collect() })
    }

    pub(crate) async fn history(&self, since_ms: i64) -> Result<v1::HistoryResponse, StoreError> {
        let begins = self.store.history_begins(since_ms).await?.unwrap_or(since_ms);
        let span = self.clock.now_ms().saturating_sub(begins);
        let bucket_ms = BUCKETS.into_iter().find(|length| span / length < SHOWN).unwrap_or(7 * DAY_MS);
        let buckets = self.store.history(since_ms, bucket_ms).await?;
        let bucket =
            |b: coditect_store::Bucket| v1::HistoryBucket { at_ms: b.at_ms, completed: b.completed, failed: b.failed };
        Ok(v1::HistoryResponse { buckets: buckets.into_iter().map(bucket).collect(), bucket_ms })
    }

    /// The accounts that are configured, or that anything is known of.
    pub(crate) async fn accounts(&self) -> Result<Vec<v1::Account>, StoreError> {
        let now_ms = self.clock.now_ms();
        let tallies = by_name(self.store.tally_by_account(now_ms - now_ms.rem_euclid(DAY_MS)).await?);
        let breakers = self.breakers(BreakerScope::Account).await?;
        let pauses: BTreeMap<_, _> = self
            .store
            .account_pauses()
            .await?
            .into_iter()
            .filter(|pause| pause.holds(now_ms))
            .map(|pause| (pause.account.clone(), pause))
            .collect();
        let by_people: BTreeMap<_, _> = self.paused_by_people("pause:account:").await?;
        let config = self.config();
        let configured = &config.accounts;
        let names: BTreeSet<&String> = configured
            .keys()
            .chain(tallies.keys())
            .chain(breakers.keys())
            .chain(pauses.keys())
            .chain(by_people.keys())
            .collect();
        let account = |name: &String| {
            let tally = tallies.get(name).cloned().unwrap_or_default();
            let (cause, reason, until_ms) = match (by_people.get(name), pauses.get(name)) {
                (Some(person), _) => (Some("person".to_owned()), Some(format!("paused by {person}")), None),
                (None, Some(pause)) => (Some(pause.cause.clone()), Some(pause.reason.clone()), pause.until_ms),
                (None, None) => (None, None, None),
            };
            v1::Account {
                name: name.clone(),
                paused: cause.is_some(),
                cause,
                reason,
                until_ms,
                active: tally.active,
                max_concurrent: configured.get(name).map(|account| i64::from(account.max_concurrent)),
                spent_today_usd: dollars(tally.cost_micros),
                daily_budget_usd: configured.get(name).map(|account| account.daily_budget_usd),
                breaker: Some(breaker(breakers.get(name))),
            }
        };
        Ok(names.into_iter().map(account).collect())
    }

    /// The agents that are defined, or that anything was tried with.
    pub(crate) async fn agents(&self) -> Result<Vec<v1::Agent>, StoreError> {
        let tallies = by_name(self.store.tally_by_agent(0).await?);
        let breakers = self.breakers(BreakerScope::Agent).await?;
        let known: BTreeMap<_, _> =
            self.store.agents().await?.into_iter().map(|row| (row.name, row.description)).collect();
        let names: BTreeSet<&String> = tallies.keys().chain(breakers.keys()).chain(known.keys()).collect();
        let agent = |name: &String| {
            let tally = tallies.get(name).cloned().unwrap_or_default();
            v1::Agent {
                name: name.clone(),
                description: known.get(name).cloned().unwrap_or_default(),
                active: tally.active,
                completed: tally.landed,
                failed: tally.failed,
                breaker: Some(breaker(breakers.get(name))),
            }
        };
        Ok(names.into_iter().map(agent).collect())
    }

    pub(crate) async fn queues(&self) -> Result<Vec<v1::QueueGroup>, QueueError> {
        let mut queues = Vec::new();
        for stream in self.queue.inspect().await? {
            let row = v1::QueueGroup {
                stream: stream.name,
                depth: i64::try_from(stream.length).unwrap_or(i64::MAX),
                oldest_ms: stream.oldest.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
                ..v1::QueueGroup::default()
            };
            if stream.groups.is_empty() {
                queues.push(row.clone());
            }
            queues.extend(stream.groups.into_iter().map(|group| v1::QueueGroup {
                group: group.name,
                lag: group.lag.map(|lag| i64::try_from(lag).unwrap_or(i64::MAX)),
                pending: i64::try_from(group.pending).unwrap_or(i64::MAX),
                ..row.clone()
            }));
        }
        Ok(queues)
    }

    async fn breakers(&self, scope: BreakerScope) -> Result<BTreeMap<String, Breaker>, StoreError> {
        let rows = self.store.breakers().await?;
        Ok(rows.into_iter().filter(|row| row.scope == scope).map(|row| (row.name, row.breaker)).collect())
    }

    async fn paused_by_people(&self, prefix: &str) -> Result<BTreeMap<String, String>, StoreError> {
        let facts = self.store.facts(prefix).await?;
        Ok(facts.into_iter().filter_map(|(key, by)| Some((key.strip_prefix(prefix)?.to_owned(), by))).collect())
    }
}

fn by_name(tallies: Vec<Tally>) -> BTreeMap<String, Tally> {
    tallies.into_iter().map(|tally| (tally.name.clone(), tally)).collect()
}

/// One that is not kept never counted a failure.
fn breaker(kept: Option<&Breaker>) -> v1::Breaker {
    let Breaker { state, failures, open_until_ms, .. } = kept.copied().unwrap_or_default();
    v1::Breaker { state: state.to_string(), failures, open_until_ms }
}

#[expect(clippy::cast_precision_loss, reason = "a day costs less than 2^52 millionths of a dollar")]
fn dollars(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}
