//! How much work hangs on a task: ranks, the critical path, and the order of dispatch.
//!
//! Only open tasks count, and of those only the ones in no cycle: a cycle has no longest path.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::graph::Graph;
use crate::model::TaskId;

/// What a task without an estimate is taken to need.
pub const DEFAULT_ESTIMATE_MINUTES: i64 = 60;

/// The longest chain of open work that begins with a task.
#[derive(Debug, Clone, Copy)]
struct Chain {
    minutes: i64,
    tasks: u32,
    next: Option<u32>,
}

impl Graph {
    /// The minutes of the longest chain of open tasks that begins with this one and continues through its dependents,
    /// its own estimate included. Nothing for a task that is unknown, not open, or in a cycle. As costly as
    /// [`ranks`](Self::ranks).
    #[must_use]
    pub fn rank(&self, id: &str) -> Option<i64> {
        let at = self.find(id).ok()?;
        self.chains()[at as usize].map(|chain| chain.minutes)
    }

    /// The [`rank`](Self::rank) of every task that has one, in time linear in the size of the graph.
    #[must_use]
    pub fn ranks(&self) -> HashMap<TaskId, i64> {
        let chains = self.chains();
        let ranked = self.slots.iter().zip(chains);
        ranked.filter_map(|(slot, chain)| Some((slot.id.clone(), chain?.minutes))).collect()
    }

    /// The tasks of the longest chain of open work, in the order in which they must be done. Among equally long ones
    /// that with more tasks, then the more urgent, then the earlier in the plan.
    #[must_use]
    pub fn critical_path(&self) -> Vec<TaskId> {
        let chains = self.chains();
        let first = self.longest(&chains, 0..self.slots.len() as u32);
        let path = std::iter::successors(first, |&at| chains[at as usize]?.next);
        path.map(|at| self.id(at)).collect()
    }

    /// These tasks in the order of dispatch: most urgent first, then highest rank, then earliest in the plan. Unknown
    /// ids are left out; a task without a rank comes after those with one.
    #[must_use]
    pub fn order<Id: AsRef<str>>(&self, tasks: impl IntoIterator<Item = Id>) -> Vec<TaskId> {
        let chains = self.chains();
        let mut known: Vec<u32> = tasks.into_iter().filter_map(|id| self.find(id.as_ref()).ok()).collect();
        known.sort_by_key(|&at| {
            let minutes = chains[at as usize].map(|chain| chain.minutes);
            (self.priority(at), Reverse(minutes), self.place(at))
        });
        self.ids(&known)
    }

    /// By slot. Components come after those that depend on them, so each chain finds its continuations ready.
    fn chains(&self) -> Vec<Option<Chain>> {
        let components = self.components();
        let mut chains: Vec<Option<Chain>> = vec![None; self.slots.len()];
        for &at in components.all.iter().flatten() {
            if !self.slot(at).is_open() || components.cycle_of(at).is_some() {
                continue;
            }
            let next = self.longest(&chains, self.held_up(at));
            let rest = next.and_then(|next| chains[next as usize]);
            chains[at as usize] = Some(Chain {
                minutes: self.estimate(at).saturating_add(rest.map_or(0, |rest| rest.minutes)),
                tasks: 1 + rest.map_or(0, |rest| rest.tasks),
                next,
            });
        }
        chains
    }

    fn longest(&self, chains: &[Option<Chain>], among: impl Iterator<Item = u32>) -> Option<u32> {
        let known = among.filter_map(|at| Some((at, chains[at as usize]?)));
        let best = known.min_by_key(|&(at, chain)| {
            (Reverse(chain.minutes), Reverse(chain.tasks), self.priority(at), self.place(at))
        });
        best.map(|(at, _)| at)
    }

    /// By slot, the [`rank`](Self::rank).
    pub(crate) fn rank_minutes(&self) -> Vec<Option<i64>> {
        self.chains().into_iter().map(|chain| chain.map(|chain| chain.minutes)).collect()
    }

    pub(crate) fn estimate(&self, at: u32) -> i64 {
        let given = self.slot(at).node.as_ref().and_then(|node| node.estimate_minutes);
        given.unwrap_or(DEFAULT_ESTIMATE_MINUTES).max(0)
    }
}
