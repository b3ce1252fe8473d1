//! The same graph, slow and obvious: a map of nodes and a list of edges; every answer is computed from its definition.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use coditect_graph::{Cause, Dependency, Edge, EdgeKind, Node, NodeState, Root, Standing, Summary};

#[derive(Debug, Clone, Default)]
pub(crate) struct Slow {
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) edges: Vec<Edge>,
}

type Ids = BTreeSet<String>;

impl Slow {
    pub(crate) fn build(nodes: Vec<Node>, edges: Vec<Edge>) -> Self {
        let mut slow = Self::default();
        for node in nodes {
            slow.nodes.insert(node.id.clone(), node);
        }
        for edge in edges {
            if slow.nodes.contains_key(&edge.dependent) && !slow.edges.contains(&edge) {
                slow.edges.push(edge);
            }
        }
        slow
    }

    pub(crate) fn set_dependencies(&mut self, id: &str, dependencies: Vec<Dependency>) {
        self.edges.retain(|edge| edge.dependent != id);
        for Dependency { id: to, kind, added } in dependencies {
            let edge = Edge { dependent: id.to_owned(), dependency: to, kind, added };
            if !self.edges.contains(&edge) {
                self.edges.push(edge);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Node> {
        let node = self.nodes.remove(id)?;
        self.edges.retain(|edge| edge.dependent != id);
        Some(node)
    }

    pub(crate) fn state(&self, id: &str) -> Option<NodeState> {
        self.nodes.get(id).map(|node| node.state)
    }

    fn open(&self, id: &str) -> bool {
        self.state(id) == Some(NodeState::Open)
    }

    fn unfinished(&self, id: &str) -> bool {
        self.state(id).is_some_and(|state| state != NodeState::Met)
    }

    /// The `blocks` dependencies, in the order given.
    fn waits_on(&self, id: &str) -> Vec<String> {
        let own = self.edges.iter().filter(|edge| edge.dependent == id && edge.kind == EdgeKind::Blocks);
        own.map(|edge| edge.dependency.clone()).collect()
    }

    pub(crate) fn unmet(&self, id: &str) -> Vec<String> {
        self.waits_on(id).into_iter().filter(|to| self.unfinished(to)).collect()
    }

    /// The open `blocks` dependents.
    pub(crate) fn dependents(&self, id: &str) -> Vec<String> {
        let ids = self.nodes.keys().filter(|from| self.open(from) && self.waits_on(from).contains(&id.to_owned()));
        self.in_plan_order(ids.cloned())
    }

    pub(crate) fn dangling(&self, id: &str) -> Vec<String> {
        let ghosts = self.waits_on(id).into_iter().filter(|to| !self.nodes.contains_key(to));
        let mut all = Vec::new();
        for name in self.nodes[id].dangling.iter().cloned().chain(ghosts) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    pub(crate) fn is_ready(&self, id: &str) -> bool {
        self.open(id)
            && !self.nodes[id].held
            && !self.in_cycle(id)
            && self.dangling(id).is_empty()
            && self.unmet(id).is_empty()
    }

    pub(crate) fn ready(&self) -> Vec<String> {
        self.in_plan_order(self.nodes.keys().filter(|id| self.is_ready(id)).cloned())
    }

    pub(crate) fn in_plan_order(&self, ids: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut ids: Vec<String> = ids.into_iter().collect();
        ids.sort_by_key(|id| (self.nodes[id].order, id.clone()));
        ids
    }

    pub(crate) fn standing(&self, id: &str) -> Option<Standing> {
        Some(match self.state(id)? {
            NodeState::Met => Standing::Met,
            NodeState::Blocking => Standing::Blocking,
            NodeState::Open if self.is_ready(id) => Standing::Ready,
            NodeState::Open => Standing::Waiting,
        })
    }

    /// How many steps along unmet dependencies lead from one task to another, at least one.
    pub(crate) fn distance(&self, from: &str, to: &str) -> Option<usize> {
        if !self.unfinished(from) {
            return None;
        }
        let mut reached: Ids = self.unmet(from).into_iter().collect();
        for steps in 1..=self.nodes.len() {
            if reached.contains(to) {
                return Some(steps);
            }
            reached = reached.iter().flat_map(|id| self.unmet(id)).collect();
        }
        None
    }

    pub(crate) fn in_cycle(&self, id: &str) -> bool {
        self.distance(id, id).is_some()
    }

    pub(crate) fn cycle_members(&self, id: &str) -> Vec<String> {
        let mutual = |other: &&String| self.distance(id, other).is_some() && self.distance(other, id).is_some();
        self.in_plan_order(self.nodes.keys().filter(mutual).cloned())
    }

    pub(crate) fn cycles(&self) -> Vec<Vec<String>> {
        let cyclic = self.in_plan_order(self.nodes.keys().filter(|id| self.in_cycle(id)).cloned());
        let mut cycles: Vec<Vec<String>> = Vec::new();
        for id in cyclic {
            if !cycles.iter().any(|members| members.contains(&id)) {
                cycles.push(self.cycle_members(&id));
            }
        }
        cycles
    }

    pub(crate) fn rank(&self, id: &str) -> Option<i64> {
        self.chain(id).map(|(minutes, _)| minutes)
    }

    /// Minutes and ids of the longest chain that begins with a task.
    fn chain(&self, id: &str) -> Option<(i64, Vec<String>)> {
        if !self.open(id) || self.in_cycle(id) {
            return None;
        }
        let (minutes, rest) = self.best(self.dependents(id)).unwrap_or_default();
        let own = self.nodes[id].estimate_minutes.unwrap_or(60).max(0);
        Some((own + minutes, [vec![id.to_owned()], rest].concat()))
    }

    fn best(&self, among: Vec<String>) -> Option<(i64, Vec<String>)> {
        let chains = among.iter().filter_map(|id| self.chain(id));
        chains.min_by_key(|(minutes, path)| {
            let first = &self.nodes[&path[0]];
            (Reverse(*minutes), Reverse(path.len()), first.priority, first.order, first.id.clone())
        })
    }

    pub(crate) fn critical_path(&self) -> Vec<String> {
        self.best(self.nodes.keys().cloned().collect()).map(|(_, path)| path).unwrap_or_default()
    }

    pub(crate) fn order(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.nodes.keys().cloned().collect();
        ids.sort_by_key(|id| (self.nodes[id].priority, Reverse(self.rank(id)), self.nodes[id].order, id.clone()));
        ids
    }

    pub(crate) fn holds_up(&self, id: &str) -> usize {
        if !self.unfinished(id) {
            return 0;
        }
        let mut behind: Ids = self.dependents(id).into_iter().collect();
        loop {
            let more: Ids = behind.iter().flat_map(|id| self.dependents(id)).chain(behind.iter().cloned()).collect();
            if more == behind {
                behind.remove(id);
                return behind.len();
            }
            behind = more;
        }
    }

    pub(crate) fn roots(&self, id: &str) -> Vec<Root> {
        if !self.open(id) {
            return Vec::new();
        }
        let mut reached: Ids = self.unmet(id).into_iter().collect();
        loop {
            let passed = reached.iter().filter(|at| self.open(at));
            let more: Ids = passed.flat_map(|at| self.unmet(at)).chain(reached.iter().cloned()).collect();
            if more == reached {
                break;
            }
            reached = more;
        }
        reached.remove(id);
        let mut roots = BTreeSet::new();
        let own = self.cycle_members(id);
        for at in &reached {
            let mut root = |id: &str, cause| roots.insert((self.nodes[id].order, id.to_owned(), cause));
            if !self.open(at) {
                root(at, Cause::Blocking);
                continue;
            }
            if self.is_ready(at) {
                root(at, Cause::Ready);
            }
            if self.nodes[at].held {
                root(at, Cause::Held);
            }
            if !self.dangling(at).is_empty() {
                root(at, Cause::Dangling);
            }
            if self.in_cycle(at) && !own.contains(at) {
                root(&self.cycle_members(at)[0], Cause::Cycle);
            }
        }
        roots.into_iter().map(|(_, id, cause)| Root { id, cause }).collect()
    }

    pub(crate) fn summary(&self) -> Summary {
        let count = |standing| self.nodes.keys().filter(|id| self.standing(id) == Some(standing)).count();
        Summary {
            total: self.nodes.len(),
            met: count(Standing::Met),
            ready: count(Standing::Ready),
            waiting: count(Standing::Waiting),
            blocking: count(Standing::Blocking),
            cycles: self.cycles().len(),
            in_cycles: self.nodes.keys().filter(|id| self.in_cycle(id)).count(),
            dangling: self.nodes.keys().filter(|id| self.open(id) && !self.dangling(id).is_empty()).count(),
        }
    }
}
