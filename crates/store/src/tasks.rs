//! Tasks as people and services ask for them.

use coditect_core::{Lifecycle, Priority, TaskId, TaskState};
use coditect_plan::Changes;
use sqlx::any::AnyRow;

use crate::change::{get, keepable, lifecycle, lifecycle_columns, task_id};
use crate::{Store, StoreError, Tx};

macro_rules! task_columns {
    () => {
        concat!(
            "id, document_id, key, title, section, description, position, line, priority, agent, estimate_minutes, \
             acceptance, verify, verify_plan, touches, script, dangling, steps, marker, rank, agent_override, human, optional, \
             changes, ",
            lifecycle_columns!()
        )
    };
}

/// A task as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Its id.
    pub id: TaskId,
    /// The document it is planned in.
    pub document: String,
    /// What a person calls it.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The headings above it, outermost first.
    pub section: Vec<String>,
    /// Its prose.
    pub description: String,
    /// Its place in the document.
    pub position: i64,
    /// Its line in the document.
    pub line: i64,
    /// How urgent it is.
    pub priority: Priority,
    /// The agent it asks for.
    pub agent: Option<String>,
    /// The agent that a person gave it to, over the plan's.
    pub agent_override: Option<String>,
    /// How long it should take.
    pub estimate_minutes: Option<i64>,
    /// Its steps, in words.
    pub steps: Vec<String>,
    /// When it counts as done, in words.
    pub acceptance: Vec<String>,
    /// The commands that prove it.
    pub verify: Vec<String>,
    /// The commands that prove every task of its document.
    pub verify_plan: Vec<String>,
    /// The paths it says it touches.
    pub touches: Vec<String>,
    /// Its own block of shell commands.
    pub script: Option<String>,
    /// References of its dependencies that resolved to nothing: they hold it.
    pub dangling: Vec<String>,
    /// Whether a person does it.
    pub human: bool,
    /// Whether the plan can do without it.
    pub optional: bool,
    /// Whether its result changes anything.
    pub changes: Changes,
    /// Its marker in the file, as of the last synced revision.
    pub marker: String,
    /// The longest remaining chain that hangs on it, in minutes.
    pub rank: i64,
    /// Its progress.
    pub life: Lifecycle,
}

/// How many predecessors' deliveries are told of.
const DELIVERIES: i64 = 50;

/// What a completed task has delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What people call the task.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The commit it landed as; none where a person completed it.
    pub commit: Option<String>,
    /// What the attempt left as evidence, as JSON.
    pub evidence: Option<String>,
}

/// An edge from a task to one it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyRow {
    /// The task depended on.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// `blocks`, `informs` or `relates`.
    pub kind: String,
    /// Where it is.
    pub state: TaskState,
}

impl Store {
    /// A task by its id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn task(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError> {
        sqlx::query(concat!("SELECT ", task_columns!(), " FROM tasks WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::during("read a task"))?
            .map(|row| task(&row))
            .transpose()
    }

    /// The ids of the tasks that a person may mean by `name`: the task with this id; else those that a plan calls so now;
    /// else those whose id ends so.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tasks_named(&self, name: &str) -> Result<Vec<TaskId>, StoreError> {
        for statement in [
            "SELECT id FROM tasks WHERE id = $1",
            "SELECT id FROM tasks WHERE key = $1 AND gone = 0 ORDER BY id",
            "SELECT id FROM tasks WHERE id = document_id || '/' || $1 ORDER BY id",
        ] {
            let rows: Vec<(String,)> = sqlx::query_as(statement)
                .bind(keepable(name))
                .fetch_all(&self.pool)
                .await
                .map_err(StoreError::during("find a task"))?;
            if !rows.is_empty() {
                return rows.into_iter().map(|(id,)| task_id("tasks", id)).collect();
            }
        }
        Ok(Vec::new())
    }

    /// Every task, in the order of the plan.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tasks(&self) -> Result<Vec<TaskRow>, StoreError> {
        sqlx::query(concat!("SELECT ", task_columns!(), " FROM tasks ORDER BY document_id, position"))
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read tasks"))?
            .iter()
            .map(task)
            .collect()
    }

    /// At most `limit` tasks in `state`, in dispatch order: priority (see [`Store::promote_waiting`]), then rank, then
    /// how long they have been ready.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tasks_in(&self, state: TaskState, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
        tasks_in(&self.pool, state, limit).await
    }

    /// How many tasks there are in each state.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_by_state(&self) -> Result<Vec<(TaskState, i64)>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT state, COUNT(*) FROM tasks GROUP BY state")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("count tasks"))?;
        rows.into_iter()
            .map(|(state, count)| {
                let parsed = state.parse().map_err(|_| StoreError::Corrupt {
                    table: "tasks",
                    id: String::from("(any)"),
                    column: "state",
                    value: state,
                })?;
                Ok((parsed, count))
            })
            .collect()
    }

    /// What a task depends on.
    ///
    /// # Errors
    /// The database failed.
    pub async fn dependencies(&self, id: &TaskId) -> Result<Vec<DependencyRow>, StoreError> {
        sqlx::query(
            "SELECT t.id, t.title, d.kind, t.state FROM task_dependencies d JOIN tasks t ON t.id = d.depends_on \
             WHERE d.task_id = $1 ORDER BY t.document_id, t.position",
        )
        .bind(id.as_str())
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read dependencies"))?
        .iter()
        .map(|row| {
            let task = task_id("tasks", get(row, "id")?)?;
            let state: String = get(row, "state")?;
            Ok(DependencyRow {
                title: get(row, "title")?,
                kind: get(row, "kind")?,
                state: state.parse().map_err(|_| StoreError::Corrupt {
                    table: "tasks",
                    id: task.to_string(),
                    column: "state",
                    value: state,
                })?,
                task,
            })
        })
        .collect()
    }

    /// What the completed tasks that a task depends on have delivered, in the order of the plan, at most [`DELIVERIES`] of them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn deliveries(&self, id: &TaskId) -> Result<Vec<Delivery>, StoreError> {
        let rows: Vec<(String, String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT t.key, t.title, a.commit_id, a.evidence FROM task_dependencies d \
             JOIN tasks t ON t.id = d.depends_on LEFT JOIN attempts a ON a.task_id = t.id \
             AND a.generation = t.generation AND a.state = 'landed' \
             WHERE d.task_id = $1 AND d.kind = 'blocks' AND t.state = 'completed' \
             ORDER BY t.document_id, t.position LIMIT $2",
        )
        .bind(id.as_str())
        .bind(DELIVERIES)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read what predecessors have delivered"))?;
        let delivery = |(key, title, commit, evidence)| Delivery { key, title, commit, evidence };
        Ok(rows.into_iter().map(delivery).collect())
    }

    /// The tasks that depend on a task.
    ///
    /// # Errors
    /// The database failed.
    pub async fn dependents(&self, id: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        dependents(&self.pool, id).await
    }
}

async fn dependents<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    id: &TaskId,
) -> Result<Vec<TaskId>, StoreError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT task_id FROM task_dependencies WHERE depends_on = $1 ORDER BY task_id")
            .bind(id.as_str())
            .fetch_all(on)
            .await
            .map_err(StoreError::during("read dependents"))?;
    rows.into_iter().map(|(id,)| task_id("tasks", id)).collect()
}

impl Tx {
    /// As [`Store::dependents`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn dependents(&mut self, id: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        dependents(&mut *self.inner, id).await
    }

    /// As [`Store::tasks_in`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn tasks_in(&mut self, state: TaskState, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
        tasks_in(&mut *self.inner, state, limit).await
    }
}

async fn tasks_in<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    state: TaskState,
    limit: i64,
) -> Result<Vec<TaskRow>, StoreError> {
    sqlx::query(concat!(
        "SELECT ",
        task_columns!(),
        " FROM tasks WHERE state = $1 ORDER BY (priority - promoted), rank DESC, ready_at_ms, position LIMIT $2"
    ))
    .bind(state.as_str())
    .bind(limit)
    .fetch_all(on)
    .await
    .map_err(StoreError::during("read tasks"))?
    .iter()
    .map(task)
    .collect()
}

fn task(row: &AnyRow) -> Result<TaskRow, StoreError> {
    let id: String = get(row, "id")?;
    Ok(TaskRow {
        document: get(row, "document_id")?,
        key: get(row, "key")?,
        title: get(row, "title")?,
        section: list(&id, "section", row)?,
        description: get(row, "description")?,
        position: get(row, "position")?,
        line: get(row, "line")?,
        priority: Priority::from_level(get(row, "priority")?),
        agent: get(row, "agent")?,
        agent_override: get(row, "agent_override")?,
        estimate_minutes: get(row, "estimate_minutes")?,
        steps: list(&id, "steps", row)?,
        acceptance: list(&id, "acceptance", row)?,
        verify: list(&id, "verify", row)?,
        verify_plan: list(&id, "verify_plan", row)?,
        touches: list(&id, "touches", row)?,
        script: get(row, "script")?,
        dangling: list(&id, "dangling", row)?,
        human: get::<i64>(row, "human")? > 0,
        optional: get::<i64>(row, "optional")? > 0,
        changes: changes(&id, row)?,
        marker: get(row, "marker")?,
        rank: get(row, "rank")?,
        life: lifecycle(&id, row)?,
        id: task_id("tasks", id)?,
    })
}

/// Whether a task changes anything, as the database names it.
pub(crate) fn changes(id: &str, row: &AnyRow) -> Result<Changes, StoreError> {
    let text: String = get(row, "changes")?;
    [Changes::Required, Changes::Optional, Changes::None].into_iter().find(|it| it.as_str() == text).ok_or_else(|| {
        StoreError::Corrupt { table: "tasks", id: id.to_owned(), column: "changes", value: text.clone() }
    })
}

/// A list kept as JSON text.
pub(crate) fn list(id: &str, column: &'static str, row: &AnyRow) -> Result<Vec<String>, StoreError> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text).map_err(|_| StoreError::Corrupt {
        table: "tasks",
        id: id.to_owned(),
        column,
        value: text,
    })
}
