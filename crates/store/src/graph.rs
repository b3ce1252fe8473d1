//! What the dependency-resolver reads and writes.

use coditect_core::{Change, Lifecycle, Priority, TaskId, Trigger};

use crate::attempts::AttemptEnd;
use crate::change::{Moved, get, lifecycle, lifecycle_columns, task_id};
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
    /// When it was first synced; 0 where that is not known.
    pub added_at_ms: i64,
    /// It gates nothing for now: see [`Tx::set_aside`].
    pub set_aside: bool,
}

impl Store {
    /// The whole graph, in the order of the plan.
    ///
    /// # Errors
    /// The database failed.
    pub async fn graph(&self) -> Result<(Vec<GraphTask>, Vec<GraphEdge>), StoreError> {
        let tasks = sqlx::query(concat!(
            "SELECT id, (SELECT path FROM documents d WHERE d.id = document_id) AS path, title, section, line, \
             position, priority, estimate_minutes, dangling, rank, ",
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
                rank: get(row, "rank")?,
                life: lifecycle(&id, row)?,
                id: task_id("tasks", id)?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
        let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(
            "SELECT d.task_id, d.depends_on, d.kind, d.added_at_ms, CASE WHEN s.task_id IS NULL THEN 0 ELSE 1 END \
             FROM task_dependencies d LEFT JOIN dependencies_set_aside s \
             ON s.task_id = d.task_id AND s.depends_on = d.depends_on AND d.kind = 'blocks' \
             ORDER BY d.task_id, d.depends_on",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read the graph"))?;
        let edges = rows
            .into_iter()
            .map(|(task, depends_on, kind, added_at_ms, set_aside)| {
                Ok(GraphEdge {
                    task: task_id("task_dependencies", task)?,
                    depends_on: task_id("task_dependencies", depends_on)?,
                    kind,
                    added_at_ms,
                    set_aside: set_aside != 0,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok((tasks, edges))
    }
}

impl Store {
    /// Lets ready tasks count as one level more urgent for each `aging_ms` that they have been ready, so that none waits
    /// for ever behind more urgent ones that keep coming. Answers for how many that changed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn promote_waiting(&self, aging_ms: i64, now_ms: i64) -> Result<u64, StoreError> {
        let levels = "CASE WHEN ($2 - ready_at_ms) / $1 > priority THEN priority ELSE ($2 - ready_at_ms) / $1 END";
        let text = format!(
            "UPDATE tasks SET promoted = {levels} WHERE state = 'ready' AND ready_at_ms <= $2 AND promoted <> {levels}"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(aging_ms.max(1))
            .bind(now_ms)
            .execute(&self.pool)
            .await
            .map_err(StoreError::during("promote waiting tasks"))?;
        Ok(done.rows_affected())
    }

    /// Of the `limit` attempts that landed last: the task's estimate in minutes, and how long it took from assignment
    /// to landing, in milliseconds.
    ///
    /// # Errors
    /// The database failed.
    pub async fn durations_by_estimate(&self, limit: i64) -> Result<Vec<(Option<i64>, i64)>, StoreError> {
        sqlx::query_as(
            "SELECT t.estimate_minutes, a.ended_at_ms - a.assigned_at_ms FROM attempts a \
             JOIN tasks t ON t.id = a.task_id WHERE a.state = 'landed' AND a.ended_at_ms IS NOT NULL \
             ORDER BY a.ended_at_ms DESC LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read what tasks took"))
    }
}

impl Tx {
    /// Whether everything a task depends on is met, by what the database holds now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn dependencies_met(&mut self, task: &TaskId) -> Result<bool, StoreError> {
        let (unmet,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM task_dependencies d JOIN tasks p ON p.id = d.depends_on \
             WHERE d.task_id = $1 AND d.kind = 'blocks' AND p.state NOT IN ('completed', 'skipped') \
             AND NOT EXISTS (SELECT 1 FROM dependencies_set_aside s \
             WHERE s.task_id = d.task_id AND s.depends_on = d.depends_on)",
        )
        .bind(task.as_str())
        .fetch_one(&mut *self.inner)
        .await
        .map_err(StoreError::during("read dependencies"))?;
        let (dangling,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM tasks WHERE id = $1 AND dangling <> '[]'")
            .bind(task.as_str())
            .fetch_one(&mut *self.inner)
            .await
            .map_err(StoreError::during("read dependencies"))?;
        Ok(unmet == 0 && dangling == 0)
    }

    /// Moves a task between pending and ready, as its dependencies are in this very transaction. `None`: it stays.
    ///
    /// # Errors
    /// The database failed.
    pub async fn settle_readiness(&mut self, task: &TaskId, now_ms: i64) -> Result<Option<Moved>, StoreError> {
        let Some(seen) = self.lifecycle(task).await? else { return Ok(None) };
        let met = self.dependencies_met(task).await?;
        let trigger = if met { Trigger::DependenciesMet } else { Trigger::DependenciesUnmet };
        if seen.apply(Change::Plain(trigger), now_ms).is_err() {
            return Ok(None);
        }
        self.change(task, &seen, Change::Plain(trigger), AttemptEnd::default(), trigger.service().as_str(), now_ms)
            .await
    }

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
