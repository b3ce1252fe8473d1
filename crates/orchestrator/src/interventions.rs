//! People's words: from the command line, and from edits of the plan.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use coditect_core::{Change, Clock, Lifecycle, TaskId, TaskState, Trigger, transition};
use coditect_service::announce::announce;
use coditect_store::{AnswerRow, AttemptEnd, DeliveryVerdict, HeldResult, Moved, StoreError, Tx, Wish, WishRow};
use tracing::info;

use crate::Orchestrator;

/// What decides on what a person can do with a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    state: TaskState,
    /// The plan gives it to a person.
    human: bool,
    /// It is put to a person because the plan says so, not because it failed.
    gate: bool,
    /// Its last result waits for a person's word.
    held: bool,
}

impl Place {
    /// Where a task is, and whether the plan gives it to a person.
    pub(crate) const fn of(life: &Lifecycle, human: bool) -> Self {
        Self { state: life.state, human, gate: human && life.failure.is_none(), held: false }
    }

    /// The same, where its last result may wait for a person's word.
    pub(crate) fn with_held(self, held: Option<&HeldResult>, life: &Lifecycle) -> Self {
        Self { held: held.is_some_and(|held| held.waits(life)), ..self }
    }
}

/// What a person can do with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Try it again, with all its attempts; what is completed is reopened.
    Retry,
    /// Tell its agents something, and try it again.
    Answer,
    /// Take its result as it is: what is held lands; what was never landed, or was merged by others, counts as done.
    Approve,
    /// Give it to an agent.
    Assign,
    /// Leave it out.
    Skip,
    /// Stop it.
    Cancel,
}

impl Action {
    /// Every action, what helps first.
    pub(crate) const ALL: [Self; 6] =
        [Self::Retry, Self::Answer, Self::Approve, Self::Assign, Self::Skip, Self::Cancel];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Answer => "answer",
            Self::Approve => "approve",
            Self::Assign => "assign",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
        }
    }

    /// The trigger that the action pulls; none where it pulls none or does not apply.
    const fn trigger(self, at: Place) -> Option<Trigger> {
        match (self, at.state) {
            // No agent is told anything: what was asked of a person is answered.
            (Self::Answer, TaskState::NeedsHuman) if at.gate => Some(Trigger::Complete),
            (Self::Assign, _) if at.human => None,
            // Done once more, as a new generation; the plan is unticked.
            (Self::Retry, TaskState::Completed) => Some(Trigger::Reopen),
            (Self::Retry, _) => Some(Trigger::Retry),
            (Self::Skip, _) => Some(Trigger::Skip),
            (Self::Cancel, _) => Some(Trigger::Cancel),
            (
                Self::Answer,
                TaskState::NeedsHuman | TaskState::Failed | TaskState::WaitingRetry | TaskState::AwaitingMerge,
            )
            | (Self::Assign, TaskState::NeedsHuman | TaskState::Failed) => Some(Trigger::Retry),
            (Self::Approve, TaskState::AwaitingMerge) => Some(Trigger::Merge),
            // An executor lands exactly what is held.
            (Self::Approve, TaskState::NeedsHuman) if at.held => Some(Trigger::Retry),
            (Self::Approve, TaskState::NeedsHuman) => Some(Trigger::Complete),
            (Self::Answer | Self::Approve | Self::Assign, _) => None,
        }
    }

    /// Whether the action means something to a task there.
    pub(crate) fn applies(self, at: Place) -> bool {
        match (self, self.trigger(at)) {
            (_, Some(trigger)) => transition(at.state, trigger).is_ok(),
            (Self::Assign, None) => {
                !at.human
                    && !matches!(
                        at.state,
                        TaskState::Completed | TaskState::Cancelled | TaskState::Skipped | TaskState::Retired
                    )
            }
            (_, None) => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|action| action.as_str()).collect();
            format!("`{text}` is no action: expected one of {}", known.join(", "))
        })
    }
}

/// An action with what goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) action: Action,
    /// `person:<name>`.
    pub(crate) actor: String,
    pub(crate) reason: Option<String>,
    /// What an answer says.
    pub(crate) text: String,
    /// Whom the task is given to; nobody: as the plan has it.
    pub(crate) agent: Option<String>,
}

impl Orchestrator {
    /// Does what a person wants of a task. False: it means nothing in the task's state.
    pub(crate) async fn act(&self, task: &TaskId, word: &Word) -> Result<bool, StoreError> {
        let now_ms = self.clock.now_ms();
        let mut tx = self.store.begin().await?;
        let Some(seen) = tx.lifecycle(task).await? else { return Ok(false) };
        let held = tx.held(task, seen.generation).await?.filter(|held| held.waits(&seen));
        let at = Place::of(&seen, tx.is_for_a_person(task).await?).with_held(held.as_ref(), &seen);
        if !word.action.applies(at) {
            return Ok(false);
        }
        let Some(seen) = self.note(&mut tx, task, seen, word, now_ms).await? else { return Ok(false) };
        let mut moved = None;
        if let Some(trigger) = word.action.trigger(at) {
            let reason = match (&word.reason, word.action) {
                (Some(reason), _) => Some(reason.clone()),
                (None, Action::Answer) => Some(format!("answered: {}", word.text)),
                (None, Action::Approve) => Some(match &held {
                    Some(held) => format!("approved: {} lands as it is", held.result.commit),
                    None => "approved".to_owned(),
                }),
                (None, Action::Assign) => word.agent.as_ref().map(|agent| format!("given to {agent}")),
                (None, Action::Retry | Action::Skip | Action::Cancel) => None,
            };
            // What a person has dropped is not gone on with.
            let delivered = tx.delivered(task, seen.generation).await?;
            let dropped = delivered.is_some_and(|last| last.verdict == Some(DeliveryVerdict::Dropped));
            let change = Change::Intervene { trigger, reason };
            moved = tx.change(task, &seen, change, AttemptEnd::default(), &word.actor, now_ms).await?;
            if moved.is_none() {
                return Ok(false);
            }
            if let (Action::Approve, Some(held)) = (word.action, &held) {
                tx.approve_held(held.attempt, &word.actor, now_ms).await?;
            }
            if word.action == Action::Answer && !dropped {
                tx.go_on_with_delivered(task, seen.generation).await?;
            }
        }
        tx.commit().await?;
        info!(%task, action = %word.action, actor = word.actor, from = %seen.state, "a person intervened");
        announce(&self.queue, moved.as_slice()).await;
        Ok(true)
    }

    /// Writes down what an action says beside moving the task. Answers the task as it is then; `None`: somebody else
    /// was faster.
    async fn note(
        &self,
        tx: &mut Tx,
        task: &TaskId,
        seen: Lifecycle,
        word: &Word,
        now_ms: i64,
    ) -> Result<Option<Lifecycle>, StoreError> {
        match word.action {
            Action::Answer => {
                let said = AnswerRow {
                    actor: word.actor.clone(),
                    question: seen.reason.clone().unwrap_or_default(),
                    answer: word.text.clone(),
                    at_ms: now_ms,
                };
                tx.keep_answer(task, &seen, &said).await?;
            }
            Action::Assign => {
                if !tx.override_agent(task, &seen, word.agent.as_deref(), &word.actor, now_ms).await? {
                    return Ok(None);
                }
                return tx.lifecycle(task).await;
            }
            Action::Retry | Action::Approve | Action::Skip | Action::Cancel => {}
        }
        Ok(Some(seen))
    }

    /// Applies what edits of the plan, and imports, ask for: of each task, all of it at once, so that nobody sees what is
    /// between.
    pub(crate) async fn grant_wishes(&self) -> Result<(), StoreError> {
        let mut by_task: BTreeMap<TaskId, Vec<WishRow>> = BTreeMap::new();
        for wish in self.store.open_wishes().await? {
            by_task.entry(wish.task.clone()).or_default().push(wish);
        }
        for (task, wishes) in by_task {
            let now_ms = self.clock.now_ms();
            let mut tx = self.store.begin().await?;
            let mut moves = Vec::new();
            for wish in wishes {
                match grant(&mut tx, &wish, now_ms).await? {
                    Granted::Moved(moved) => moves.push(*moved),
                    Granted::Refused => {}
                    // What is next for this task is for the state that it is to have first.
                    Granted::Later => break,
                }
            }
            tx.commit().await?;
            for moved in &moves {
                info!(%task, actor = moved.actor, from = %moved.from, to = %moved.now.state, "the plan was edited");
            }
            announce(&self.queue, &moves).await;
        }
        Ok(())
    }
}

enum Granted {
    Moved(Box<Moved>),
    Refused,
    /// Somebody else was faster: it is tried again on what the task is now.
    Later,
}

async fn grant(tx: &mut Tx, wish: &WishRow, now_ms: i64) -> Result<Granted, StoreError> {
    let Some(seen) = tx.lifecycle(&wish.task).await? else { return Ok(Granted::Refused) };
    let trigger = wish.wish.trigger();
    if transition(seen.state, trigger).is_err() {
        tx.refuse_wish(wish, now_ms).await?;
        return Ok(Granted::Refused);
    }
    let change = Change::Intervene { trigger, reason: Some(reason(wish)) };
    let Some(moved) = tx.change(&wish.task, &seen, change, AttemptEnd::default(), &wish.actor, now_ms).await? else {
        return Ok(Granted::Later);
    };
    tx.wish_applied(&wish.id, "applied", now_ms).await?;
    Ok(Granted::Moved(Box::new(moved)))
}

/// Why a wish is asked.
fn reason(wish: &WishRow) -> String {
    if let Some(file) = &wish.source {
        return format!("imported from {file}");
    }
    let reason = match wish.wish {
        Wish::Complete => "ticked in the plan",
        Wish::Reopen => "unticked in the plan",
        Wish::Cancel => "cancelled in the plan",
        Wish::Retry => "no longer cancelled in the plan",
        Wish::Retire => "gone from the plan",
        Wish::Restore => "back in the plan",
    };
    reason.to_owned()
}
