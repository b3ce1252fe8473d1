//! The graph and the database: what is ready by the graph is settled in the database, which decides.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use coditect_core::{Service, TaskId, TaskState};
use coditect_graph::{Graph, NodeState};
use coditect_queue::message::{Event, Ready};
use coditect_service::config::{CyclePolicy, OptionalTasks};
use coditect_service::{fault, graph as nodes};
use coditect_store::{GraphTask, Moved, Store, Tx};

use crate::announce;
use crate::cycles::{self, Told};

/// How many rows are written in one transaction when everything is looked at: others want to write too.
const CHUNK: usize = 500;

/// Knows what is ready.
#[derive(Debug)]
pub struct Resolver {
    store: Store,
    graph: Graph,
    ranks: HashMap<String, i64>,
    told: Told,
    optional: OptionalTasks,
    policy: CyclePolicy,
    /// The documents in the graph, in order, and the last change of a plan that is in it.
    documents: BTreeMap<String, u64>,
    seen: i64,
}

/// What was moved, and the entries that tell of tasks which became ready.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// The moves, committed.
    pub moved: Vec<Moved>,
    /// For the dispatcher.
    pub ready: Vec<Ready>,
    /// The graph turned out not to be what the database has: it should be built anew.
    pub behind: bool,
}

impl Resolver {
    /// A resolver that knows nothing yet: [`Resolver::rebuild`] is the first thing to do.
    #[must_use]
    pub fn new(store: Store, policy: CyclePolicy) -> Self {
        Self {
            store,
            graph: Graph::default(),
            ranks: HashMap::new(),
            told: Told::default(),
            policy,
            optional: OptionalTasks::default(),
            documents: BTreeMap::new(),
            seen: -1,
        }
    }

    /// With what becomes of tasks that the plan can do without.
    #[must_use]
    pub fn with_optional(self, optional: OptionalTasks) -> Self {
        Self { optional, ..self }
    }

    /// From here on it writes through the leader's `store`.
    pub fn lead(&mut self, store: Store) {
        self.store = store;
    }

    /// Reads the graph from `store`, and changes nothing there.
    ///
    /// # Errors
    /// The database failed; the graph is the one from before.
    pub async fn read(&mut self, store: &Store) -> anyhow::Result<()> {
        let (tasks, edges) = store.graph().await?;
        self.graph = nodes::graph(&tasks, &edges);
        Ok(())
    }

    /// The graph as of the last entry.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Builds the graph from the database, keeps ranks that changed, and settles every task that is not where the
    /// graph says it should be.
    ///
    /// # Errors
    /// The database failed. What was committed before stays; the next pass does the rest.
    pub async fn rebuild(&mut self, now_ms: i64) -> anyhow::Result<Settled> {
        // What is written while the graph is read is read once more: that does no harm.
        let seen = self.store.plan_seq().await?;
        let (tasks, mut edges) = self.store.graph().await?;
        cycles::apply(self.policy, &self.store, &tasks, &mut edges, now_ms).await?;
        self.graph = nodes::graph(&tasks, &edges);
        (self.documents, self.seen) = (nodes::documents(&tasks), seen);
        self.told.tell(&self.graph);
        self.ranks.clear();
        self.keep_ranks(&tasks).await?;
        let misplaced: Vec<_> = tasks
            .iter()
            .filter(|task| match task.life.state {
                TaskState::Pending => self.graph.is_ready(task.id.as_str()),
                TaskState::Ready => task.special || !self.graph.is_ready(task.id.as_str()),
                _ => task.is_at_a_gate(),
            })
            .map(|task| task.id.clone())
            .collect();
        self.settle_all(&misplaced, now_ms).await
    }

    /// Reads what was planned since the graph was built, and settles what follows: as costly as what has changed, but for
    /// ranks and cycles, which are worked out in memory.
    ///
    /// # Errors
    /// The database failed; only building the graph anew makes sure that all is seen.
    pub async fn patch(&mut self, now_ms: i64) -> anyhow::Result<Settled> {
        // Which dependencies are set aside is a matter of the whole graph.
        if self.policy != CyclePolicy::Hold {
            return self.rebuild(now_ms).await;
        }
        let seen = self.store.plan_seq().await?;
        let (tasks, edges) = self.store.graph_after(self.seen).await?;
        let before: BTreeSet<String> = self.graph.ready().into_iter().collect();
        if !nodes::patch(&mut self.graph, &self.documents, &tasks, &edges) {
            return self.rebuild(now_ms).await;
        }
        self.seen = seen;
        self.told.tell(&self.graph);
        self.keep_ranks(&tasks).await?;
        let after: BTreeSet<String> = self.graph.ready().into_iter().collect();
        let changed = tasks.iter().map(|task| task.id.to_string());
        let affected: BTreeSet<String> = before.symmetric_difference(&after).cloned().chain(changed).collect();
        let affected: Vec<TaskId> = affected.iter().filter_map(|id| id.parse().ok()).collect();
        self.settle_all(&affected, now_ms).await
    }

    /// Settles these tasks, some at a time.
    async fn settle_all(&mut self, tasks: &[TaskId], now_ms: i64) -> anyhow::Result<Settled> {
        let mut settled = Settled::default();
        for chunk in tasks.chunks(CHUNK) {
            let mut tx = self.store.begin().await?;
            let moved = self.settle(&mut tx, chunk, now_ms).await?;
            fault::point("resolver::settling");
            tx.commit().await?;
            fault::point("resolver::settled");
            self.add(&mut settled, moved);
        }
        Ok(settled)
    }

    /// Keeps the ranks of open tasks that are not what the database has; those in cycles have none, which is 0. `read` are
    /// tasks as the database has them.
    async fn keep_ranks(&mut self, read: &[GraphTask]) -> anyhow::Result<()> {
        let ranks = self.graph.ranks();
        self.ranks.extend(read.iter().map(|task| (task.id.to_string(), task.rank)));
        let open = |id: &str| self.graph.node(id).is_some_and(|node| node.state == NodeState::Open);
        let is_lost = |(id, rank): &(&String, &i64)| **rank != 0 && !ranks.contains_key(*id) && open(id);
        let lost = self.ranks.iter().filter(is_lost).map(|(id, _)| (id, 0));
        let new = ranks.iter().filter(|(id, rank)| self.ranks.get(*id).copied().unwrap_or_default() != **rank);
        let changed: Vec<(TaskId, i64)> = new
            .map(|(id, rank)| (id, *rank))
            .chain(lost)
            .filter_map(|(id, rank)| Some((id.parse().ok()?, rank)))
            .collect();
        for chunk in changed.chunks(CHUNK) {
            let mut tx = self.store.begin().await?;
            for (task, rank) in chunk {
                tx.set_rank(task, *rank).await?;
            }
            tx.commit().await?;
            fault::point("resolver::ranked");
        }
        self.ranks = ranks;
        Ok(())
    }

    /// Looks at the tasks that these entries name, and settles what follows, in one transaction.
    ///
    /// What an entry says is not believed: the task's state is read.
    ///
    /// # Errors
    /// The database failed; nothing has been settled, and only building the graph anew makes sure that all is seen.
    pub async fn follow(&mut self, events: &[Event], now_ms: i64) -> anyhow::Result<Settled> {
        let named: BTreeSet<TaskId> =
            events.iter().filter(|event| matters(event)).filter_map(|event| event.task.parse().ok()).collect();
        let mut settled = Settled::default();
        if named.is_empty() {
            return Ok(settled);
        }
        let mut tx = self.store.begin().await?;
        let mut affected = BTreeSet::new();
        for task in &named {
            let Some(life) = tx.lifecycle(task).await? else { continue };
            let Some(before) = self.graph.node(task.as_str()).map(|node| node.state) else {
                settled.behind = true;
                continue;
            };
            let after = nodes::node_state(life.state);
            let ready = self.graph.set_state(task.as_str(), after)?;
            affected.extend(ready.iter().filter_map(|id| id.parse::<TaskId>().ok()));
            if matches!(life.state, TaskState::Pending | TaskState::Ready) {
                affected.insert(task.clone());
            }
            if before == NodeState::Met && after != NodeState::Met {
                affected.extend(self.store.dependents(task).await?);
            }
        }
        let affected: Vec<_> = affected.into_iter().collect();
        let moved = self.settle(&mut tx, &affected, now_ms).await?;
        fault::point("resolver::following");
        tx.commit().await?;
        fault::point("resolver::followed");
        // Ready by the graph and not by the database: a dependency was added meanwhile, or one was reopened.
        let weighs = |moved: &&Moved| matches!(moved.now.state, TaskState::Pending | TaskState::Ready);
        settled.behind |= moved
            .iter()
            .filter(weighs)
            .any(|m| (m.now.state == TaskState::Ready) != self.graph.is_ready(m.task.as_str()));
        self.add(&mut settled, moved);
        Ok(settled)
    }

    /// Settles these tasks, and what follows from it: of what is left out, the dependents may start.
    async fn settle(&mut self, tx: &mut Tx, tasks: &[TaskId], now_ms: i64) -> anyhow::Result<Vec<Moved>> {
        let (mut all, mut due) = (Vec::new(), tasks.iter().cloned().collect::<VecDeque<_>>());
        while let Some(task) = due.pop_front() {
            let skip = self.optional == OptionalTasks::Skip;
            let Some(moved) = tx.settle(&task, skip, now_ms).await? else { continue };
            tracing::debug!(%task, from = %moved.from, to = %moved.now.state, "settled");
            let (before, after) = (nodes::node_state(moved.from), nodes::node_state(moved.now.state));
            if before != after && self.graph.node(task.as_str()).is_some() {
                let ready = self.graph.set_state(task.as_str(), after)?;
                due.extend(ready.iter().filter_map(|id| id.parse::<TaskId>().ok()));
            }
            if before == NodeState::Met {
                due.extend(tx.dependents(&task).await?);
            }
            if moved.now.state == TaskState::Pending && moved.from != TaskState::Ready {
                due.push_back(task);
            }
            all.push(moved);
        }
        Ok(all)
    }

    fn add(&self, settled: &mut Settled, moved: Vec<Moved>) {
        for moved in moved {
            if moved.now.state == TaskState::Ready {
                let id = moved.task.as_str();
                let priority = self.graph.node(id).map(|node| node.priority).unwrap_or_default().level();
                let rank = self.ranks.get(id).copied().unwrap_or_default();
                settled.ready.push(announce::ready(&moved, priority, rank));
            }
            settled.moved.push(moved);
        }
    }
}

/// Whether an entry tells of something that readiness depends on. Our own moves do not.
fn matters(event: &Event) -> bool {
    let weighs = |state: &str| {
        state
            .parse::<TaskState>()
            .is_ok_and(|state| state == TaskState::Pending || nodes::node_state(state) != NodeState::Open)
    };
    event.actor != Service::DependencyResolver.as_str() && (weighs(&event.from) || weighs(&event.to))
}
