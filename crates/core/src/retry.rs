//! What follows a failed attempt.

use crate::{FailureClass, Trigger};

/// How often, and after what pauses, a task is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    base_ms: i64,
    factor: f64,
    cap_ms: i64,
    max_attempts: i64,
    max_starts: i64,
}

/// The numbers make no retry policy.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum InvalidRetryPolicy {
    /// The first pause is not positive, or above the cap.
    #[error("the base pause of {base_ms} ms must be positive and at most the cap of {cap_ms} ms")]
    Pause {
        /// The base asked for.
        base_ms: i64,
        /// The cap asked for.
        cap_ms: i64,
    },
    /// Pauses would shrink.
    #[error("a factor of {0} would make the pauses shrink: expected at least 1")]
    Factor(f64),
    /// Nothing would be tried.
    #[error("{0} attempts are too few: expected at least 1")]
    Attempts(i64),
}

/// How many conflicts with what landed meanwhile are left to agents: the second one is a person's.
const CONFLICTS: i64 = 2;

/// What was tried until now, the attempt that failed included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Attempts that count.
    pub spent: i64,
    /// Attempts that were begun.
    pub started: i64,
    /// Results that conflicted with what had landed meanwhile.
    pub conflicts: i64,
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again when the time has come.
    RetryAt(i64),
    /// Try again at once: the attempt ended through no fault of the task.
    Requeue,
    /// A person has to help.
    AskPerson,
}

impl Verdict {
    /// The trigger that carries the verdict out.
    #[must_use]
    pub const fn trigger(self) -> Trigger {
        match self {
            Self::RetryAt(_) => Trigger::RetryLater,
            Self::Requeue => Trigger::Requeue,
            Self::AskPerson => Trigger::AskPerson,
        }
    }
}

impl RetryPolicy {
    /// A policy of `max_attempts` attempts with pauses from `base_ms`, growing by `factor`, up to `cap_ms`.
    ///
    /// # Errors
    /// [`InvalidRetryPolicy`] says which number is wrong.
    pub fn try_new(base_ms: i64, factor: f64, cap_ms: i64, max_attempts: i64) -> Result<Self, InvalidRetryPolicy> {
        if base_ms <= 0 || base_ms > cap_ms {
            return Err(InvalidRetryPolicy::Pause { base_ms, cap_ms });
        }
        if !factor.is_finite() || factor < 1.0 {
            return Err(InvalidRetryPolicy::Factor(factor));
        }
        if max_attempts < 1 {
            return Err(InvalidRetryPolicy::Attempts(max_attempts));
        }
        // Lost executors spend no attempt; seven starts for each allowed attempt still end a crash loop.
        Ok(Self { base_ms, factor, cap_ms, max_attempts, max_starts: max_attempts.saturating_mul(7) })
    }

    /// The bound on failed attempts.
    #[must_use]
    pub const fn max_attempts(&self) -> i64 {
        self.max_attempts
    }

    /// The pause before attempt `spent + 1`, with full jitter on its upper half: `unit` in 0..1 chooses within it.
    #[must_use]
    pub fn pause_ms(&self, spent: i64, unit: f64) -> i64 {
        let exponent = i32::try_from(spent.clamp(1, 64) - 1).unwrap_or(0);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "pauses are far below 2^52 ms"
        )]
        let pause = {
            let full = (self.base_ms as f64 * self.factor.powi(exponent)).min(self.cap_ms as f64);
            (full * (0.5 + 0.5 * unit.clamp(0.0, 1.0))) as i64
        };
        pause.max(1)
    }

    /// What follows an attempt that failed as `class`.
    ///
    /// `unit` in 0..1 is the jitter. A class that pauses the account lets the task go back at once: it waits for an account,
    /// and another one may be free. A conflict goes back to an agent once, with the conflict in hand.
    #[must_use]
    pub fn decide(&self, class: FailureClass, tally: Tally, now_ms: i64, unit: f64) -> Verdict {
        let Tally { spent, started, conflicts } = tally;
        let conflicts_again = class == FailureClass::MergeConflict && conflicts >= CONFLICTS;
        if class.needs_person() || conflicts_again || spent >= self.max_attempts || started >= self.max_starts {
            return Verdict::AskPerson;
        }
        match class {
            // Once is bad luck. What goes on, such as a git server that is down, is not asked again at once.
            FailureClass::ExecutorLost if started > 1 => Verdict::RetryAt(now_ms + self.pause_ms(started - 1, unit)),
            FailureClass::ExecutorLost
            | FailureClass::Cancelled
            | FailureClass::RateLimited
            | FailureClass::Auth
            | FailureClass::NotMerged => Verdict::Requeue,
            FailureClass::Overloaded => Verdict::RetryAt(now_ms + self.pause_ms(started, unit)),
            FailureClass::AgentError
            | FailureClass::VerificationFailed
            | FailureClass::Held
            | FailureClass::MergeConflict
            | FailureClass::NoChange
            | FailureClass::Timeout
            | FailureClass::Silent
            | FailureClass::BudgetExceeded
            | FailureClass::TurnLimit
            | FailureClass::Config => Verdict::RetryAt(now_ms + self.pause_ms(spent, unit)),
        }
    }
}

/// What to do with a result that people were asked to merge, and that is asked to be different, where it has gone back to an agent
/// `rounds` times already and may `max_rounds` times. What people close they do not want: that is no matter for an agent.
#[must_use]
pub const fn decide_unmerged(closed: bool, rounds: i64, max_rounds: i64) -> Verdict {
    if closed || rounds >= max_rounds { Verdict::AskPerson } else { Verdict::Requeue }
}

impl Default for RetryPolicy {
    /// Base 2 s, doubling, at most 60 s, 3 attempts.
    fn default() -> Self {
        Self { base_ms: 2_000, factor: 2.0, cap_ms: 60_000, max_attempts: 3, max_starts: 21 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let pauses: Vec<_> = (1..8).map(|spent| policy.pause_ms(spent, 1.0)).collect();
        assert_eq!(pauses, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(policy.pause_ms(1, 0.0), 1_000);
    }

    fn tally(spent: i64, started: i64) -> Tally {
        Tally { spent, started, conflicts: 0 }
    }

    #[test]
    fn the_last_attempt_goes_to_a_person() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.decide(FailureClass::AgentError, tally(2, 2), 0, 1.0), Verdict::RetryAt(4_000));
        assert_eq!(policy.decide(FailureClass::AgentError, tally(3, 3), 0, 1.0), Verdict::AskPerson);
    }

    #[test]
    fn a_conflict_goes_back_to_an_agent_once() {
        let policy = RetryPolicy::default();
        let conflicts = |conflicts| Tally { spent: 2, started: 2, conflicts };
        assert_eq!(policy.decide(FailureClass::MergeConflict, conflicts(1), 0, 1.0), Verdict::RetryAt(4_000));
        assert_eq!(policy.decide(FailureClass::MergeConflict, conflicts(2), 0, 1.0), Verdict::AskPerson);
        // What else goes wrong while a conflict is settled is no conflict.
        assert_eq!(policy.decide(FailureClass::VerificationFailed, conflicts(2), 0, 1.0), Verdict::RetryAt(4_000));
    }

    #[test]
    fn what_is_not_merged_goes_back_so_often_and_what_is_closed_never() {
        assert_eq!(
            [0, 1, 2, 3].map(|rounds| decide_unmerged(false, rounds, 3) == Verdict::Requeue),
            [true, true, true, false]
        );
        assert_eq!(decide_unmerged(false, 0, 0), Verdict::AskPerson);
        assert_eq!(decide_unmerged(true, 0, 3), Verdict::AskPerson);
        assert!(!FailureClass::NotMerged.spends_attempt());
    }

    #[test]
    fn a_lost_executor_costs_the_task_nothing_but_is_bounded_all_the_same() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.decide(FailureClass::ExecutorLost, tally(0, 1), 0, 1.0), Verdict::Requeue);
        // What is out of reach for all of them is not asked again and again at once.
        assert_eq!(policy.decide(FailureClass::ExecutorLost, tally(0, 2), 0, 1.0), Verdict::RetryAt(2_000));
        assert_eq!(policy.decide(FailureClass::ExecutorLost, tally(0, 5), 0, 1.0), Verdict::RetryAt(16_000));
        assert_eq!(policy.decide(FailureClass::ExecutorLost, tally(0, 21), 0, 1.0), Verdict::AskPerson);
    }

    #[test]
    fn a_quota_or_a_credential_costs_the_task_nothing() {
        for class in [FailureClass::RateLimited, FailureClass::Auth] {
            assert_eq!(RetryPolicy::default().decide(class, tally(0, 1), 10, 1.0), Verdict::Requeue);
            assert!(class.pauses_account() && !class.spends_attempt());
        }
    }

    #[test]
    fn a_wrong_setting_calls_a_person_at_once() {
        assert_eq!(RetryPolicy::default().decide(FailureClass::Config, tally(1, 1), 0, 0.0), Verdict::AskPerson);
    }

    #[test]
    fn a_policy_that_cannot_work_cannot_be_built() {
        assert!(RetryPolicy::try_new(0, 2.0, 10, 3).is_err());
        assert!(RetryPolicy::try_new(1, 0.5, 10, 3).is_err());
        assert!(RetryPolicy::try_new(1, 2.0, 10, 0).is_err());
    }
}
