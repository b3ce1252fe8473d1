//! What is told of a task when another is explained by it.

use coditect_core::{TaskId, TaskState};

use crate::change::get;
use crate::{Store, StoreError};

/// A task in an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its title.
    pub title: String,
    /// The document it is planned in.
    pub path: String,
    /// Its line there.
    pub line: i64,
    /// Where it is.
    pub state: TaskState,
    /// Since when.
    pub since_ms: i64,
    /// Why, where there is something to say.
    pub reason: Option<String>,
    /// The agent of its current attempt; else the one a person or the plan gave it to.
    pub agent: Option<String>,
}

impl Store {
    /// What is told of a task; nothing if there is no such task.
    ///
    /// # Errors
    /// The database failed.
    pub async fn told(&self, task: &TaskId) -> Result<Option<Told>, StoreError> {
        sqlx::query(
            "SELECT t.title, d.path, t.line, t.state, t.reason, t.created_at_ms, \
             (SELECT MAX(e.at_ms) FROM task_events e WHERE e.task_id = t.id AND e.to_state = t.state) AS since_ms, \
             COALESCE((SELECT a.agent FROM attempts a WHERE a.id = t.attempt), t.agent_override, t.agent) AS agent \
             FROM tasks t JOIN documents d ON d.id = t.document_id WHERE t.id = $1",
        )
        .bind(task.as_str())
        .fetch_optional(&self.pool)
        .await
        .map_err(StoreError::during("explain a task"))?
        .map(|row| {
            let since: Option<i64> = get(&row, "since_ms")?;
            let state: String = get(&row, "state")?;
            Ok(Told {
                title: get(&row, "title")?,
                path: get(&row, "path")?,
                line: get(&row, "line")?,
                state: state.parse().map_err(|_| StoreError::Corrupt {
                    table: "tasks",
                    id: task.to_string(),
                    column: "state",
                    value: state,
                })?,
                since_ms: match since {
                    Some(since) => since,
                    None => get(&row, "created_at_ms")?,
                },
                reason: get(&row, "reason")?,
                agent: get(&row, "agent")?,
            })
        })
        .transpose()
    }
}
