//! Where plan and database were both changed, to different things: kept and shown until somebody takes a side.
//!
//! While a task has an open conflict of its status, its marker is not written. A conflict that solves itself, because
//! both sides come to say the same, is closed as `converged`.

use coditect_core::{TaskId, TaskState};

use crate::change::{get, keepable, task_id};
use crate::documents::marker;
use crate::merge::{Says, wishes};
use crate::{Store, StoreError, Tx};

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// Its id: `C1`, `C2` and so on.
    pub id: String,
    /// The task.
    pub task: TaskId,
    /// What the plan calls it.
    pub key: String,
    /// Its title.
    pub title: String,
    /// `status` or `agent`.
    pub field: String,
    /// What both had last.
    pub base: String,
    /// What the plan says.
    pub plan: String,
    /// What the database said when it was found.
    pub database: String,
    /// The plan's revision in which it was found.
    pub revision: i64,
    /// When it was found.
    pub at_ms: i64,
    /// What the database says now: the task's state.
    pub state: String,
    /// When it was settled.
    pub settled_at_ms: Option<i64>,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// `plan`, `database` or `converged`.
    pub choice: Option<String>,
}

/// The side that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What the plan says.
    Plan,
    /// What the database says.
    Database,
}

impl Side {
    /// The name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Database => "database",
        }
    }
}

/// The field of a conflict about a task's status.
pub(crate) const STATUS: &str = "status";
/// The field of a conflict about who does a task.
pub(crate) const AGENT: &str = "agent";
const CONVERGED: &str = "converged";

/// What disagrees.
pub(crate) struct Disagreement<'a> {
    pub(crate) field: &'static str,
    pub(crate) base: &'a str,
    pub(crate) plan: &'a str,
    pub(crate) database: &'a str,
}

macro_rules! conflict_columns {
    () => {
        "SELECT c.id, c.task_id, t.key, t.title, t.state, c.field, c.base_value, c.plan_value, c.database_value, \
         c.revision, c.at_ms, c.settled_at_ms, c.settled_by, c.choice FROM plan_conflicts c \
         JOIN tasks t ON t.id = c.task_id "
    };
}

impl Tx {
    /// Keeps a conflict; one that is open already is brought up to date.
    pub(crate) async fn conflict(
        &mut self,
        task: &TaskId,
        what: Disagreement<'_>,
        revision: i64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let keeping = || StoreError::during("keep a conflict");
        let Disagreement { field, base, plan, database } = what;
        let known = sqlx::query(
            "UPDATE plan_conflicts SET plan_value = $1, database_value = $2 \
             WHERE task_id = $3 AND field = $4 AND settled_at_ms IS NULL",
        )
        .bind(keepable(plan))
        .bind(keepable(database))
        .bind(task.as_str())
        .bind(field)
        .execute(&mut *self.inner)
        .await
        .map_err(keeping())?;
        if known.rows_affected() > 0 {
            return Ok(());
        }
        let (earlier,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM plan_conflicts")
            .fetch_one(&mut *self.inner)
            .await
            .map_err(keeping())?;
        sqlx::query(
            "INSERT INTO plan_conflicts \
             (id, task_id, field, base_value, plan_value, database_value, revision, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(format!("C{}", earlier + 1))
        .bind(task.as_str())
        .bind(field)
        .bind(keepable(base))
        .bind(keepable(plan))
        .bind(keepable(database))
        .bind(revision)
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(keeping())?;
        let cause = format!("conflict: {field}: the plan says {plan}, the database {database}");
        self.remark(task, "sync-daemon", &cause, now_ms).await
    }

    /// Closes the open conflicts of a task about `field`, if there are any.
    pub(crate) async fn close_conflicts(
        &mut self,
        task: &TaskId,
        field: &str,
        actor: &str,
        choice: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let closed = sqlx::query(
            "UPDATE plan_conflicts SET settled_at_ms = $1, settled_by = $2, choice = $3 \
             WHERE task_id = $4 AND field = $5 AND settled_at_ms IS NULL",
        )
        .bind(now_ms)
        .bind(keepable(actor))
        .bind(choice)
        .bind(task.as_str())
        .bind(field)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("settle a conflict"))?;
        if closed.rows_affected() > 0 {
            self.remark(task, actor, &format!("conflict_settled: {field}: {choice}"), now_ms).await?;
        }
        Ok(())
    }

    /// Closes the open conflict of a task, because both sides say the same by themselves.
    pub(crate) async fn converged(&mut self, task: &TaskId, field: &str, now_ms: i64) -> Result<(), StoreError> {
        self.close_conflicts(task, field, "sync-daemon", CONVERGED, now_ms).await
    }

    /// Notes that a wish could not be granted. Where the plan still says something else than the database, that is a
    /// conflict.
    ///
    /// # Errors
    /// The database failed.
    pub async fn refuse_wish(&mut self, wish: &crate::WishRow, now_ms: i64) -> Result<(), StoreError> {
        self.wish_applied(&wish.id, "means nothing in the task's state", now_ms).await?;
        let Some((plan, state)) = self.sides(&wish.task).await? else { return Ok(()) };
        if state == TaskState::Retired || Says::marker(marker(&wish.task, &plan)?) == Says::state(state) {
            return Ok(());
        }
        let what = Disagreement { field: STATUS, base: &wish.base, plan: &plan, database: state.as_str() };
        self.conflict(&wish.task, what, wish.revision, now_ms).await
    }

    /// Takes a side in an open conflict. What has to become of the task is wished for, and granted as any wish; the
    /// plan is marked by the sync-daemon.
    ///
    /// # Errors
    /// The database failed.
    pub async fn settle(
        &mut self,
        conflict: &ConflictRow,
        side: Side,
        actor: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let task = &conflict.task;
        match (side, conflict.field.as_str()) {
            (Side::Database, _) => {}
            (Side::Plan, AGENT) => {
                if let Some(seen) = self.lifecycle(task).await? {
                    self.override_agent(task, &seen, None, actor, now_ms).await?;
                }
            }
            (Side::Plan, _) => {
                if let Some((plan, state)) = self.sides(task).await? {
                    for wish in wishes(Says::state(state), Says::marker(marker(task, &plan)?)) {
                        self.wish(task, *wish, &conflict.base, conflict.revision, Some(actor), now_ms).await?;
                    }
                }
            }
        }
        self.close_conflicts(task, &conflict.field, actor, side.as_str(), now_ms).await
    }

    /// Closes the conflicts of a document in which both sides have come to say the same.
    ///
    /// # Errors
    /// The database failed.
    pub async fn close_converged(&mut self, document: &str, now_ms: i64) -> Result<(), StoreError> {
        for conflict in self.conflicts_of(document).await? {
            let Some((plan, state)) = self.sides(&conflict.task).await? else { continue };
            let same = conflict.field == STATUS && Says::marker(marker(&conflict.task, &plan)?) == Says::state(state);
            if same || state == TaskState::Retired {
                self.converged(&conflict.task, &conflict.field, now_ms).await?;
            }
        }
        Ok(())
    }

    async fn conflicts_of(&mut self, document: &str) -> Result<Vec<ConflictRow>, StoreError> {
        sqlx::query(concat!(conflict_columns!(), "WHERE c.settled_at_ms IS NULL AND t.document_id = $1"))
            .bind(document)
            .fetch_all(&mut *self.inner)
            .await
            .map_err(StoreError::during("read conflicts"))?
            .iter()
            .map(conflict)
            .collect()
    }

    /// What the plan and the database say of a task.
    async fn sides(&mut self, task: &TaskId) -> Result<Option<(String, TaskState)>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT marker FROM tasks WHERE id = $1")
            .bind(task.as_str())
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(StoreError::during("read a task"))?;
        let Some((marker,)) = row else { return Ok(None) };
        Ok(self.lifecycle(task).await?.map(|life| (marker, life.state)))
    }
}

impl Store {
    /// The conflicts, newest first; with `settled`, those that were settled as well.
    ///
    /// # Errors
    /// The database failed.
    pub async fn conflicts(&self, settled: bool) -> Result<Vec<ConflictRow>, StoreError> {
        sqlx::query(concat!(
            conflict_columns!(),
            "WHERE c.settled_at_ms IS NULL OR $1 = 1 ORDER BY c.at_ms DESC, length(c.id) DESC, c.id DESC"
        ))
        .bind(i64::from(settled))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read conflicts"))?
        .iter()
        .map(conflict)
        .collect()
    }
}

fn conflict(row: &sqlx::any::AnyRow) -> Result<ConflictRow, StoreError> {
    Ok(ConflictRow {
        id: get(row, "id")?,
        task: task_id("plan_conflicts", get(row, "task_id")?)?,
        key: get(row, "key")?,
        title: get(row, "title")?,
        field: get(row, "field")?,
        base: get(row, "base_value")?,
        plan: get(row, "plan_value")?,
        database: get(row, "database_value")?,
        revision: get(row, "revision")?,
        at_ms: get(row, "at_ms")?,
        state: get(row, "state")?,
        settled_at_ms: get(row, "settled_at_ms")?,
        settled_by: get(row, "settled_by")?,
        choice: get(row, "choice")?,
    })
}
