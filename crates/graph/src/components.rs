//! Strongly connected components of what is unfinished: one pass that gives both the cycles and an order to rank in.

use crate::graph::{Graph, blocking};

/// The components of the unfinished tasks; finished tasks and unused slots are components of their own.
pub(crate) struct Components {
    /// Each component after all those that depend on it.
    pub(crate) all: Vec<Vec<u32>>,
    /// Slot to position in `all`.
    of: Vec<usize>,
    /// Component to whether its members wait for each other.
    cyclic: Vec<bool>,
}

impl Components {
    /// The components whose members wait for each other.
    pub(crate) fn cyclic(&self) -> impl Iterator<Item = &[u32]> {
        self.all.iter().zip(&self.cyclic).filter(|(_, cyclic)| **cyclic).map(|(members, _)| members.as_slice())
    }

    /// The cyclic component a slot is in.
    pub(crate) fn cycle_of(&self, at: u32) -> Option<&[u32]> {
        let component = self.of[at as usize];
        self.cyclic[component].then(|| self.all[component].as_slice())
    }
}

impl Graph {
    /// Finds them along the edges from dependency to dependent.
    pub(crate) fn components(&self) -> Components {
        let unfinished = |at: u32| self.slot(at).node.is_some() && !self.slot(at).is_met();
        let next: Vec<Vec<u32>> = (0..self.slots.len() as u32)
            .map(|at| match unfinished(at) {
                true => blocking(&self.slot(at).dependents).filter(|&to| unfinished(to)).collect(),
                false => Vec::new(),
            })
            .collect();
        let all = tarjan(&next);
        let cyclic = all.iter().map(|members| members.len() > 1 || next[members[0] as usize].contains(&members[0]));
        let cyclic = cyclic.collect();
        let mut of = vec![0; next.len()];
        for (component, members) in all.iter().enumerate() {
            for &member in members {
                of[member as usize] = component;
            }
        }
        Components { all, of, cyclic }
    }
}

const UNSEEN: u32 = u32::MAX;

/// Tarjan's algorithm with its own stack, so that depth costs heap and not stack. A component is emitted after all
/// components that can be reached from it.
pub(crate) fn tarjan(next: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut found = vec![UNSEEN; next.len()];
    let mut low = vec![0; next.len()];
    let mut open = vec![false; next.len()];
    let mut path: Vec<u32> = Vec::new();
    let mut calls: Vec<(u32, usize)> = Vec::new();
    let mut components = Vec::new();
    let mut clock = 0;

    for root in 0..next.len() as u32 {
        if found[root as usize] == UNSEEN {
            calls.push((root, 0));
        }
        while let Some((at, edge)) = calls.pop() {
            let here = at as usize;
            if edge == 0 {
                found[here] = clock;
                low[here] = clock;
                clock += 1;
                path.push(at);
                open[here] = true;
            }
            if let Some(&to) = next[here].get(edge) {
                calls.push((at, edge + 1));
                if found[to as usize] == UNSEEN {
                    calls.push((to, 0));
                } else if open[to as usize] {
                    low[here] = low[here].min(found[to as usize]);
                }
                continue;
            }
            if let Some(&(caller, _)) = calls.last() {
                low[caller as usize] = low[caller as usize].min(low[here]);
            }
            if low[here] == found[here] {
                let start = path.iter().rposition(|&member| member == at).unwrap_or_default();
                let members = path.split_off(start);
                for &member in &members {
                    open[member as usize] = false;
                }
                components.push(members);
            }
        }
    }
    components
}
