//! What the dependency-resolver reads and writes.

use coditect_core::{Lifecycle, Priority, TaskId};

use crate::change::{get, lifecycle, lifecycle_columns, task_id};
use crate::gates;
use crate::tasks::list;
use crate::{Store, StoreError, Tx};

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphTask {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// The headings above it.
    pub section: Vec<String>,
    /// The document it is planned in.
    pub path: String,
    /// Its line there.
    pub line: i64,
    /// Its place there.
    pub position: i64,
    /// How urgent it is.
    pub priority: Priority,
    /// How long it should take.
    pub estimate_minutes: Option<i64>,
    /// References that resolved to nothing.
    pub dangling: Vec<String>,
    /// Whether a person's mark in the plan holds it.
    pub blocked: bool,
    /// Whether the plan gives it to a person, or can do without it.
    pub special: bool,
    /// The rank the database has for it.
    pub rank: i64,
    /// Its progress.
    pub life: Lifecycle,
}

/// An edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphEdge {
    /// The task that waits.
    pub task: TaskId,
    /// What it waits for.
    pub depends_on: TaskId,
    /// `blocks`, `informs` or `relates`.
    pub kind: String,
}

impl GraphTask {
    /// Whether it stands where the plan alone put it: before a person, or left out.
    #[must_use]
    pub fn is_at_a_gate(&self) -> bool {
        gates::is_gate(&self.life)
    }
}

impl Store {
    /// The whole graph, in the order of the plan.
    ///
    /// # Errors
    /// The database failed.
    pub async fn graph(&self) -> Result<(Vec<GraphTask>, Vec<GraphEdge>), StoreError> {
        let tasks = sqlx::query(concat!(
            "SELECT id, (SELECT path FROM documents d WHERE d.id = document_id) AS path, title, section, line, \
             position, priority, estimate_minutes, dangling, marker, human + optional AS special, rank, ",
            lifecycle_columns!(),
            " FROM tasks ORDER BY document_id, position"
        ))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read the graph"))?
        .iter()
        .map(|row| {
            let id: String = get(row, "id")?;
            Ok(GraphTask {
                title: get(row, "title")?,
                section: list(&id, "section", row)?,
                path: get(row, "path")?,
                line: get(row, "line")?,
                position: get(row, "position")?,
                priority: Priority::from_level(get(row, "priority")?),
                estimate_minutes: get(row, "estimate_minutes")?,
                dangling: list(&id, "dangling", row)?,
                blocked: get::<String>(row, "marker")? == "blocked",
                special: get::<i64>(row, "special")? > 0,
                rank: get(row, "rank")?,
                life: lifecycle(&id, row)?,
                id: task_id("tasks", id)?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT task_id, depends_on, kind FROM task_dependencies ORDER BY task_id, depends_on")
                .fetch_all(&self.pool)
                .await
                .map_err(StoreError::during("read the graph"))?;
        let edges = rows
            .into_iter()
            .map(|(task, depends_on, kind)| {
                Ok(GraphEdge {
                    task: task_id("task_dependencies", task)?,
                    depends_on: task_id("task_dependencies", depends_on)?,
                    kind,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok((tasks, edges))
    }
}

impl Tx {
    /// Keeps a task's rank.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_rank(&mut self, task: &TaskId, rank: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE tasks SET rank = $1 WHERE id = $2")
            .bind(rank)
            .bind(task.as_str())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("rank a task"))?;
        Ok(())
    }
}
