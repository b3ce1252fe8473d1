//! How it all stands.

use coditect_core::{Clock, TaskState};
use coditect_proto::v1;
use coditect_service::graph;
use coditect_store::{ConflictRow, HeldTask, StoreError, TaskFilter, Told};

use crate::Orchestrator;
use crate::answers;

/// An executor that was not heard of for this long is not counted.
const EXECUTOR_SEEN_MS: i64 = 15_000;

/// A box that is still not ticked this long after its task was completed cannot be: it no longer holds up the end.
const TICK_PATIENCE_MS: i64 = 30_000;

/// More tasks than this that need a person are not listed; their number is in `by_state`.
const ATTENTION: i64 = 500;

/// The fact that pauses everything.
pub(crate) const PAUSE_ALL: &str = "pause:all";

impl Orchestrator {
    pub(crate) async fn status(&self) -> Result<v1::Status, StoreError> {
        let now_ms = self.clock.now_ms();
        let counts = self.store.count_by_state().await?;
        let of = |states: &[TaskState]| -> i64 {
            counts.iter().filter(|(state, _)| states.contains(state)).map(|(_, count)| count).sum()
        };
        let total: i64 = counts.iter().map(|(_, count)| count).sum();
        let over = of(&[TaskState::Completed, TaskState::Skipped, TaskState::Cancelled, TaskState::Retired]);
        let states = vec![TaskState::NeedsHuman, TaskState::Failed, TaskState::AwaitingMerge];
        let stopped = TaskFilter { states, ..TaskFilter::default() };
        let attention = match of(&stopped.states) {
            0 => Vec::new(),
            _ => self.store.find_tasks(&stopped, ATTENTION, 0).await?.0,
        };
        let executors = self.store.executors(now_ms - EXECUTOR_SEEN_MS).await?;
        let documents = self.store.documents().await?;
        let settled = over == total;
        let moves = self.moves(&counts, now_ms).await?;
        let plans = documents.iter().map(|document| (document.id.clone(), document.revision)).collect();
        let slots: i64 = executors.iter().map(|executor| executor.slots).sum();
        let most = i64::from(self.config().dispatch.max_concurrent);
        let (figures, cycles) = self.insight(plans, if slots > 0 { slots.min(most) } else { most }).await?;
        let mut problems: Vec<_> =
            documents.iter().flat_map(|document| answers::problems(&document.diagnostics)).collect();
        problems.extend(cycles);
        problems.extend(self.store.held_tasks().await?.iter().map(held));
        for conflict in self.store.conflicts(false).await? {
            if let Some(told) = self.store.told(&conflict.task).await? {
                problems.push(disputed(&conflict, told));
            }
        }
        Ok(v1::Status {
            project: self.config().project.name.clone(),
            by_state: counts.iter().map(|(state, count)| (state.to_string(), *count)).collect(),
            total,
            running: self.runs().await?,
            attention: attention.iter().map(answers::task).collect(),
            paused: self.store.facts(PAUSE_ALL).await?.iter().any(|(key, _)| key == PAUSE_ALL),
            slots,
            executors: i64::try_from(executors.len()).unwrap_or(i64::MAX),
            done: total > 0 && settled && !moves,
            stuck: total > 0 && !settled && !moves,
            problems,
            figures,
            epics: self.store.epics().await?.into_iter().map(answers::epic).collect(),
            now_ms,
            unproved: if self.config().verify.commands.is_empty() { self.store.count_unproved().await? } else { 0 },
            leader: self.store.leader("orchestrator").await?.unwrap_or_default(),
        })
    }

    /// The attempts that are open, with what they printed last.
    pub(crate) async fn runs(&self) -> Result<Vec<v1::Attempt>, StoreError> {
        let open = self.store.open_attempts().await?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let notes = self.store.attempt_notes(None).await?;
        Ok(open.iter().map(|attempt| answers::attempt_with(attempt, notes.get(&attempt.id))).collect())
    }

    /// Whether anything still goes on, or will, by itself.
    async fn moves(&self, counts: &[(TaskState, i64)], now_ms: i64) -> Result<bool, StoreError> {
        let starts = !self.all_accounts_are_stopped().await?;
        let waits = |state: TaskState| matches!(state, TaskState::Ready | TaskState::WaitingRetry);
        let going = |state: TaskState| state.is_active() || (starts && waits(state));
        let pending = counts.iter().any(|(state, count)| *state == TaskState::Pending && *count > 0);
        Ok(counts.iter().any(|(state, count)| going(*state) && *count > 0)
            || (starts && pending && self.store.any_unblocked().await?)
            || !self.store.requests().await?.is_empty()
            || self.store.any_open_wish().await?
            || self.store.any_tick_due(now_ms - TICK_PATIENCE_MS).await?)
    }
}

/// A task that a mark in the plan holds, as a remark on the plan.
fn held(task: &HeldTask) -> v1::PlanProblem {
    v1::PlanProblem {
        severity: "warning".to_owned(),
        code: "held".to_owned(),
        path: task.path.clone(),
        line: task.line,
        column: 1,
        message: format!("`{}` is held: {}", task.key, graph::held(task.line)),
        help: "take the mark away, and it goes on".to_owned(),
    }
}

/// A task of which plan and database say different things, as a remark on the plan.
fn disputed(conflict: &ConflictRow, told: Told) -> v1::PlanProblem {
    let ConflictRow { id, key, field, plan, database, .. } = conflict;
    v1::PlanProblem {
        severity: "warning".to_owned(),
        code: "conflict".to_owned(),
        path: told.path,
        line: told.line,
        column: 1,
        message: format!("`{key}`: {field}: the plan says {plan}, the database {database} ({id})"),
        help: format!("`coditect conflicts take plan {id}`, or `take database {id}`"),
    }
}
