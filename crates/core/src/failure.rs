//! What a failed attempt means for its task.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why an attempt did not complete its task. The class alone decides what happens next (see [`crate::retry`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The agent's program ended with an error of its own.
    AgentError,
    /// A verify command failed on the clean checkout of the result.
    VerificationFailed,
    /// The result is proved, and waits for a person's word because of what it changes.
    Held,
    /// The result does not apply to the target branch as it is now.
    MergeConflict,
    /// People were asked to merge the result, and they or their checks ask for something else.
    NotMerged,
    /// The agent said it was done and had changed nothing.
    NoChange,
    /// The wall-clock limit of the attempt passed.
    Timeout,
    /// The agent printed nothing for longer than the silence limit.
    Silent,
    /// The account's quota is used up until a reset time.
    RateLimited,
    /// The model's service is overloaded.
    Overloaded,
    /// The account's credential was refused.
    Auth,
    /// The attempt's budget is spent.
    BudgetExceeded,
    /// The agent used all its turns.
    TurnLimit,
    /// The executor died, or its lease ran out.
    ExecutorLost,
    /// The attempt could not be started: a wrong command, repository or setting.
    Config,
    /// A person or a shutdown stopped it.
    Cancelled,
}

impl FailureClass {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 16] = [
        Self::AgentError,
        Self::VerificationFailed,
        Self::Held,
        Self::MergeConflict,
        Self::NotMerged,
        Self::NoChange,
        Self::Timeout,
        Self::Silent,
        Self::RateLimited,
        Self::Overloaded,
        Self::Auth,
        Self::BudgetExceeded,
        Self::TurnLimit,
        Self::ExecutorLost,
        Self::Config,
        Self::Cancelled,
    ];

    /// The name used in the database, in streams and on screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentError => "agent_error",
            Self::VerificationFailed => "verification_failed",
            Self::Held => "held",
            Self::MergeConflict => "merge_conflict",
            Self::NotMerged => "not_merged",
            Self::NoChange => "no_change",
            Self::Timeout => "timeout",
            Self::Silent => "silent",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Auth => "auth",
            Self::BudgetExceeded => "budget_exceeded",
            Self::TurnLimit => "turn_limit",
            Self::ExecutorLost => "executor_lost",
            Self::Config => "config",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether an attempt that failed this way counts against the task's bound of attempts.
    ///
    /// A quota or a credential is an account's, not a task's; a lost executor and a cancellation are nobody's failure. What is
    /// not merged was proved, and how often it goes back has a bound of its own.
    #[must_use]
    pub const fn spends_attempt(self) -> bool {
        match self {
            Self::RateLimited
            | Self::Overloaded
            | Self::Auth
            | Self::ExecutorLost
            | Self::Cancelled
            | Self::NotMerged => false,
            Self::AgentError
            | Self::VerificationFailed
            | Self::Held
            | Self::MergeConflict
            | Self::NoChange
            | Self::Timeout
            | Self::Silent
            | Self::BudgetExceeded
            | Self::TurnLimit
            | Self::Config => true,
        }
    }

    /// Whether a person is needed at once, because trying again cannot help.
    ///
    /// A refused credential is not the task's matter: its account stops until a person resumes it, and the task waits.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        matches!(self, Self::Config | Self::Held)
    }

    /// Whether the account is paused for it. Then the task itself waits for nothing: another account may take it.
    #[must_use]
    pub const fn pauses_account(self) -> bool {
        matches!(self, Self::RateLimited | Self::Auth)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no failure class.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no failure class")]
pub struct UnknownFailureClass(pub String);

impl FromStr for FailureClass {
    type Err = UnknownFailureClass;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|c| c.as_str() == text).ok_or_else(|| UnknownFailureClass(text.to_owned()))
    }
}
