//! Cycles as people can mend them: who is in it, the shortest way round, and which edge to doubt first.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::model::{Edge, TaskId};
use crate::shortest::Ring;

/// A group of unfinished tasks that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Everyone in the group, in plan order.
    pub members: Vec<TaskId>,
    /// A shortest way round: each task depends on the next, and the last is the first again.
    pub path: Vec<TaskId>,
    /// The edge of `path` to doubt first: that of the least urgent dependent, among equals of the latest in the plan.
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

    fn sorted(&self, members: &[u32]) -> Vec<u32> {
        let mut members = members.to_vec();
        members.sort_unstable_by_key(|&at| self.place(at));
        members
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
        let doubtful = path.windows(2).max_by_key(|edge| (self.priority(edge[0]), self.place(edge[0])))?;
        let suggestion = Edge::blocks(self.id(doubtful[0]), self.id(doubtful[1]));
        Some(Cycle { members: self.ids(members), path: self.ids(&path), suggestion })
    }
}
