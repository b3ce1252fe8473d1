//! The part of a task that changes while it is worked, and how: snapshot, decision, compare-and-set.
//!
//! [`Lifecycle::apply`] is the decision. The store writes its result only where the row still is the snapshot.

use crate::{AttemptId, FailureClass, IllegalTransition, TaskState, Trigger, transition};

/// What the database holds of a task's progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// Where the task is.
    pub state: TaskState,
    /// Grows by one each time a completed task is reopened. Landing is fenced by it.
    pub generation: i64,
    /// The open attempt, or the last one.
    pub attempt: Option<AttemptId>,
    /// The fencing token: grows by one with each attempt.
    pub token: i64,
    /// Attempts that count against the bound, in this generation since a person last intervened.
    pub attempts_spent: i64,
    /// Attempts ever opened in this generation since a person last intervened. Bounded too, whatever ended them.
    pub attempts_started: i64,
    /// When the next attempt is due, in epoch milliseconds.
    pub due_at_ms: Option<i64>,
    /// When it last became ready.
    pub ready_at_ms: Option<i64>,
    /// When it was last assigned.
    pub assigned_at_ms: Option<i64>,
    /// When it was completed.
    pub completed_at_ms: Option<i64>,
    /// How the last attempt failed.
    pub failure: Option<FailureClass>,
    /// Why it is where it is, in words for people.
    pub reason: Option<String>,
    /// Grows by one with each change: what the compare-and-set compares.
    pub version: i64,
}

/// What happened, with what has to be remembered of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A trigger that carries nothing.
    Plain(Trigger),
    /// [`Trigger::Assign`]: the attempt that was opened.
    Assign {
        /// The new attempt.
        attempt: AttemptId,
    },
    /// [`Trigger::AwaitMerge`]: where the result waits, and what for.
    Deliver {
        /// In words.
        reason: String,
    },
    /// The attempt failed ([`Trigger::RetryLater`], [`Trigger::Requeue`], [`Trigger::AskPerson`], [`Trigger::GiveUp`]).
    Fail {
        /// What follows from it.
        trigger: Trigger,
        /// How it failed.
        class: FailureClass,
        /// In words, for people and for the next attempt.
        reason: String,
        /// When the next attempt is due.
        due_at_ms: Option<i64>,
    },
    /// A person's word, or the plan's ([`Trigger::Gate`], [`Trigger::LeaveOut`] and [`Trigger::Withdraw`] included).
    Intervene {
        /// What is asked.
        trigger: Trigger,
        /// Why, in words.
        reason: Option<String>,
    },
}

impl Change {
    /// The trigger of the change.
    #[must_use]
    pub const fn trigger(&self) -> Trigger {
        match self {
            Self::Plain(trigger) | Self::Fail { trigger, .. } | Self::Intervene { trigger, .. } => *trigger,
            Self::Assign { .. } => Trigger::Assign,
            Self::Deliver { .. } => Trigger::AwaitMerge,
        }
    }

    /// What it says itself, in words.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let reason = match self {
            Self::Plain(_) | Self::Assign { .. } => None,
            Self::Deliver { reason } | Self::Fail { reason, .. } => Some(reason.as_str()),
            Self::Intervene { reason, .. } => reason.as_deref(),
        };
        reason.filter(|reason| !reason.is_empty())
    }
}

impl Lifecycle {
    /// A task as the plan brings it: already completed, or cancelled, or else to be done.
    #[must_use]
    pub const fn planned(state: TaskState, now_ms: i64) -> Self {
        let state = match state {
            TaskState::Completed | TaskState::Cancelled => state,
            _ => TaskState::Pending,
        };
        Self {
            state,
            generation: 1,
            attempt: None,
            token: 0,
            attempts_spent: 0,
            attempts_started: 0,
            due_at_ms: None,
            ready_at_ms: None,
            assigned_at_ms: None,
            completed_at_ms: if matches!(state, TaskState::Completed) { Some(now_ms) } else { None },
            failure: None,
            reason: None,
            version: 0,
        }
    }

    /// What the task becomes by `change`.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the change means nothing in the task's state.
    pub fn apply(&self, change: Change, now_ms: i64) -> Result<Self, IllegalTransition> {
        let trigger = change.trigger();
        let to = transition(self.state, trigger)?;
        let mut next = Self { state: to, version: self.version + 1, due_at_ms: None, ..self.clone() };
        match change {
            Change::Plain(_) => {}
            Change::Assign { attempt } => {
                next.attempt = Some(attempt);
                next.token += 1;
                next.attempts_started += 1;
                // What was said of an earlier attempt is not why this one is under way.
                next.reason = None;
            }
            Change::Deliver { reason } => {
                next.failure = None;
                next.reason = Some(reason);
            }
            Change::Fail { class, reason, due_at_ms, .. } => {
                next.attempts_spent += i64::from(class.spends_attempt());
                next.failure = Some(class);
                next.reason = Some(reason);
                next.due_at_ms = due_at_ms;
            }
            Change::Intervene { reason, .. } => {
                next.reason = reason;
                next.failure = None;
                next.attempts_spent = 0;
                next.attempts_started = 0;
            }
        }
        match to {
            TaskState::Ready => next.ready_at_ms = Some(now_ms),
            TaskState::Assigned => next.assigned_at_ms = Some(now_ms),
            TaskState::Completed => {
                next.completed_at_ms = Some(now_ms);
                next.failure = None;
                if trigger != Trigger::Complete {
                    next.reason = None;
                }
            }
            _ => {}
        }
        if trigger == Trigger::Reopen {
            next.generation += 1;
            next.completed_at_ms = None;
        }
        Ok(next)
    }
}
