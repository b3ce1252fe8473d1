//! Why a task is not ready, and what waits for it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::components::Components;
use crate::cycles::Cycle;
use crate::graph::Graph;
use crate::model::{NodeState, TaskId, UnknownTask};

/// A task's place in the flow of work. For a task that is not open, its state says it all: `unmet` and `roots` are
/// empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The task.
    pub id: TaskId,
    /// Its own state.
    pub state: NodeState,
    /// Whether it can be worked on now.
    pub ready: bool,
    /// Dependencies it waits for, in the order in which they were given.
    pub unmet: Vec<Unmet>,
    /// What it waits for in the end, through any number of tasks, in plan order.
    pub roots: Vec<Root>,
    /// The cycle it is in, with a shortest way from it back to itself.
    pub cycle: Option<Cycle>,
    /// Whether a person holds it.
    pub held: bool,
    /// Its references that resolve to nothing.
    pub dangling: Vec<String>,
    /// Open tasks that wait for it directly, in plan order; none once it is met.
    pub dependents: Vec<TaskId>,
    /// How many open tasks wait for it, directly or through other open tasks.
    pub holds_up: usize,
}

/// A dependency that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmet {
    /// The task.
    pub id: TaskId,
    /// Its state: open or blocking.
    pub state: NodeState,
}

/// Where a chain of waiting ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The task; of another cycle its first member stands for all.
    pub id: TaskId,
    /// Why it ends there.
    pub cause: Cause,
}

/// What has to happen for a chain of waiting to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The task is ready: it has to be done.
    Ready,
    /// The task failed, was cancelled or retired: somebody has to act.
    Blocking,
    /// The task refers to something that is not there: the plan has to be mended.
    Dangling,
    /// The task is in a cycle: the plan has to be mended.
    Cycle,
    /// A person holds the task.
    Held,
}

impl Graph {
    /// Why a task is or is not ready, and what waits for it.
    ///
    /// # Errors
    /// [`UnknownTask`] when there is no such task.
    pub fn why(&self, id: &str) -> Result<Why, UnknownTask> {
        let at = self.find(id)?;
        let components = self.components();
        let cycle = components.cycle_of(at).and_then(|members| self.cycle_through(members, at));
        let state = self.slot(at).state().unwrap_or_default();
        let (mut unmet, mut roots, mut dependents) = (Vec::new(), Vec::new(), Vec::new());
        if state == NodeState::Open {
            let direct = self.unmet(at).filter_map(|to| Some(Unmet { id: self.id(to), state: self.slot(to).state()? }));
            unmet = direct.collect();
            roots = self.roots(at, &components);
        }
        if state != NodeState::Met {
            dependents = self.held_up(at).collect();
        }
        Ok(Why {
            id: id.to_owned(),
            state,
            ready: self.ready.contains(&at),
            unmet,
            roots,
            cycle,
            held: self.is_held(at),
            dangling: self.dangling(at),
            holds_up: self.all_behind(at, &dependents),
            dependents: self.named(dependents),
        })
    }

    /// How many open tasks wait for a task, directly or through other open tasks; none once it is met.
    ///
    /// # Errors
    /// [`UnknownTask`] when there is no such task.
    pub fn holds_up(&self, id: &str) -> Result<usize, UnknownTask> {
        let at = self.find(id)?;
        let direct = if self.slot(at).is_met() { Vec::new() } else { self.held_up(at).collect() };
        Ok(self.all_behind(at, &direct))
    }

    /// Follows unmet dependencies to where they end. The task itself and its own cycle are no roots of it.
    fn roots(&self, start: u32, components: &Components) -> Vec<Root> {
        let mut cycles: HashSet<u32> = components.cycle_of(start).map(|members| members[0]).into_iter().collect();
        let mut roots: HashSet<(u32, Cause)> = HashSet::new();
        let mut seen = HashSet::from([start]);
        let mut stack: Vec<u32> = self.unmet(start).collect();
        while let Some(at) = stack.pop() {
            if !seen.insert(at) {
                continue;
            }
            if !self.slot(at).is_open() {
                roots.insert((at, Cause::Blocking));
                continue;
            }
            if self.ready.contains(&at) {
                roots.insert((at, Cause::Ready));
            }
            if self.is_held(at) {
                roots.insert((at, Cause::Held));
            }
            if self.is_dangling(at) {
                roots.insert((at, Cause::Dangling));
            }
            if let Some(members) = components.cycle_of(at).filter(|members| cycles.insert(members[0])) {
                let first = members.iter().copied().min_by_key(|&member| self.place(member));
                roots.extend(first.map(|first| (first, Cause::Cycle)));
            }
            stack.extend(self.unmet(at));
        }
        let mut roots: Vec<(u32, Cause)> = roots.into_iter().collect();
        roots.sort_unstable_by_key(|&(at, cause)| (self.place(at), cause));
        roots.into_iter().map(|(at, cause)| Root { id: self.id(at), cause }).collect()
    }

    /// How many open tasks are behind a task, given those directly behind it.
    fn all_behind(&self, start: u32, direct: &[u32]) -> usize {
        let mut seen = HashSet::from([start]);
        let mut stack = direct.to_vec();
        while let Some(at) = stack.pop() {
            if seen.insert(at) {
                stack.extend(self.held_up(at));
            }
        }
        seen.len() - 1
    }
}
