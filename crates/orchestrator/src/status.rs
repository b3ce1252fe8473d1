//! How it all stands.

use std::collections::HashMap;

use coditect_core::{Clock, TaskState};
use coditect_proto::v1;
use coditect_store::StoreError;

use crate::Orchestrator;
use crate::answers;

/// An executor that was not heard of for this long is not counted.
const EXECUTOR_SEEN_MS: i64 = 15_000;

/// A box that is still not ticked this long after its task was completed cannot be: it no longer holds up the end.
const TICK_PATIENCE_MS: i64 = 30_000;

/// The fact that pauses everything.
pub(crate) const PAUSE_ALL: &str = "pause:all";

impl Orchestrator {
    pub(crate) async fn status(&self) -> Result<v1::Status, StoreError> {
        let now_ms = self.clock.now_ms();
        let tasks = self.store.tasks().await?;
        let mut by_state: HashMap<String, i64> = HashMap::new();
        for task in &tasks {
            *by_state.entry(task.life.state.to_string()).or_default() += 1;
        }
        let titles: HashMap<_, _> = tasks.iter().map(|task| (&task.id, task.title.as_str())).collect();
        let attempts = self.store.open_attempts().await?;
        let running = attempts
            .iter()
            .map(|attempt| v1::Attempt {
                title: titles.get(&attempt.task).copied().unwrap_or_default().to_owned(),
                ..answers::attempt(attempt)
            })
            .collect();
        let attention = tasks
            .iter()
            .filter(|task| matches!(task.life.state, TaskState::NeedsHuman | TaskState::Failed))
            .map(answers::task)
            .collect();
        let executors = self.store.executors(now_ms - EXECUTOR_SEEN_MS).await?;
        let documents = self.store.documents().await?;
        let wishes = self.store.open_wishes().await?;
        let mut ticks = false;
        for document in &documents {
            ticks |= !self.store.ticks_due(&document.id).await?.is_empty();
        }
        let fresh = tasks
            .iter()
            .filter_map(|task| task.life.completed_at_ms)
            .max()
            .is_some_and(|at| now_ms - at < TICK_PATIENCE_MS);
        let over = |state: TaskState| {
            matches!(state, TaskState::Completed | TaskState::Skipped | TaskState::Cancelled | TaskState::Retired)
        };
        let settled = tasks.iter().all(|task| over(task.life.state));
        let moves = self.can_move().await? || !wishes.is_empty() || (ticks && fresh);
        Ok(v1::Status {
            project: self.config.project.name.clone(),
            by_state,
            total: i64::try_from(tasks.len()).unwrap_or(i64::MAX),
            running,
            attention,
            paused: self.store.facts(PAUSE_ALL).await?.iter().any(|(key, _)| key == PAUSE_ALL),
            slots: executors.iter().map(|executor| executor.slots).sum(),
            executors: i64::try_from(executors.len()).unwrap_or(i64::MAX),
            done: !tasks.is_empty() && settled && !moves,
            stuck: !tasks.is_empty() && !settled && !moves,
            problems: documents.iter().flat_map(|document| answers::problems(&document.diagnostics)).collect(),
        })
    }

    /// Whether anything still goes on, or will, by itself.
    async fn can_move(&self) -> Result<bool, StoreError> {
        let (tasks, edges) = self.store.graph().await?;
        let states: HashMap<_, _> = tasks.iter().map(|task| (&task.id, task.life.state)).collect();
        let mut held: std::collections::HashSet<_> =
            tasks.iter().filter(|task| !task.dangling.is_empty()).map(|task| &task.id).collect();
        for edge in edges.iter().filter(|edge| edge.kind == "blocks") {
            if !states.get(&edge.depends_on).is_some_and(|state| state.meets_dependency()) {
                held.insert(&edge.task);
            }
        }
        let stopped = self.all_accounts_are_stopped().await?;
        Ok(tasks.iter().any(|task| match task.life.state {
            TaskState::Pending => !held.contains(&task.id) && !stopped,
            TaskState::Ready | TaskState::WaitingRetry => !stopped,
            state => state.is_active(),
        }))
    }
}
