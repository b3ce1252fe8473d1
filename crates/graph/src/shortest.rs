//! The shortest way round in a strongly connected component.

use std::collections::VecDeque;

/// How many edges the search for a shortest way round may look at; some hundredths of a second.
const BUDGET: usize = 4_000_000;

const NOBODY: usize = usize::MAX;

/// A strongly connected component, by position.
pub(crate) struct Ring {
    next: Vec<Vec<usize>>,
}

/// What the searches of one ring share.
struct Search {
    alive: Vec<bool>,
    /// Who saw a position first in the search numbered `round`.
    parent: Vec<usize>,
    seen: Vec<usize>,
    round: usize,
    looked: usize,
}

impl Ring {
    pub(crate) const fn new(next: Vec<Vec<usize>>) -> Self {
        Self { next }
    }

    /// A shortest way from a position back to itself, not closed.
    pub(crate) fn through(&self, start: usize) -> Vec<usize> {
        self.search(&mut Search::new(self.next.len()), start, usize::MAX).unwrap_or_default()
    }

    /// A shortest way round, not closed, from its earliest position.
    ///
    /// Looks for the shortest through each position in turn, each time taking the position out afterwards, and with it
    /// whatever is then on no way round. Most plans' cycles are gone after the first.
    pub(crate) fn shortest(&self) -> Vec<usize> {
        let mut search = Search::new(self.next.len());
        let mut entries = vec![0_usize; self.next.len()];
        for &to in self.next.iter().flatten() {
            entries[to] += 1;
        }
        let mut best: Vec<usize> = Vec::new();
        for start in 0..self.next.len() {
            if !search.alive[start] {
                continue;
            }
            if search.looked > BUDGET {
                break;
            }
            let limit = if best.is_empty() { usize::MAX } else { best.len() };
            best = self.search(&mut search, start, limit).unwrap_or(best);
            self.peel(&mut search.alive, &mut entries, start);
        }
        best
    }

    /// A way from `start` back to itself over living positions that is shorter than `limit`, the shortest if there
    /// are several.
    fn search(&self, search: &mut Search, start: usize, limit: usize) -> Option<Vec<usize>> {
        search.round += 1;
        search.visit(start, NOBODY);
        let mut queue = VecDeque::from([(start, 1)]);
        while let Some((at, length)) = queue.pop_front() {
            if length >= limit {
                return None;
            }
            for &to in &self.next[at] {
                search.looked += 1;
                if to == start {
                    return Some(search.way_to(at));
                }
                if search.alive[to] && search.seen[to] != search.round {
                    search.visit(to, at);
                    queue.push_back((to, length + 1));
                }
            }
        }
        None
    }

    /// Takes a position out, and all that nothing living leads to any more.
    fn peel(&self, alive: &mut [bool], entries: &mut [usize], start: usize) {
        alive[start] = false;
        let mut gone = vec![start];
        while let Some(at) = gone.pop() {
            for &to in self.next[at].iter().filter(|&&to| to != at) {
                entries[to] -= 1;
                if entries[to] == 0 && alive[to] {
                    alive[to] = false;
                    gone.push(to);
                }
            }
        }
    }
}

impl Search {
    fn new(size: usize) -> Self {
        Self { alive: vec![true; size], parent: vec![NOBODY; size], seen: vec![0; size], round: 0, looked: 0 }
    }

    fn visit(&mut self, at: usize, from: usize) {
        self.seen[at] = self.round;
        self.parent[at] = from;
    }

    fn way_to(&self, at: usize) -> Vec<usize> {
        let step = |&at: &usize| Some(self.parent[at]).filter(|&from| from != NOBODY);
        let mut way: Vec<usize> = std::iter::successors(Some(at), step).collect();
        way.reverse();
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way round through all positions, with more edges.
    fn ring(size: usize, more: &[(usize, usize)]) -> Ring {
        let mut next: Vec<Vec<usize>> = (0..size).map(|at| vec![(at + 1) % size]).collect();
        for &(from, to) in more {
            next[from].push(to);
        }
        Ring::new(next)
    }

    #[test]
    fn a_way_round_shorter_by_one_than_that_of_the_first_position_is_found() {
        assert_eq!(ring(5, &[(4, 1)]).shortest(), [1, 2, 3, 4]);
        assert_eq!(ring(5, &[(4, 1)]).through(0), [0, 1, 2, 3, 4]);
        assert_eq!(ring(3, &[(2, 2), (1, 0)]).shortest(), [2]);
    }

    #[test]
    fn of_equally_short_ways_round_the_earliest_is_taken() {
        assert_eq!(ring(6, &[(5, 4), (2, 1)]).shortest(), [1, 2]);
    }

    #[test]
    fn a_short_way_round_at_the_far_end_of_a_long_one_is_found_within_the_budget() {
        assert_eq!(ring(20_000, &[(19_999, 19_998)]).shortest(), [19_998, 19_999]);
    }
}
