//! What the plan would take: slack without limits on who works, and a forecast for a number of slots.
//!
//! Both are predictions. They are as good as the minutes they are given, and know nothing of failures.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::model::{Node, TaskId};

/// How long a task is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// How long from now, in any unit; below zero counts as zero.
    pub length: i64,
    /// It is being worked on: it has a slot before all others.
    pub begun: bool,
}

/// A forecast: when each task would start and finish if `slots` tasks could be worked on at once and each took what is
/// expected of it. Ready tasks are taken in the order of dispatch. Times are in the unit of [`Expected::length`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// How many tasks are worked on at once.
    pub slots: usize,
    /// When the last task would be finished.
    pub length: i64,
    /// The tasks, by start, then in the order in which they would be taken.
    pub tasks: Vec<Foreseen>,
    /// Open tasks that would never start: held by a cycle, a dangling reference, or something failed or cancelled. In
    /// plan order.
    pub held: Vec<TaskId>,
}

/// When a task would be worked on, from now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The task.
    pub task: TaskId,
    /// The slot that would take it, from 0.
    pub slot: usize,
    /// When it would start.
    pub start: i64,
    /// When it would be finished.
    pub finish: i64,
}

impl Graph {
    /// By how many minutes each open task can slip without the end of all work moving, were there slots enough: 0 on a
    /// critical path. Tasks that can never start as things are (in a cycle, behind one, behind what failed) have none.
    #[must_use]
    pub fn slack(&self) -> HashMap<TaskId, i64> {
        let ranks = self.rank_minutes();
        let mut left = self.waiting_counts(&ranks);
        let mut start = vec![0_i64; self.slots.len()];
        let mut queue: Vec<u32> = self.indices().filter(|&at| left[at as usize] == Some(0)).collect();
        let (mut end, mut known) = (0, Vec::new());
        while let Some(at) = queue.pop() {
            let Some(rank) = ranks[at as usize] else { continue };
            let begin = start[at as usize];
            end = end.max(begin.saturating_add(rank));
            known.push((at, begin, rank));
            for to in self.held_up(at) {
                let next = &mut start[to as usize];
                *next = (*next).max(begin.saturating_add(self.estimate(at)));
                if let Some(count) = &mut left[to as usize] {
                    *count -= 1;
                    if *count == 0 {
                        queue.push(to);
                    }
                }
            }
        }
        known
            .into_iter()
            .map(|(at, begin, rank)| (self.id(at), end.saturating_sub(begin.saturating_add(rank))))
            .collect()
    }

    /// When each open task would start and finish with so many slots; at least one is assumed.
    #[must_use]
    pub fn forecast(&self, slots: usize, expected: impl Fn(&Node) -> Expected) -> Forecast {
        let slots = slots.max(1);
        let ranks = self.rank_minutes();
        let expected: Vec<Option<Expected>> = self.slots.iter().map(|slot| slot.node.as_ref().map(&expected)).collect();
        let begun = |at: u32| expected[at as usize].is_some_and(|expected| expected.begun);
        let key = |at: u32| (!begun(at), self.priority(at), Reverse(ranks[at as usize]), self.place(at));
        // Everything unmet counts here, also what never will be.
        let mut left: Vec<u32> = self.slots.iter().map(|slot| slot.unmet).collect();
        let mut ready: BinaryHeap<_> = self.ready.iter().map(|&at| Reverse((key(at), at))).collect();
        let mut idle: BinaryHeap<Reverse<usize>> = (0..slots).map(Reverse).collect();
        let mut busy: BinaryHeap<Reverse<(i64, u32, usize)>> = BinaryHeap::new();
        let mut started = vec![false; self.slots.len()];
        let (mut now, mut tasks) = (0_i64, Vec::new());
        loop {
            while let Some(&Reverse(slot)) = idle.peek()
                && let Some(Reverse((_, at))) = ready.pop()
            {
                idle.pop();
                let takes = expected[at as usize].map_or(0, |expected| expected.length.max(0));
                let finish = now.saturating_add(takes);
                started[at as usize] = true;
                busy.push(Reverse((finish, at, slot)));
                tasks.push(Foreseen { task: self.id(at), slot, start: now, finish });
            }
            let Some(Reverse((finish, at, slot))) = busy.pop() else { break };
            now = finish;
            idle.push(Reverse(slot));
            for to in self.held_up(at) {
                let count = &mut left[to as usize];
                *count -= 1;
                let free = self.slot(to).node.as_ref().is_some_and(|node| node.dangling.is_empty());
                if *count == 0 && free {
                    ready.push(Reverse((key(to), to)));
                }
            }
        }
        let held = self.indices().filter(|&at| self.slot(at).is_open() && !started[at as usize]).collect();
        Forecast { slots, length: now, tasks, held: self.named(held) }
    }

    fn indices(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.slots.len() as u32
    }

    /// Per ranked slot, how many ranked slots it waits for; nothing for what waits for something without a rank.
    fn waiting_counts(&self, ranks: &[Option<i64>]) -> Vec<Option<u32>> {
        let open = |at: u32| ranks[at as usize].is_some();
        let count = |at: u32| {
            let mut unmet = self.unmet(at);
            open(at).then(|| unmet.try_fold(0_u32, |sum, to| open(to).then_some(sum + 1))).flatten()
        };
        self.indices().map(count).collect()
    }
}
