//! Circuit breakers: what keeps failing is left alone for a while, then tried with a single attempt.
//!
//! Closed, everything starts. After so many failures in a row the breaker opens: nothing starts until its time is over.
//! Then it is half-open: exactly one attempt, the probe, may start, and that attempt alone decides. Success closes the
//! breaker; failure opens it again for twice as long, up to a cap.

use std::fmt;
use std::str::FromStr;

use crate::{AttemptId, FailureClass};

/// What a breaker guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BreakerScope {
    /// An agent definition.
    Agent,
    /// An account at the model's service.
    Account,
}

/// What the end of an attempt says about an agent or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It works.
    Success,
    /// It does not.
    Failure,
    /// Nothing.
    Silence,
}

impl BreakerScope {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Agent, Self::Account];

    /// The name used in the database and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Account => "account",
        }
    }

    /// What an attempt that ended like this (`None`: it landed) says about its agent or its account.
    ///
    /// A conflict is the target branch's doing, and a wrong setting is ours. An account that hit its quota or was refused
    /// is paused, which is not a breaker's business. That a result was there to be judged shows that the account works.
    #[must_use]
    pub const fn signal(self, end: Option<FailureClass>) -> Signal {
        use FailureClass as F;
        let Some(class) = end else { return Signal::Success };
        match (self, class) {
            (
                Self::Agent,
                F::AgentError
                | F::VerificationFailed
                | F::Held
                | F::NoChange
                | F::Timeout
                | F::Silent
                | F::TurnLimit
                | F::BudgetExceeded,
            )
            | (Self::Account, F::Overloaded) => Signal::Failure,
            (
                Self::Account,
                F::VerificationFailed | F::Held | F::MergeConflict | F::NoChange | F::TurnLimit | F::BudgetExceeded,
            ) => Signal::Success,
            (
                Self::Agent,
                F::MergeConflict
                | F::NotMerged
                | F::RateLimited
                | F::Overloaded
                | F::Auth
                | F::ExecutorLost
                | F::Config
                | F::Cancelled,
            )
            | (
                Self::Account,
                F::AgentError
                | F::NotMerged
                | F::Timeout
                | F::Silent
                | F::RateLimited
                | F::Auth
                | F::ExecutorLost
                | F::Config
                | F::Cancelled,
            ) => Signal::Silence,
        }
    }
}

impl fmt::Display for BreakerScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The states of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BreakerState {
    /// Everything starts.
    #[default]
    Closed,
    /// Nothing starts until its time is over.
    Open,
    /// One attempt decides.
    HalfOpen,
}

impl BreakerState {
    /// Every state, in the order of the metric's numbers.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The name used in the database and on screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope or state of a breaker.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no part of a circuit breaker")]
pub struct UnknownBreakerPart(pub String);

impl FromStr for BreakerState {
    type Err = UnknownBreakerPart;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownBreakerPart(text.to_owned()))
    }
}

impl FromStr for BreakerScope {
    type Err = UnknownBreakerPart;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| UnknownBreakerPart(text.to_owned()))
    }
}

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// How many failures in a row open it; at least 1.
    pub failures: i64,
    /// How long it is open the first time.
    pub open_ms: i64,
    /// The longest it is open.
    pub max_open_ms: i64,
}

impl Default for BreakerPolicy {
    /// Five failures; a minute, doubling up to an hour.
    fn default() -> Self {
        Self { failures: 5, open_ms: 60_000, max_open_ms: 3_600_000 }
    }
}

impl BreakerPolicy {
    /// How long the breaker stays open when it opens for the `opens`th time in a row, from 1.
    #[must_use]
    pub fn pause_ms(&self, opens: i64) -> i64 {
        let doublings = u32::try_from(opens.clamp(1, 62) - 1).unwrap_or(0);
        self.open_ms.max(1).saturating_mul(1_i64 << doublings).min(self.max_open_ms.max(1))
    }
}

/// A breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    /// Its state.
    pub state: BreakerState,
    /// Failures in a row.
    pub failures: i64,
    /// How often it has opened in a row.
    pub opens: i64,
    /// Until when it is open.
    pub open_until_ms: Option<i64>,
    /// The attempt that decides, while it is half-open.
    pub probe: Option<AttemptId>,
}

/// Whether an attempt may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Free,
    /// It may, as the probe: [`Breaker::probed_by`] must be kept with it.
    Probe,
    /// Not before this time.
    Until(i64),
    /// Not before this attempt has ended.
    Probing(AttemptId),
}

impl Breaker {
    /// Whether an attempt may start now. `runs` says whether an attempt is still open: a probe that ended without a word
    /// about the breaker (a person stopped it) holds nobody up.
    #[must_use]
    pub fn admits(&self, now_ms: i64, runs: impl FnOnce(AttemptId) -> bool) -> Admission {
        match (self.state, self.open_until_ms, self.probe) {
            (BreakerState::Closed, ..) => Admission::Free,
            (BreakerState::Open, Some(until), _) if until > now_ms => Admission::Until(until),
            (BreakerState::Open, ..) => Admission::Probe,
            (BreakerState::HalfOpen, _, Some(probe)) if runs(probe) => Admission::Probing(probe),
            (BreakerState::HalfOpen, ..) => Admission::Probe,
        }
    }

    /// The breaker once `attempt` starts as its probe.
    #[must_use]
    pub const fn probed_by(self, attempt: AttemptId) -> Self {
        Self { state: BreakerState::HalfOpen, open_until_ms: None, probe: Some(attempt), ..self }
    }

    /// The breaker once `attempt` has ended. Unless it is closed, only the probe has a say.
    #[must_use]
    pub fn after(self, attempt: AttemptId, signal: Signal, policy: &BreakerPolicy, now_ms: i64) -> Self {
        match (self.state, signal) {
            (BreakerState::Closed, Signal::Success) => Self::default(),
            (BreakerState::Closed, Signal::Silence) => self,
            (BreakerState::Closed, Signal::Failure) if self.failures + 1 < policy.failures => {
                Self { failures: self.failures + 1, ..self }
            }
            (BreakerState::Closed, Signal::Failure) => self.opened(policy, now_ms),
            (BreakerState::HalfOpen, _) if self.probe != Some(attempt) => self,
            (BreakerState::HalfOpen, Signal::Success) => Self::default(),
            (BreakerState::HalfOpen, Signal::Failure) => self.opened(policy, now_ms),
            (BreakerState::HalfOpen, Signal::Silence) => Self { probe: None, ..self },
            (BreakerState::Open, _) => self,
        }
    }

    fn opened(self, policy: &BreakerPolicy, now_ms: i64) -> Self {
        let opens = self.opens.saturating_add(1);
        Self {
            state: BreakerState::Open,
            failures: self.failures.saturating_add(1),
            opens,
            open_until_ms: Some(now_ms.saturating_add(policy.pause_ms(opens))),
            probe: None,
        }
    }
}
