//! Order as a dependency: what a document implies by writing one task below another.
//!
//! What a task names outright comes first. A task that names one further down pulls it up: the tasks are first put in
//! a sequence in which everything stands behind what it names, otherwise as written; then the order of that sequence
//! is what is implied. So implied and named dependencies never make a cycle together.

use std::collections::{HashMap, HashSet};

use crate::model::{Dependency, PlanTask};

/// A phase behind more tasks than this begins with one task alone: else each of many would wait for each of many.
const WIDEST_GATE: usize = 64;

/// How a task stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// The phase it is part of: every task of a phase waits for the whole of the one before it.
    pub phase: usize,
    /// Whether it may run at the same time as its neighbours that may as well.
    pub parallel: bool,
}

/// Each task waits for the one before it.
pub(super) fn one_by_one(tasks: &mut [PlanTask]) {
    let turns = vec![Turn { phase: 0, parallel: false }; tasks.len()];
    imply(tasks, &turns);
}

/// Adds the dependencies that the turns of the tasks imply, as few as say it all.
pub(super) fn imply(tasks: &mut [PlanTask], turns: &[Turn]) {
    let mut phase = None;
    // What the phase waits for, the last task that ran alone, and those since then that run together.
    let (mut gate, mut alone, mut together): (Vec<usize>, Option<usize>, Vec<usize>) = (Vec::new(), None, Vec::new());
    let mut implied: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    for (at, its_phase) in sequence(tasks, turns) {
        let mut parallel = turns.get(at).is_some_and(|t| t.parallel);
        if phase != Some(its_phase) {
            // Whoever is last in a phase waits, by way of the others, for all of it.
            gate = if together.is_empty() { alone.into_iter().collect() } else { std::mem::take(&mut together) };
            (alone, phase) = (None, Some(its_phase));
            parallel &= gate.len() <= WIDEST_GATE;
        }
        let before = match alone {
            _ if !parallel && !together.is_empty() => std::mem::take(&mut together),
            Some(one) => vec![one],
            None => gate.clone(),
        };
        if parallel {
            together.push(at);
        } else {
            alone = Some(at);
        }
        if let Some(slot) = implied.get_mut(at) {
            *slot = before;
        }
    }
    let keys: Vec<String> = tasks.iter().map(|t| t.key.clone()).collect();
    for (task, before) in tasks.iter_mut().zip(implied) {
        let (line, column) = (task.line, task.column);
        let named: HashSet<String> = task.dependencies.iter().map(|d| d.key.clone()).collect();
        let fresh = before.into_iter().filter_map(|b| keys.get(b)).filter(|key| !named.contains(*key));
        task.dependencies.extend(fresh.map(|key| Dependency { key: key.clone(), line, column }));
    }
}

/// The tasks in an order in which each stands behind what it names, else as they are written; with the phase each
/// is done in: a task that was pulled up out of a later phase is done in the one that needs it.
fn sequence(tasks: &[PlanTask], turns: &[Turn]) -> Vec<(usize, usize)> {
    let number: HashMap<&str, usize> = tasks.iter().enumerate().map(|(at, t)| (t.key.as_str(), at)).collect();
    let mut seen = vec![false; tasks.len()];
    let mut sequence = Vec::with_capacity(tasks.len());
    for (root, turn) in turns.iter().enumerate() {
        // Tasks, and how many of their dependencies have been looked at. (No recursion: chains can be long.)
        let mut open = vec![(root, 0)];
        if std::mem::replace(seen.get_mut(root).unwrap_or(&mut true), true) {
            continue;
        }
        while let Some((at, next)) = open.last_mut() {
            let named = tasks.get(*at).and_then(|t| t.dependencies.get(*next));
            *next += 1;
            let Some(dependency) = named else {
                sequence.push((*at, turn.phase));
                open.pop();
                continue;
            };
            // One that is seen already is placed, or is part of a cycle that the plan itself has.
            if let Some(before) = number.get(dependency.key.as_str())
                && let Some(unseen) = seen.get_mut(*before).filter(|s| !**s)
            {
                *unseen = true;
                open.push((*before, 0));
            }
        }
    }
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, parse_as};

    /// Tasks `T000` and so on, each with what it names, and a turn.
    fn implied(spec: &[(&[usize], usize, bool)]) -> Vec<Vec<usize>> {
        let text: String = (0..spec.len()).map(|n| format!("- [ ] **T{n:03}** a\n")).collect();
        let mut tasks = parse_as(Format::Coditect, "p", &text).tasks;
        for (task, (named, ..)) in tasks.iter_mut().zip(spec) {
            task.dependencies =
                named.iter().map(|n| Dependency { key: format!("T{n:03}"), line: 1, column: 1 }).collect();
        }
        let turns: Vec<Turn> =
            spec.iter().map(|(_, phase, parallel)| Turn { phase: *phase, parallel: *parallel }).collect();
        imply(&mut tasks, &turns);
        let numbers = |t: &PlanTask| t.dependencies.iter().filter_map(|d| d.key.get(1..)?.parse().ok()).collect();
        tasks.iter().map(numbers).collect()
    }

    #[test]
    fn tasks_that_run_together_wait_for_the_last_alone_and_the_next_alone_for_all_of_them() {
        let found = implied(&[(&[], 0, false), (&[], 0, true), (&[], 0, true), (&[], 0, false), (&[], 0, false)]);
        assert_eq!(found, [vec![], vec![0], vec![0], vec![1, 2], vec![3]]);
    }

    #[test]
    fn a_phase_waits_for_those_nobody_waits_for_in_the_one_before() {
        let found = implied(&[
            (&[], 0, false),
            (&[], 0, true),
            (&[], 0, true),
            (&[], 1, true),
            (&[], 1, false),
            (&[], 2, true),
        ]);
        assert_eq!(found, [vec![], vec![0], vec![0], vec![1, 2], vec![3], vec![4]]);
    }

    #[test]
    fn a_task_named_by_one_above_it_is_pulled_up_and_nothing_goes_in_a_circle() {
        // Within a phase, and out of a later one.
        assert_eq!(implied(&[(&[2], 0, false), (&[], 0, false), (&[], 0, false)]), [vec![2], vec![0], vec![]]);
        assert_eq!(implied(&[(&[2], 0, false), (&[], 1, false), (&[], 2, false)]), [vec![2], vec![0], vec![]]);
    }

    #[test]
    fn a_cycle_of_the_plan_stays_as_it_is_and_a_long_chain_is_no_danger() {
        assert_eq!(implied(&[(&[1], 0, true), (&[0], 0, true)]), [vec![1], vec![0]]);
        let chain: Vec<(Vec<usize>, usize, bool)> = (0..20_000).map(|n| (vec![n + 1], 0, true)).collect();
        let chain: Vec<(&[usize], usize, bool)> = chain.iter().map(|(n, p, t)| (n.as_slice(), *p, *t)).collect();
        assert_eq!(implied(&chain).len(), 20_000);
    }

    #[test]
    fn wide_phases_do_not_multiply() {
        let wide: Vec<(&[usize], usize, bool)> = (0..2_000).map(|n| (&[] as &[usize], n / 1_000, true)).collect();
        assert!(implied(&wide).iter().map(Vec::len).sum::<usize>() < 3_000);
    }
}
