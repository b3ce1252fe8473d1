//! Which edges to set aside so that no task waits for itself: the policy for plans that shall run although they
//! contradict themselves.

use std::collections::{HashMap, HashSet};

use crate::components::tarjan;
use crate::graph::Graph;
use crate::model::Edge;
use crate::shortest::Ring;

/// How many tasks may be looked at, all looks together, to find edges one by one; what is left of the group then is
/// broken up by the order of the plan, in one pass. A tenth of a second.
const BUDGET: usize = 100_000;

impl Graph {
    /// The edges without which there is no cycle: of each shortest way round the one to doubt first (see
    /// [`Cycle::suggestion`](crate::Cycle::suggestion)), until none is left. In plan order of their dependents; the
    /// same for the same graph.
    ///
    /// Of a group so large and dense that this would take too long, the edges are set aside in the end whose dependent
    /// stands before its dependency in the plan.
    #[must_use]
    pub fn breaking(&self) -> Vec<Edge> {
        let components = self.components();
        let mut edges: Vec<(u32, u32)> = components.cyclic().flat_map(|members| self.break_up(members)).collect();
        edges.sort_unstable_by_key(|&(from, to)| (self.place(from), self.place(to)));
        edges.into_iter().map(|(from, to)| self.blocks(from, to)).collect()
    }

    fn break_up(&self, members: &[u32]) -> Vec<(u32, u32)> {
        let (mut aside, mut looked) = (Vec::new(), 0);
        let members = self.sorted(members);
        let position: HashMap<u32, u32> = (0..).zip(&members).map(|(at, &member)| (member, at)).collect();
        let inner = |&member: &u32| self.unmet(member).filter_map(|to| position.get(&to).copied()).collect();
        let mut next: Vec<Vec<u32>> = members.iter().map(inner).collect();
        let mut groups = vec![(0..members.len() as u32).collect::<Vec<u32>>()];
        while let Some(group) = groups.pop() {
            let Some((from, to)) = self.doubtful_of(&members, &group, &next) else { continue };
            looked += group.len();
            if looked > BUDGET {
                let group: HashSet<u32> = group.into_iter().collect();
                for &from in &group {
                    next[from as usize].retain(|&to| {
                        let forward = to >= from && group.contains(&to);
                        if forward {
                            aside.push((members[from as usize], members[to as usize]));
                        }
                        !forward
                    });
                }
                continue;
            }
            next[from as usize].retain(|&other| other != to);
            aside.push((members[from as usize], members[to as usize]));
            groups.extend(cyclic_groups(&group, &next));
        }
        aside
    }

    /// The edge to doubt first on a shortest way round within `group`, by position in `members`.
    fn doubtful_of(&self, members: &[u32], group: &[u32], next: &[Vec<u32>]) -> Option<(u32, u32)> {
        let position: HashMap<u32, usize> = group.iter().enumerate().map(|(at, &member)| (member, at)).collect();
        let inner = |&at: &u32| next[at as usize].iter().filter_map(|to| position.get(to).copied()).collect();
        let mut path: Vec<u32> =
            Ring::new(group.iter().map(inner).collect()).shortest().into_iter().map(|at| group[at]).collect();
        path.push(*path.first()?);
        let edges = path.windows(2).map(|pair| (pair[0], pair[1]));
        edges.max_by_key(|&(from, to)| self.doubt(members[from as usize], members[to as usize]))
    }
}

/// What is left of a group in groups that still wait for themselves, each in the order of the plan.
fn cyclic_groups(group: &[u32], next: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let position: HashMap<u32, u32> = (0..).zip(group).map(|(at, &member)| (member, at)).collect();
    let inner = |&at: &u32| next[at as usize].iter().filter_map(|to| position.get(to).copied()).collect();
    let local: Vec<Vec<u32>> = group.iter().map(inner).collect();
    let waits =
        |members: &Vec<u32>| members.len() > 1 || members.first().is_some_and(|at| local[*at as usize].contains(at));
    let named = |members: Vec<u32>| {
        let mut members: Vec<u32> = members.into_iter().map(|at| group[at as usize]).collect();
        members.sort_unstable();
        members
    };
    tarjan(&local).into_iter().filter(waits).map(named).collect()
}
