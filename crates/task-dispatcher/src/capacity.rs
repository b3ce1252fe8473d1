//! How many attempts may be open, and how many are.

use coditect_service::Config;
use coditect_store::{AttemptRow, ExecutorRow};

/// What is in use and what could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// The bound on open attempts, whoever runs them.
    pub max_concurrent: usize,
    /// The slots of the executors that take work.
    pub slots: usize,
    /// The open attempts.
    pub active: usize,
    /// Those of them that take one of `slots`, or will when they are claimed: not those of executors that drain or that
    /// are no longer heard of.
    pub taken: usize,
}

impl Capacity {
    /// How many attempts may be opened now.
    #[must_use]
    pub fn free(&self) -> usize {
        let Self { max_concurrent, slots, active, taken } = self;
        max_concurrent.saturating_sub(*active).min(slots.saturating_sub(*taken))
    }

    /// The capacity that these executors lend, with these attempts open.
    #[must_use]
    pub fn of(executors: &[ExecutorRow], open: &[AttemptRow], config: &Config) -> Self {
        let pool = &config.dispatch.pool;
        let max_concurrent = usize::try_from(config.dispatch.max_concurrent).unwrap_or(usize::MAX);
        let usable: Vec<_> = executors.iter().filter(|executor| !executor.draining && executor.pool == *pool).collect();
        let slots = usable.iter().map(|executor| usize::try_from(executor.slots).unwrap_or_default()).sum();
        let takes_slot = |attempt: &&AttemptRow| match &attempt.executor {
            None => true,
            Some(name) => usable.iter().any(|executor| executor.id == *name),
        };
        Self { max_concurrent, slots, active: open.len(), taken: open.iter().filter(takes_slot).count() }
    }
}

/// An executor that was not heard of for this long lends no slots.
#[must_use]
pub fn silence_ms(config: &Config) -> i64 {
    3 * i64::try_from(config.executor.heartbeat().as_millis()).unwrap_or(i64::MAX / 3)
}

#[cfg(test)]
mod tests {
    use coditect_core::{AttemptId, TaskId};
    use coditect_store::AttemptEnd;

    use super::*;

    fn executor(id: &str, slots: i64) -> ExecutorRow {
        ExecutorRow { id: id.to_owned(), pool: "default".to_owned(), slots, draining: false, seen_at_ms: 0 }
    }

    fn open(executor: Option<&str>) -> AttemptRow {
        AttemptRow {
            id: AttemptId::from_parts(1, &[1; 10]),
            task: TaskId::new("plan", "a"),
            generation: 1,
            number: 1,
            token: 1,
            agent: String::new(),
            account: String::new(),
            executor: executor.map(ToOwned::to_owned),
            state: "running".to_owned(),
            lease_until_ms: None,
            assigned_at_ms: 0,
            claimed_at_ms: None,
            ended_at_ms: None,
            end: AttemptEnd::default(),
            because: Vec::new(),
        }
    }

    fn free(executors: &[ExecutorRow], open: &[AttemptRow], max_concurrent: u32) -> usize {
        let mut config = Config::default();
        config.dispatch.max_concurrent = max_concurrent;
        Capacity::of(executors, open, &config).free()
    }

    #[test]
    fn what_is_free_is_bounded_by_slots_and_by_the_configuration() {
        let executors = [executor("a", 2), executor("b", 3)];
        assert_eq!(free(&executors, &[], 4), 4);
        assert_eq!(free(&executors, &[open(None), open(Some("a"))], 99), 3);
        assert_eq!(free(&[], &[], 4), 0);
        assert_eq!(free(&executors, &[const { None }; 9].map(open), 4), 0);
    }

    #[test]
    fn executors_that_drain_or_serve_another_pool_lend_no_slots() {
        let draining = ExecutorRow { draining: true, ..executor("a", 2) };
        let elsewhere = ExecutorRow { pool: "gpu".to_owned(), ..executor("b", 2) };
        assert_eq!(free(&[draining, elsewhere, executor("c", 1)], &[], 9), 1);
    }

    #[test]
    fn attempts_on_a_draining_executor_take_no_slot_of_the_others() {
        let draining = ExecutorRow { draining: true, ..executor("a", 2) };
        let executors = [draining, executor("b", 2)];
        assert_eq!(free(&executors, &[open(Some("a")), open(Some("a"))], 9), 2);
        assert_eq!(free(&executors, &[open(Some("a")), open(Some("a"))], 3), 1, "but they count for the bound");
    }
}
