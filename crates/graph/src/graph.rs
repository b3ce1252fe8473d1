//! The graph itself: a slot per name, a count of unmet dependencies per slot, and the set of ready slots.
//!
//! A name that is only referred to has a slot without a node (a *ghost*), which counts as unmet. So removing a task
//! that others wait for, and adding it later, are the same change as any other: the slot's node comes or goes.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::{Dependency, Edge, EdgeKind, Node, NodeState, TaskId, UnknownTask};

/// A plan's tasks and their dependencies, kept up to date change by change.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    index: HashMap<TaskId, u32>,
    pub(crate) slots: Vec<Slot>,
    free: Vec<u32>,
    pub(crate) ready: BTreeSet<u32>,
    len: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Slot {
    pub(crate) id: TaskId,
    pub(crate) node: Option<Node>,
    /// In the order in which they were given, each once.
    pub(crate) dependencies: Vec<Link>,
    /// When each of them was added.
    pub(crate) added: Vec<i64>,
    pub(crate) dependents: BTreeSet<Link>,
    /// How many `blocks` dependencies are not met.
    pub(crate) unmet: u32,
}

/// One end of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Link {
    pub(crate) to: u32,
    pub(crate) kind: EdgeKind,
}

impl Graph {
    /// A graph of these tasks and edges, in time linear in their number.
    ///
    /// Of two nodes with one id the later counts; an edge given twice counts once. An edge from a task that is not
    /// among the nodes is ignored; an edge to one holds its dependent.
    #[must_use]
    pub fn build(nodes: impl IntoIterator<Item = Node>, edges: impl IntoIterator<Item = Edge>) -> Self {
        let mut graph = Self::default();
        for node in nodes {
            graph.upsert(node);
        }
        let mut seen = HashSet::new();
        for edge in edges {
            let Ok(from) = graph.find(&edge.dependent) else { continue };
            let link = Link { to: graph.intern(edge.dependency), kind: edge.kind };
            if seen.insert((from, link)) {
                graph.connect(from, link, edge.added);
                graph.settle(from);
            }
        }
        graph
    }

    /// Adds a task, or replaces what is known of it; its dependencies stay as they are. Returns what became ready.
    pub fn upsert(&mut self, node: Node) -> Vec<TaskId> {
        let at = self.intern(node.id.clone());
        let (_, became) = self.change(at, |slot| slot.replace(node));
        self.named(became)
    }

    /// Takes a task out with its own dependencies. Tasks that depend on it are held, as by any dangling reference.
    /// Returns the task, or nothing when there was none.
    pub fn remove(&mut self, id: &str) -> Option<Node> {
        let at = self.find(id).ok()?;
        let (node, _) = self.change(at, Option::take);
        let links = self.disconnect(at);
        self.release(at);
        for link in links {
            self.release(link.to);
        }
        node
    }

    /// Moves a task to a state. Returns what became ready by it: dependents for which this was the last thing to wait
    /// for, or the task itself when it was reopened. When a met task is opened again, its dependents stop being ready.
    ///
    /// # Errors
    /// [`UnknownTask`] when there is no such task.
    pub fn set_state(&mut self, id: &str, state: NodeState) -> Result<Vec<TaskId>, UnknownTask> {
        let at = self.find(id)?;
        let ((), became) = self.change(at, |slot| {
            if let Some(node) = slot {
                node.state = state;
            }
        });
        Ok(self.named(became))
    }

    /// Gives a task these dependencies instead of those it had. Returns the task itself if that made it ready.
    ///
    /// # Errors
    /// [`UnknownTask`] when there is no such task. Unknown *dependencies* are no error: they hold the task.
    pub fn set_dependencies(
        &mut self,
        id: &str,
        dependencies: impl IntoIterator<Item = Dependency>,
    ) -> Result<Vec<TaskId>, UnknownTask> {
        let at = self.find(id)?;
        let old = self.disconnect(at);
        let mut seen = HashSet::new();
        for Dependency { id, kind, added } in dependencies {
            let link = Link { to: self.intern(id), kind };
            if seen.insert(link) {
                self.connect(at, link, added);
            }
        }
        for link in old {
            self.release(link.to);
        }
        let became = self.settle(at).then_some(at);
        Ok(self.named(became.into_iter().collect()))
    }

    /// How many tasks there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no tasks.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slot of a task that is in the graph.
    pub(crate) fn find(&self, id: &str) -> Result<u32, UnknownTask> {
        let at = self.index.get(id).copied().filter(|&at| self.slot(at).node.is_some());
        at.ok_or_else(|| UnknownTask(id.to_owned()))
    }

    pub(crate) fn slot(&self, at: u32) -> &Slot {
        &self.slots[at as usize]
    }

    fn slot_mut(&mut self, at: u32) -> &mut Slot {
        &mut self.slots[at as usize]
    }

    /// Edits a slot's node and tells its dependents what that means for them.
    fn change<T>(&mut self, at: u32, edit: impl FnOnce(&mut Option<Node>) -> T) -> (T, Vec<u32>) {
        let before = (self.slot(at).node.is_some(), self.slot(at).is_met());
        let answer = edit(&mut self.slot_mut(at).node);
        let after = (self.slot(at).node.is_some(), self.slot(at).is_met());
        self.len = self.len + usize::from(after.0) - usize::from(before.0);

        let mut became = Vec::new();
        if before.1 != after.1 {
            let dependents: Vec<u32> = blocking(&self.slot(at).dependents).collect();
            for dependent in dependents {
                let unmet = &mut self.slot_mut(dependent).unmet;
                *unmet = if after.1 { *unmet - 1 } else { *unmet + 1 };
                if self.settle(dependent) {
                    became.push(dependent);
                }
            }
        }
        if self.settle(at) {
            became.push(at);
        }
        (answer, became)
    }

    /// Brings the ready set up to date for one slot; true when the slot has just become ready.
    fn settle(&mut self, at: u32) -> bool {
        if self.slot(at).is_ready() {
            self.ready.insert(at)
        } else {
            self.ready.remove(&at);
            false
        }
    }

    fn connect(&mut self, from: u32, link: Link, added: i64) {
        self.slot_mut(link.to).dependents.insert(Link { to: from, ..link });
        let waits = link.kind == EdgeKind::Blocks && !self.slot(link.to).is_met();
        let slot = self.slot_mut(from);
        slot.dependencies.push(link);
        slot.added.push(added);
        slot.unmet += u32::from(waits);
    }

    fn disconnect(&mut self, from: u32) -> Vec<Link> {
        let links = std::mem::take(&mut self.slot_mut(from).dependencies);
        self.slot_mut(from).added.clear();
        self.slot_mut(from).unmet = 0;
        for link in &links {
            self.slot_mut(link.to).dependents.remove(&Link { to: from, ..*link });
        }
        links
    }

    /// The slot of a name, made if there is none.
    fn intern(&mut self, id: TaskId) -> u32 {
        if let Some(&at) = self.index.get(&id) {
            return at;
        }
        let slot = Slot { id: id.clone(), ..Slot::default() };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        self.index.insert(id, at);
        at
    }

    /// Gives a slot back when neither a task nor a reference needs it.
    fn release(&mut self, at: u32) {
        let slot = &self.slots[at as usize];
        if slot.node.is_none() && slot.dependents.is_empty() && self.index.get(&slot.id) == Some(&at) {
            self.index.remove(&slot.id);
            self.slots[at as usize] = Slot::default();
            self.free.push(at);
        }
    }
}

impl Slot {
    pub(crate) fn state(&self) -> Option<NodeState> {
        self.node.as_ref().map(|node| node.state)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state() == Some(NodeState::Open)
    }

    pub(crate) fn is_met(&self) -> bool {
        self.state() == Some(NodeState::Met)
    }

    fn is_ready(&self) -> bool {
        self.unmet == 0
            && self.is_open()
            && self.node.as_ref().is_some_and(|node| node.dangling.is_empty() && !node.held)
    }
}

/// The far ends of the links that gate.
pub(crate) fn blocking<'a>(links: impl IntoIterator<Item = &'a Link>) -> impl Iterator<Item = u32> {
    links.into_iter().filter(|link| link.kind == EdgeKind::Blocks).map(|link| link.to)
}
