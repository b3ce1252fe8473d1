//! The states of a task and the one function that moves it between them.
//!
//! The table in `docs/state-machine.md` is made from [`table`]; a test holds the two together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a task is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Planned; waits for its dependencies.
    Pending,
    /// Everything it depends on is met; waits for a slot.
    Ready,
    /// An attempt has been opened and offered to the executors.
    Assigned,
    /// An executor has claimed the attempt and runs the agent.
    Running,
    /// The result is being verified on a clean checkout.
    Verifying,
    /// The verified result is being landed on the target branch.
    Landing,
    /// Verified and landed (or declared done by a person). Meets dependencies.
    Completed,
    /// The last attempt failed; another one is due later.
    WaitingRetry,
    /// The result waits to be merged by others.
    AwaitingMerge,
    /// Only a person can help, or the plan gives it to a person.
    NeedsHuman,
    /// Given up.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// Left out by a person, or as optional. Meets dependencies.
    Skipped,
    /// Gone from the plan.
    Retired,
}

impl TaskState {
    /// Every state, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::Pending,
        Self::Ready,
        Self::Assigned,
        Self::Running,
        Self::Verifying,
        Self::Landing,
        Self::Completed,
        Self::WaitingRetry,
        Self::AwaitingMerge,
        Self::NeedsHuman,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
        Self::Retired,
    ];

    /// The name used in the database, in streams and on screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Assigned => "assigned",
            Self::Running => "running",
            Self::Verifying => "verifying",
            Self::Landing => "landing",
            Self::Completed => "completed",
            Self::WaitingRetry => "waiting_retry",
            Self::AwaitingMerge => "awaiting_merge",
            Self::NeedsHuman => "needs_human",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Retired => "retired",
        }
    }

    /// Whether an attempt is open: the task holds a slot.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Assigned | Self::Running | Self::Verifying | Self::Landing)
    }

    /// Whether a task that depends on this one may go on.
    #[must_use]
    pub const fn meets_dependency(self) -> bool {
        matches!(self, Self::Completed | Self::Skipped)
    }

    /// Whether nothing more happens unless a person or the plan asks for it.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::NeedsHuman | Self::Failed | Self::Cancelled | Self::Skipped | Self::Retired
        )
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no task state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no task state: expected one of pending, ready, assigned, running, verifying, landing, completed, waiting_retry, awaiting_merge, needs_human, failed, cancelled, skipped, retired"
)]
pub struct UnknownTaskState(pub String);

impl FromStr for TaskState {
    type Err = UnknownTaskState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| UnknownTaskState(text.to_owned()))
    }
}

/// The services that move tasks. Each transition belongs to exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `dependency-resolver`
    DependencyResolver,
    /// `task-dispatcher`
    TaskDispatcher,
    /// `orchestrator`
    Orchestrator,
}

impl Service {
    /// The name of the service's binary.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DependencyResolver => "dependency-resolver",
            Self::TaskDispatcher => "task-dispatcher",
            Self::Orchestrator => "orchestrator",
        }
    }
}

/// What happened to a task, or is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Everything it depends on is met.
    DependenciesMet,
    /// Something it depends on is no longer met, or was added to the plan.
    DependenciesUnmet,
    /// It may start, and the plan gives it to a person: it is put to one.
    Gate,
    /// It may start, and is left out as the plan can do without it.
    LeaveOut,
    /// The plan no longer has it put to a person, or left out.
    Withdraw,
    /// An agent, an account and a slot were found for it.
    Assign,
    /// An executor took the attempt.
    Claim,
    /// The agent is done; the executor begins to verify.
    BeginVerify,
    /// The result is verified; the executor begins to land it.
    BeginLanding,
    /// The result is on the target branch.
    Land,
    /// The result was handed over to be merged by others.
    AwaitMerge,
    /// What awaited a merge was merged.
    Merge,
    /// The attempt failed, and another one is due later.
    RetryLater,
    /// The attempt ended through no fault of the task.
    Requeue,
    /// The time of the next attempt has come.
    RetryDue,
    /// The attempt failed in a way that only a person can mend, or was the last one.
    AskPerson,
    /// The attempt was the last one, and the configuration says to give up.
    GiveUp,
    /// A person wants it tried again.
    Retry,
    /// A person stops it.
    Cancel,
    /// A person leaves it out.
    Skip,
    /// A person says it is done (a tick in the plan).
    Complete,
    /// A person wants it done again (an untick in the plan): a new generation.
    Reopen,
    /// It is gone from the plan.
    Retire,
    /// It is back in the plan.
    Restore,
}

impl Trigger {
    /// Every trigger, in the order of the documentation.
    pub const ALL: [Self; 24] = [
        Self::DependenciesMet,
        Self::DependenciesUnmet,
        Self::Gate,
        Self::LeaveOut,
        Self::Withdraw,
        Self::Assign,
        Self::Claim,
        Self::BeginVerify,
        Self::BeginLanding,
        Self::Land,
        Self::AwaitMerge,
        Self::Merge,
        Self::RetryLater,
        Self::Requeue,
        Self::RetryDue,
        Self::AskPerson,
        Self::GiveUp,
        Self::Retry,
        Self::Cancel,
        Self::Skip,
        Self::Complete,
        Self::Reopen,
        Self::Retire,
        Self::Restore,
    ];

    /// The name used in the history and the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DependenciesMet => "dependencies_met",
            Self::DependenciesUnmet => "dependencies_unmet",
            Self::Gate => "gate",
            Self::LeaveOut => "leave_out",
            Self::Withdraw => "withdraw",
            Self::Assign => "assign",
            Self::Claim => "claim",
            Self::BeginVerify => "begin_verify",
            Self::BeginLanding => "begin_landing",
            Self::Land => "land",
            Self::AwaitMerge => "await_merge",
            Self::Merge => "merge",
            Self::RetryLater => "retry_later",
            Self::Requeue => "requeue",
            Self::RetryDue => "retry_due",
            Self::AskPerson => "ask_person",
            Self::GiveUp => "give_up",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Skip => "skip",
            Self::Complete => "complete",
            Self::Reopen => "reopen",
            Self::Retire => "retire",
            Self::Restore => "restore",
        }
    }

    /// The one service that may pull this trigger.
    #[must_use]
    pub const fn service(self) -> Service {
        match self {
            Self::DependenciesMet | Self::DependenciesUnmet | Self::Gate | Self::LeaveOut | Self::Withdraw => {
                Service::DependencyResolver
            }
            Self::Assign => Service::TaskDispatcher,
            Self::Claim
            | Self::BeginVerify
            | Self::BeginLanding
            | Self::Land
            | Self::AwaitMerge
            | Self::Merge
            | Self::RetryLater
            | Self::Requeue
            | Self::RetryDue
            | Self::AskPerson
            | Self::GiveUp
            | Self::Retry
            | Self::Cancel
            | Self::Skip
            | Self::Complete
            | Self::Reopen
            | Self::Retire
            | Self::Restore => Service::Orchestrator,
        }
    }

    /// The stream that carries the wake-up of this transition beside `events`, which carries every one.
    #[must_use]
    pub const fn wakes(self) -> Option<&'static str> {
        match self {
            Self::DependenciesMet => Some("ready"),
            Self::Assign => Some("work:<pool>"),
            _ => None,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The trigger means nothing in that state: a late or duplicated message, or a request that comes too late.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("`{trigger}` does not apply to a task that is {from}")]
pub struct IllegalTransition {
    /// The state the task is in.
    pub from: TaskState,
    /// What was asked of it.
    pub trigger: Trigger,
}

/// The state a task goes to from `from` by `trigger`.
///
/// # Errors
/// [`IllegalTransition`] where the trigger means nothing in that state.
pub const fn transition(from: TaskState, trigger: Trigger) -> Result<TaskState, IllegalTransition> {
    use TaskState as S;
    use Trigger as T;
    let to = match (trigger, from) {
        (T::DependenciesMet, S::Pending) => S::Ready,
        (T::DependenciesUnmet, S::Ready) => S::Pending,
        (T::Gate, S::Pending | S::Ready) => S::NeedsHuman,
        (T::LeaveOut, S::Pending | S::Ready) => S::Skipped,
        (T::Withdraw, S::NeedsHuman | S::Skipped) => S::Pending,
        (T::Assign, S::Ready) => S::Assigned,
        (T::Claim, S::Assigned) => S::Running,
        (T::BeginVerify, S::Running) => S::Verifying,
        // From `landing` back to `verifying`: the target moved, the result is rebased and verified anew.
        (T::BeginVerify, S::Landing) => S::Verifying,
        (T::BeginLanding, S::Verifying) => S::Landing,
        // From `running`: the attempt found an earlier one's result already landed.
        (T::Land, S::Running | S::Verifying | S::Landing) => S::Completed,
        (T::AwaitMerge, S::Landing) => S::AwaitingMerge,
        (T::Merge, S::AwaitingMerge) => S::Completed,
        (T::RetryLater, S::Running | S::Verifying | S::Landing) => S::WaitingRetry,
        // From `awaiting_merge`: it was not merged, and an agent is to do something about it.
        (T::Requeue, S::Assigned | S::Running | S::Verifying | S::Landing | S::AwaitingMerge) => S::Pending,
        (T::RetryDue, S::WaitingRetry) => S::Pending,
        (T::AskPerson, S::Running | S::Verifying | S::Landing | S::AwaitingMerge) => S::NeedsHuman,
        (T::GiveUp, S::Running | S::Verifying | S::Landing) => S::Failed,
        (T::Retry, S::WaitingRetry | S::AwaitingMerge | S::NeedsHuman | S::Failed | S::Cancelled | S::Skipped) => {
            S::Pending
        }
        (
            T::Cancel,
            S::Pending
            | S::Ready
            | S::Assigned
            | S::Running
            | S::Verifying
            | S::Landing
            | S::WaitingRetry
            | S::AwaitingMerge
            | S::NeedsHuman
            | S::Failed,
        ) => S::Cancelled,
        (
            T::Skip,
            S::Pending
            | S::Ready
            | S::Assigned
            | S::Running
            | S::Verifying
            | S::Landing
            | S::WaitingRetry
            | S::AwaitingMerge
            | S::NeedsHuman
            | S::Failed
            | S::Cancelled,
        ) => S::Skipped,
        (
            T::Complete,
            S::Pending
            | S::Ready
            | S::Assigned
            | S::Running
            | S::Verifying
            | S::Landing
            | S::WaitingRetry
            | S::AwaitingMerge
            | S::NeedsHuman
            | S::Failed
            | S::Cancelled
            | S::Skipped,
        ) => S::Completed,
        (T::Reopen, S::Completed) => S::Pending,
        (
            T::Retire,
            S::Pending
            | S::Ready
            | S::Assigned
            | S::Running
            | S::Verifying
            | S::Landing
            | S::Completed
            | S::WaitingRetry
            | S::AwaitingMerge
            | S::NeedsHuman
            | S::Failed
            | S::Cancelled
            | S::Skipped,
        ) => S::Retired,
        (T::Restore, S::Retired) => S::Pending,
        _ => return Err(IllegalTransition { from, trigger }),
    };
    Ok(to)
}

/// One row of the documented table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The state before.
    pub from: TaskState,
    /// What happened.
    pub trigger: Trigger,
    /// The state after.
    pub to: TaskState,
}

/// Every legal transition, in the order of [`Trigger::ALL`] and [`TaskState::ALL`].
pub fn table() -> impl Iterator<Item = Row> {
    Trigger::ALL.into_iter().flat_map(|trigger| {
        TaskState::ALL
            .into_iter()
            .filter_map(move |from| transition(from, trigger).ok().map(|to| Row { from, trigger, to }))
    })
}
