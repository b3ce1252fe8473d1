//! Circuit breakers, by example and over random histories.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use coditect_core::{
    Admission, AttemptId, Breaker, BreakerPolicy, BreakerScope, BreakerState, FailureClass as F, Signal,
};
use proptest::prelude::*;

const POLICY: BreakerPolicy = BreakerPolicy { failures: 3, open_ms: 100, max_open_ms: 350 };

fn attempt(number: u8) -> AttemptId {
    AttemptId::from_parts(i64::from(number), &[number; 10])
}

fn admits(breaker: &Breaker, now_ms: i64) -> Admission {
    breaker.admits(now_ms, |_| true)
}

/// A closed breaker after these signals, all at time 0.
fn after(signals: &[Signal]) -> Breaker {
    signals.iter().fold(Breaker::default(), |breaker, signal| breaker.after(attempt(1), *signal, &POLICY, 0))
}

#[test]
fn it_opens_after_so_many_failures_in_a_row() {
    use Signal::{Failure, Silence, Success};
    assert_eq!(after(&[Failure, Failure]).state, BreakerState::Closed);
    assert_eq!(after(&[Failure, Failure, Success, Failure, Failure]).state, BreakerState::Closed);
    let open = after(&[Failure, Silence, Failure, Silence, Failure]);
    assert_eq!((open.state, open.failures, open.open_until_ms), (BreakerState::Open, 3, Some(100)));
    assert_eq!(admits(&open, 99), Admission::Until(100));
    assert_eq!(admits(&open, 100), Admission::Probe);
}

#[test]
fn one_attempt_probes_and_its_success_closes() {
    let probed = after(&[Signal::Failure; 3]).probed_by(attempt(2));
    assert_eq!(admits(&probed, 100), Admission::Probing(attempt(2)));
    let other = probed.after(attempt(3), Signal::Success, &POLICY, 100);
    assert_eq!(other, probed, "another attempt has no say");
    assert_eq!(probed.after(attempt(2), Signal::Success, &POLICY, 100), Breaker::default());
}

#[test]
fn a_failed_probe_opens_it_for_twice_as_long_up_to_the_cap() {
    let mut breaker = after(&[Signal::Failure; 3]);
    for (number, until) in [(2, 200), (3, 350), (4, 350)] {
        breaker = breaker.probed_by(attempt(number)).after(attempt(number), Signal::Failure, &POLICY, 0);
        assert_eq!((breaker.state, breaker.open_until_ms), (BreakerState::Open, Some(until)));
    }
    assert_eq!(BreakerPolicy::default().pause_ms(i64::MAX), 3_600_000);
}

#[test]
fn a_probe_that_says_nothing_leaves_its_place_to_the_next() {
    let probed = after(&[Signal::Failure; 3]).probed_by(attempt(2));
    assert_eq!(probed.admits(100, |_| false), Admission::Probe, "a person stopped it");
    let lost = probed.after(attempt(2), Signal::Silence, &POLICY, 100);
    assert_eq!((lost.state, admits(&lost, 100)), (BreakerState::HalfOpen, Admission::Probe));
}

#[test]
fn quotas_and_credentials_count_against_nobody() {
    for class in [F::RateLimited, F::Auth, F::ExecutorLost, F::Cancelled, F::Config] {
        for scope in BreakerScope::ALL {
            assert_eq!(scope.signal(Some(class)), Signal::Silence, "{class}");
        }
    }
    assert_eq!(BreakerScope::Account.signal(Some(F::Overloaded)), Signal::Failure);
    assert_eq!(BreakerScope::Agent.signal(Some(F::Overloaded)), Signal::Silence);
    assert_eq!(BreakerScope::Account.signal(Some(F::VerificationFailed)), Signal::Success, "it answered");
    for class in [F::AgentError, F::VerificationFailed, F::NoChange, F::Timeout, F::Silent, F::TurnLimit] {
        assert_eq!(BreakerScope::Agent.signal(Some(class)), Signal::Failure, "{class}");
    }
}

#[test]
fn names_are_read_back() {
    for state in BreakerState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    for scope in BreakerScope::ALL {
        assert_eq!(scope.as_str().parse(), Ok(scope));
    }
    assert!("ajar".parse::<BreakerState>().is_err());
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Start,
    /// The `usize`th of the running attempts ends.
    End(usize, Signal),
    /// One ends without anybody telling the breaker.
    Vanish(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let signal = prop_oneof![1 => Just(Signal::Success), 3 => Just(Signal::Failure), 1 => Just(Signal::Silence)];
    let step = prop_oneof![
        1 => (0..200_i64).prop_map(Step::Wait),
        3 => Just(Step::Start),
        3 => (any::<usize>(), signal).prop_map(|(which, signal)| Step::End(which, signal)),
        1 => any::<usize>().prop_map(Step::Vanish),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn whatever_happens_at_most_one_attempt_probes_and_no_pause_is_beyond_the_cap(steps in steps()) {
        let (mut breaker, mut now_ms, mut next) = (Breaker::default(), 0, 0_u8);
        let mut running: BTreeSet<AttemptId> = BTreeSet::new();
        let take = |running: &BTreeSet<AttemptId>, which: usize| {
            running.iter().nth(which % running.len().max(1)).copied()
        };
        for step in steps {
            let before = breaker;
            match step {
                Step::Wait(ms) => now_ms += ms,
                Step::Start => match breaker.admits(now_ms, |id| running.contains(&id)) {
                    Admission::Free => {
                        prop_assert_eq!(breaker.state, BreakerState::Closed);
                        next += 1;
                        running.insert(attempt(next));
                    }
                    Admission::Probe => {
                        prop_assert!(breaker.open_until_ms.is_none_or(|until| until <= now_ms));
                        prop_assert!(breaker.probe.is_none_or(|probe| !running.contains(&probe)));
                        next += 1;
                        breaker = breaker.probed_by(attempt(next));
                        running.insert(attempt(next));
                    }
                    Admission::Until(until) => prop_assert!(until > now_ms),
                    Admission::Probing(probe) => prop_assert!(running.contains(&probe)),
                },
                Step::End(which, signal) => {
                    let Some(id) = take(&running, which) else { continue };
                    running.remove(&id);
                    breaker = breaker.after(id, signal, &POLICY, now_ms);
                    if before.state != BreakerState::Closed && breaker.state == BreakerState::Closed {
                        prop_assert_eq!((before.probe, signal), (Some(id), Signal::Success));
                    }
                    if before.state == BreakerState::Open {
                        prop_assert_eq!(before, breaker);
                    }
                }
                Step::Vanish(which) => {
                    if let Some(id) = take(&running, which) {
                        running.remove(&id);
                    }
                }
            }
            match breaker.state {
                BreakerState::Closed => {
                    prop_assert!(breaker.failures < POLICY.failures);
                    prop_assert_eq!((breaker.opens, breaker.open_until_ms, breaker.probe), (0, None, None));
                }
                BreakerState::Open => {
                    prop_assert!(breaker.open_until_ms.unwrap() <= now_ms + POLICY.max_open_ms);
                    prop_assert!(breaker.probe.is_none() && breaker.opens >= 1);
                }
                BreakerState::HalfOpen => prop_assert!(breaker.open_until_ms.is_none()),
            }
        }
    }

    #[test]
    fn it_recovers_from_anything_once_attempts_succeed(failures in 0..500_usize) {
        let mut breaker = Breaker::default();
        for number in 0..failures {
            let id = attempt(u8::try_from(number % 250).unwrap());
            if breaker.state != BreakerState::Closed {
                breaker = breaker.probed_by(id);
            }
            breaker = breaker.after(id, Signal::Failure, &POLICY, i64::try_from(number).unwrap());
        }
        let later = i64::try_from(failures).unwrap() + POLICY.max_open_ms;
        let admission = breaker.admits(later, |_| true);
        prop_assert!(matches!(admission, Admission::Free | Admission::Probe));
        if admission == Admission::Probe {
            breaker = breaker.probed_by(attempt(251));
        }
        prop_assert_eq!(breaker.after(attempt(251), Signal::Success, &POLICY, later), Breaker::default());
    }
}
