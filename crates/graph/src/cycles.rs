//! Cycles as people can mend them: who is in it, the shortest way round, and which edge to doubt first.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Link};
use crate::model::{Edge, EdgeKind, TaskId};
use crate::shortest::Ring;

/// A group of unfinished tasks that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Everyone in the group, in plan order.
    pub members: Vec<TaskId>,
    /// A shortest way round: each task depends on the next, and the last is the first again.
    pub path: Vec<TaskId>,
    /// The edge of `path` to doubt first: that of the least urgent dependent, among equals the one added last, then
    /// that of the latest dependent in the plan.
    /// Removing it breaks this way round; a group may have others.
    pub suggestion: Edge,
}

impl Graph {
    /// The groups of unfinished tasks that wait for each other, in plan order of their first members.
    ///
    /// The way round is the shortest there is, unless the group is so large and dense that the search for it had to
    /// be cut short; then it is the shortest found.
    #[must_use]
    pub fn cycles(&self) -> Vec<Cycle> {
        let components = self.components();
        let mut cycles: Vec<(u32, Cycle)> = components
            .cyclic()
            .filter_map(|members| {
                let members = self.sorted(members);
                let path = self.ring(&members).shortest();
                Some((*members.first()?, self.cycle(&members, &path)?))
            })
            .collect();
        cycles.sort_unstable_by_key(|(first, _)| self.place(*first));
        cycles.into_iter().map(|(_, cycle)| cycle).collect()
    }

    /// The cycle of a component, shown by a shortest way from one member back to itself.
    pub(crate) fn cycle_through(&self, members: &[u32], member: u32) -> Option<Cycle> {
        let members = self.sorted(members);
        let at = members.iter().position(|&other| other == member)?;
        self.cycle(&members, &self.ring(&members).through(at))
    }

    pub(crate) fn sorted(&self, members: &[u32]) -> Vec<u32> {
        let mut members = members.to_vec();
        members.sort_unstable_by_key(|&at| self.place(at));
        members
    }

    /// How much an edge that gates is to be doubted.
    pub(crate) fn doubt(&self, from: u32, to: u32) -> impl Ord {
        (self.priority(from), self.added(from, to), self.place(from))
    }

    /// An edge that gates.
    pub(crate) fn blocks(&self, from: u32, to: u32) -> Edge {
        Edge { added: self.added(from, to), ..Edge::blocks(self.id(from), self.id(to)) }
    }

    fn added(&self, from: u32, to: u32) -> i64 {
        let slot = self.slot(from);
        let mut links = slot.dependencies.iter().zip(&slot.added);
        let gates = |link: &Link| link.to == to && link.kind == EdgeKind::Blocks;
        links.find_map(|(link, added)| gates(link).then_some(*added)).unwrap_or_default()
    }

    /// The component's inner edges, from dependent to dependency, by position in `members`.
    fn ring(&self, members: &[u32]) -> Ring {
        let position: HashMap<u32, usize> = members.iter().enumerate().map(|(at, &member)| (member, at)).collect();
        let inner = |&member: &u32| self.unmet(member).filter_map(|to| position.get(&to).copied()).collect();
        Ring::new(members.iter().map(inner).collect())
    }

    fn cycle(&self, members: &[u32], path: &[usize]) -> Option<Cycle> {
        let mut path: Vec<u32> = path.iter().map(|&at| members[at]).collect();
        path.push(*path.first()?);
        let doubtful = path.windows(2).max_by_key(|edge| self.doubt(edge[0], edge[1]))?;
        let suggestion = self.blocks(doubtful[0], doubtful[1]);
        Some(Cycle { members: self.ids(members), path: self.ids(&path), suggestion })
    }
}
