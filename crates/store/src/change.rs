//! The one place where a task's state is written.

use coditect_core::{AttemptId, Change, Lifecycle, TaskId, TaskState, Trigger};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::attempts::AttemptEnd;
use crate::{Store, StoreError, Tx};

/// The columns of [`Lifecycle`], in the order [`lifecycle`] reads them.
macro_rules! lifecycle_columns {
    () => {
        "state, generation, attempt, token, attempts_spent, attempts_started, due_at_ms, ready_at_ms, \
         assigned_at_ms, completed_at_ms, failure, reason, version"
    };
}
pub(crate) use lifecycle_columns;

/// A change that took effect: what the `events` stream tells everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The task.
    pub task: TaskId,
    /// Its state before.
    pub from: TaskState,
    /// What it is now.
    pub now: Lifecycle,
    /// Who did it.
    pub actor: String,
    /// When, in epoch milliseconds.
    pub at_ms: i64,
}

/// A line of a task's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
    /// The attempt it belongs to.
    pub attempt: Option<String>,
    /// A service, or `person:<name>`.
    pub actor: String,
    /// The trigger and what is to be said of it.
    pub cause: String,
    /// When, in epoch milliseconds.
    pub at_ms: i64,
}

impl Tx {
    /// Moves a task by compare-and-set: writes what `change` makes of `seen`, if the row still is what was seen.
    ///
    /// `None` means that somebody else was faster, or that the change means nothing in the task's state: nothing has
    /// been written. An attempt that the change ends is closed with it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn change(
        &mut self,
        task: &TaskId,
        seen: &Lifecycle,
        change: Change,
        end: AttemptEnd,
        actor: &str,
        now_ms: i64,
    ) -> Result<Option<Moved>, StoreError> {
        let trigger = change.trigger();
        let a_word = matches!(change, Change::Intervene { .. });
        // Its own words: the task's reason may still be an earlier change's.
        let cause = change.reason().map_or_else(|| trigger.to_string(), |reason| format!("{trigger}: {reason}"));
        let next = match seen.apply(change, now_ms) {
            Ok(next) => next,
            Err(illegal) => {
                tracing::debug!(%task, "{illegal}");
                return Ok(None);
            }
        };
        let written = sqlx::query(
            "UPDATE tasks SET state = $1, generation = $2, attempt = $3, token = $4, attempts_spent = $5, \
             attempts_started = $6, due_at_ms = $7, ready_at_ms = $8, assigned_at_ms = $9, completed_at_ms = $10, \
             failure = $11, reason = $12, version = $13, updated_at_ms = $14 \
             WHERE id = $15 AND state = $16 AND version = $17 AND COALESCE(attempt, '') = $18",
        )
        .bind(next.state.as_str())
        .bind(next.generation)
        .bind(next.attempt.map(|a| a.to_string()))
        .bind(next.token)
        .bind(next.attempts_spent)
        .bind(next.attempts_started)
        .bind(next.due_at_ms)
        .bind(next.ready_at_ms)
        .bind(next.assigned_at_ms)
        .bind(next.completed_at_ms)
        .bind(next.failure.map(|f| f.as_str().to_owned()))
        .bind(next.reason.as_deref().map(keepable))
        .bind(next.version)
        .bind(now_ms)
        .bind(task.as_str())
        .bind(seen.state.as_str())
        .bind(seen.version)
        .bind(seen.attempt.map(|a| a.to_string()).unwrap_or_default())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("move a task"))?
        .rows_affected();
        if written != 1 {
            tracing::debug!(%task, %trigger, from = %seen.state, "somebody else was faster");
            return Ok(None);
        }
        if seen.state.is_active()
            && let Some(attempt) = seen.attempt
        {
            if next.state.is_active() {
                self.attempt_moves(attempt, next.state).await?;
            } else {
                self.attempt_ends(attempt, next.state, &next, end, now_ms).await?;
            }
        } else if (seen.state == TaskState::AwaitingMerge
            || (seen.state == TaskState::NeedsHuman && trigger == Trigger::Complete))
            && let Some(attempt) = seen.attempt
        {
            self.delivery_ends(attempt, trigger, &next, end, actor, now_ms).await?;
        }
        if a_word {
            self.drop_held(task, actor, now_ms).await?;
            self.drop_delivered(task, actor, now_ms).await?;
        }
        self.record(task, seen.state, &next, actor, &cause, now_ms).await?;
        Ok(Some(Moved { task: task.clone(), from: seen.state, now: next, actor: actor.to_owned(), at_ms: now_ms }))
    }

    pub(crate) async fn record(
        &mut self,
        task: &TaskId,
        from: TaskState,
        next: &Lifecycle,
        actor: &str,
        cause: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO task_events (id, task_id, from_state, to_state, attempt, actor, cause, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        // A task's versions are its history's numbers: unique, and in order.
        .bind(format!("{task}#{:010}", next.version))
        .bind(task.as_str())
        .bind(from.as_str())
        .bind(next.state.as_str())
        .bind(next.attempt.map(|a| a.to_string()))
        .bind(keepable(actor))
        .bind(keepable(cause))
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("write history"))?;
        Ok(())
    }

    /// Writes something into a task's history that moves it nowhere.
    pub(crate) async fn remark(
        &mut self,
        task: &TaskId,
        actor: &str,
        cause: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE tasks SET version = version + 1, updated_at_ms = $1 WHERE id = $2")
            .bind(now_ms)
            .bind(task.as_str())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("write history"))?;
        let Some(now) = self.lifecycle(task).await? else { return Ok(()) };
        self.record(task, now.state, &now, actor, cause, now_ms).await
    }

    /// A task's progress as it is now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lifecycle(&mut self, task: &TaskId) -> Result<Option<Lifecycle>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", lifecycle_columns!(), " FROM tasks WHERE id = $1"))
            .bind(task.as_str())
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(StoreError::during("read a task"))?;
        row.map(|row| lifecycle(task.as_str(), &row)).transpose()
    }
}

impl Store {
    /// A task's history, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events(&self, task: &TaskId) -> Result<Vec<EventRow>, StoreError> {
        let reading = StoreError::during("read history");
        let rows = sqlx::query(
            "SELECT from_state, to_state, attempt, actor, cause, at_ms FROM task_events WHERE task_id = $1 ORDER BY id",
        )
        .bind(task.as_str())
        .fetch_all(&self.pool)
        .await
        .map_err(reading)?;
        rows.iter()
            .map(|row| {
                Ok(EventRow {
                    from: row.try_get(0)?,
                    to: row.try_get(1)?,
                    attempt: row.try_get(2)?,
                    actor: row.try_get(3)?,
                    cause: row.try_get(4)?,
                    at_ms: row.try_get(5)?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(StoreError::during("read history"))
    }
}

/// Reads the columns of [`lifecycle_columns`].
pub(crate) fn lifecycle(id: &str, row: &AnyRow) -> Result<Lifecycle, StoreError> {
    let corrupt = |column, value: String| StoreError::Corrupt { table: "tasks", id: id.to_owned(), column, value };
    let state: String = get(row, "state")?;
    let attempt: Option<String> = get(row, "attempt")?;
    let failure: Option<String> = get(row, "failure")?;
    Ok(Lifecycle {
        state: state.parse().map_err(|_| corrupt("state", state.clone()))?,
        generation: get(row, "generation")?,
        attempt: match attempt {
            Some(text) => Some(text.parse::<AttemptId>().map_err(|_| corrupt("attempt", text.clone()))?),
            None => None,
        },
        token: get(row, "token")?,
        attempts_spent: get(row, "attempts_spent")?,
        attempts_started: get(row, "attempts_started")?,
        due_at_ms: get(row, "due_at_ms")?,
        ready_at_ms: get(row, "ready_at_ms")?,
        assigned_at_ms: get(row, "assigned_at_ms")?,
        completed_at_ms: get(row, "completed_at_ms")?,
        failure: match failure {
            Some(text) => Some(text.parse().map_err(|_| corrupt("failure", text.clone()))?),
            None => None,
        },
        reason: get(row, "reason")?,
        version: get(row, "version")?,
    })
}

/// A text from outside as a database can keep it: PostgreSQL refuses the character 0, which no reader misses.
#[must_use]
pub fn keepable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A column by its name.
pub(crate) fn get<'r, T>(row: &'r AnyRow, column: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    row.try_get(column).map_err(StoreError::during("read a column"))
}

/// The text as a task id.
pub(crate) fn task_id(table: &'static str, text: String) -> Result<TaskId, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { table, id: text.clone(), column: "id", value: text })
}
