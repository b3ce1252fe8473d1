//! What is told of a task when another is explained by it, and what it has to do with.

use coditect_core::{TaskId, TaskState};

use crate::change::get;
use crate::tasks::list;
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
    /// The paths that the plan says a task changes.
    ///
    /// # Errors
    /// The database failed.
    pub async fn declared_touches(&self, task: &TaskId) -> Result<Vec<String>, StoreError> {
        let row = sqlx::query("SELECT touches FROM tasks WHERE id = $1")
            .bind(task.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::during("read touches"))?;
        row.map_or_else(|| Ok(Vec::new()), |row| list(task.as_str(), "touches", &row))
    }

    /// The evidence of a task's attempts, in their order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn evidence_of(&self, task: &TaskId) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT evidence FROM attempts WHERE task_id = $1 AND evidence IS NOT NULL ORDER BY id")
                .bind(task.as_str())
                .fetch_all(&self.pool)
                .await
                .map_err(StoreError::during("read evidence"))?;
        Ok(rows.into_iter().map(|(evidence,)| evidence).collect())
    }

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
