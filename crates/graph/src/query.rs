//! Plain questions: what is in the graph, what is ready, how many of each.

use coditect_core::Priority;
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Link, blocking};
use crate::model::{Dependency, Edge, Node, NodeState, TaskId};

/// Where a task stands, its dependencies considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Completed or skipped.
    Met,
    /// Open, and nothing is in its way.
    Ready,
    /// Open, and something is in its way.
    Waiting,
    /// Failed, cancelled or retired.
    Blocking,
}

/// How many tasks stand where. `total` is the sum of `met`, `ready`, `waiting` and `blocking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// All tasks.
    pub total: usize,
    /// Completed or skipped tasks.
    pub met: usize,
    /// Open tasks with nothing in their way.
    pub ready: usize,
    /// Open tasks with something in their way.
    pub waiting: usize,
    /// Failed, cancelled or retired tasks.
    pub blocking: usize,
    /// Groups of tasks that wait for each other.
    pub cycles: usize,
    /// Tasks in such groups.
    pub in_cycles: usize,
    /// Open tasks held by a reference that resolves to nothing.
    pub dangling: usize,
}

impl Graph {
    /// The tasks that can be worked on now, in plan order. See [`order`](Self::order) for the order of dispatch.
    #[must_use]
    pub fn ready(&self) -> Vec<TaskId> {
        self.named(self.ready.iter().copied().collect())
    }

    /// Whether a task can be worked on now; false for an unknown one.
    #[must_use]
    pub fn is_ready(&self, id: &str) -> bool {
        self.find(id).is_ok_and(|at| self.ready.contains(&at))
    }

    /// A task by its id.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.find(id).ok().and_then(|at| self.slot(at).node.as_ref())
    }

    /// All tasks in plan order.
    #[must_use]
    pub fn nodes(&self) -> Vec<&Node> {
        let mut nodes: Vec<&Node> = self.slots.iter().filter_map(|slot| slot.node.as_ref()).collect();
        nodes.sort_unstable_by_key(|node| (node.order, &node.id));
        nodes
    }

    /// All edges, by dependent in plan order; those to tasks that are not in the graph included.
    #[must_use]
    pub fn edges(&self) -> Vec<Edge> {
        let dependents = self.nodes().into_iter();
        dependents.flat_map(|node| self.dependencies(&node.id).into_iter().map(|to| edge(&node.id, to))).collect()
    }

    /// What a task refers to, in the order given, unknown tasks included; nothing for an unknown task.
    #[must_use]
    pub fn dependencies(&self, id: &str) -> Vec<Dependency> {
        let Ok(at) = self.find(id) else { return Vec::new() };
        let links = self.slot(at).dependencies.iter().zip(&self.slot(at).added);
        let named = |(link, added): (&Link, &i64)| {
            let id = self.slot(link.to).id.clone();
            Dependency { id, kind: link.kind, added: *added }
        };
        links.map(named).collect()
    }

    /// Where a task stands.
    #[must_use]
    pub fn standing(&self, id: &str) -> Option<Standing> {
        let at = self.find(id).ok()?;
        Some(match self.slot(at).state()? {
            NodeState::Met => Standing::Met,
            NodeState::Blocking => Standing::Blocking,
            NodeState::Open if self.ready.contains(&at) => Standing::Ready,
            NodeState::Open => Standing::Waiting,
        })
    }

    /// How many tasks stand where.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let count = |state| self.slots.iter().filter(|slot| slot.state() == Some(state)).count();
        let open = count(NodeState::Open);
        let components = self.components();
        let held = |at: u32| self.slot(at).is_open() && self.is_dangling(at);
        Summary {
            total: self.len(),
            met: count(NodeState::Met),
            ready: self.ready.len(),
            waiting: open - self.ready.len(),
            blocking: count(NodeState::Blocking),
            cycles: components.cyclic().count(),
            in_cycles: components.cyclic().map(<[u32]>::len).sum(),
            dangling: (0..self.slots.len() as u32).filter(|&at| held(at)).count(),
        }
    }

    /// The `blocks` dependencies that are tasks and not met.
    pub(crate) fn unmet(&self, at: u32) -> impl Iterator<Item = u32> {
        blocking(&self.slot(at).dependencies).filter(|&to| self.slot(to).node.is_some() && !self.slot(to).is_met())
    }

    /// The `blocks` dependents that are open.
    pub(crate) fn held_up(&self, at: u32) -> impl Iterator<Item = u32> {
        blocking(&self.slot(at).dependents).filter(|&to| self.slot(to).is_open())
    }

    /// References of a task that resolve to nothing: those it came with, then those to tasks not in the graph.
    pub(crate) fn dangling(&self, at: u32) -> Vec<String> {
        let given = self.slot(at).node.iter().flat_map(|node| node.dangling.iter().cloned());
        let ghosts = blocking(&self.slot(at).dependencies).filter(|&to| self.slot(to).node.is_none());
        let mut all = Vec::new();
        for name in given.chain(ghosts.map(|to| self.slot(to).id.clone())) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    pub(crate) fn is_held(&self, at: u32) -> bool {
        self.slot(at).node.as_ref().is_some_and(|node| node.held)
    }

    pub(crate) fn is_dangling(&self, at: u32) -> bool {
        self.slot(at).node.as_ref().is_some_and(|node| !node.dangling.is_empty())
            || blocking(&self.slot(at).dependencies).any(|to| self.slot(to).node.is_none())
    }

    /// The sort key of the plan's order.
    pub(crate) fn place(&self, at: u32) -> (u64, &str) {
        let slot = self.slot(at);
        (slot.node.as_ref().map_or(u64::MAX, |node| node.order), &slot.id)
    }

    pub(crate) fn priority(&self, at: u32) -> Priority {
        self.slot(at).node.as_ref().map(|node| node.priority).unwrap_or_default()
    }

    pub(crate) fn id(&self, at: u32) -> TaskId {
        self.slot(at).id.clone()
    }

    pub(crate) fn ids(&self, slots: &[u32]) -> Vec<TaskId> {
        slots.iter().map(|&at| self.id(at)).collect()
    }

    /// The ids of these slots in plan order.
    pub(crate) fn named(&self, mut slots: Vec<u32>) -> Vec<TaskId> {
        slots.sort_unstable_by_key(|&at| self.place(at));
        self.ids(&slots)
    }
}

fn edge(dependent: &str, dependency: Dependency) -> Edge {
    Edge { dependent: dependent.to_owned(), dependency: dependency.id, kind: dependency.kind, added: dependency.added }
}
