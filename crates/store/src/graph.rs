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
    /// When it was first synced; 0 where that is not known.
    pub added_at_ms: i64,
    /// It gates nothing for now: see [`Tx::set_aside`].
    pub set_aside: bool,
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
        // Every number there is is above this one.
        self.graph_after(-1).await
    }

    /// Of the graph, what was planned after `seq` (see [`Store::plan_seq`]): tasks in the order of the plan, and what they
    /// depend on.
    ///
    /// # Errors
    /// The database failed.
    pub async fn graph_after(&self, seq: i64) -> Result<(Vec<GraphTask>, Vec<GraphEdge>), StoreError> {
        let tasks = sqlx::query(concat!(
            "SELECT id, (SELECT path FROM documents d WHERE d.id = document_id) AS path, title, section, line, \
             position, priority, estimate_minutes, dangling, marker, human + optional AS special, rank, ",
            lifecycle_columns!(),
            " FROM tasks WHERE planned_seq > $1 ORDER BY document_id, position"
        ))
        .bind(seq)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read the graph"))?;
        let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(
            "SELECT d.task_id, d.depends_on, d.kind, d.added_at_ms, CASE WHEN s.task_id IS NULL THEN 0 ELSE 1 END \
             FROM task_dependencies d JOIN tasks t ON t.id = d.task_id LEFT JOIN dependencies_set_aside s \
             ON s.task_id = d.task_id AND s.depends_on = d.depends_on AND d.kind = 'blocks' \
             WHERE t.planned_seq > $1 ORDER BY d.task_id, d.depends_on",
        )
        .bind(seq)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read the graph"))?;
        let tasks = tasks.iter().map(graph_task).collect::<Result<Vec<_>, StoreError>>()?;
        let edges = rows.into_iter().map(graph_edge).collect::<Result<Vec<_>, StoreError>>()?;
        Ok((tasks, edges))
    }

    /// The number of the change of a plan that was written last.
    ///
    /// # Errors
    /// The database failed.
    pub async fn plan_seq(&self) -> Result<i64, StoreError> {
        let (seq,): (i64,) = sqlx::query_as("SELECT COALESCE(MAX(planned_seq), 0) FROM tasks")
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::during("read the graph"))?;
        Ok(seq)
    }
}

fn graph_task(row: &sqlx::any::AnyRow) -> Result<GraphTask, StoreError> {
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
}

fn graph_edge(
    (task, depends_on, kind, added_at_ms, set_aside): (String, String, String, i64, i64),
) -> Result<GraphEdge, StoreError> {
    Ok(GraphEdge {
        task: task_id("task_dependencies", task)?,
        depends_on: task_id("task_dependencies", depends_on)?,
        kind,
        added_at_ms,
        set_aside: set_aside != 0,
    })
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
