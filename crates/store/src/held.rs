//! Results that were not landed because of what they change: each waits, published on a branch, for a person's word.
//!
//! One waits while its task needs a person and its attempt is the task's last. Approved, it is what the next attempt of
//! the same generation lands; any other word of a person drops it.

use coditect_core::{AttemptId, Lifecycle, TaskId, TaskState};
use sqlx::any::AnyRow;

use crate::change::{get, keepable};
use crate::{Store, StoreError, Tx};

macro_rules! held_columns {
    () => {
        "attempt_id, generation, branch, commit_id, flags, at_ms, verdict, decided_by, decided_at_ms"
    };
}

/// What an executor held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldResult {
    /// The branch of the repository that it was published on.
    pub branch: String,
    /// The commit.
    pub commit: String,
    /// What was flagged, as sentences.
    pub flags: Vec<String>,
}

/// A result that was held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldResult {
    /// The attempt it is of.
    pub attempt: AttemptId,
    /// The generation of the task.
    pub generation: i64,
    /// What was held.
    pub result: HoldResult,
    /// Since when, in epoch milliseconds.
    pub at_ms: i64,
    /// What became of it; `None`: nobody has decided.
    pub verdict: Option<HeldVerdict>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at_ms: Option<i64>,
}

/// What became of a held result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldVerdict {
    /// It is to land as it is.
    Approved,
    /// It has landed.
    Landed,
    /// It was approved, and no longer fitted what had landed meanwhile.
    Overtaken,
    /// A person wanted something else.
    Dropped,
}

impl HeldVerdict {
    /// The name in the database and on screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Landed => "landed",
            Self::Overtaken => "overtaken",
            Self::Dropped => "dropped",
        }
    }

    const ALL: [Self; 4] = [Self::Approved, Self::Landed, Self::Overtaken, Self::Dropped];
}

impl HeldResult {
    /// Whether it waits for a person's word, where the task is.
    #[must_use]
    pub fn waits(&self, life: &Lifecycle) -> bool {
        self.verdict.is_none() && life.state == TaskState::NeedsHuman && life.attempt == Some(self.attempt)
    }

    /// Whether the next attempt is to land it.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.verdict == Some(HeldVerdict::Approved)
    }
}

impl Tx {
    /// Keeps a result that is held.
    ///
    /// # Errors
    /// The database failed.
    pub async fn hold(
        &mut self,
        task: &TaskId,
        attempt: AttemptId,
        generation: i64,
        result: &HoldResult,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO held_results (attempt_id, task_id, generation, branch, commit_id, flags, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (attempt_id) DO NOTHING",
        )
        .bind(attempt.to_string())
        .bind(task.as_str())
        .bind(generation)
        .bind(keepable(&result.branch))
        .bind(keepable(&result.commit))
        .bind(keepable(&serde_json::Value::from(result.flags.clone()).to_string()))
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("hold a result"))?;
        Ok(())
    }

    /// The last result of a task's generation that was held, whatever became of it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn held(&mut self, task: &TaskId, generation: i64) -> Result<Option<HeldResult>, StoreError> {
        held(&mut *self.inner, task, generation).await
    }

    /// A person has approved the result of an attempt: it is to land as it is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn approve_held(&mut self, attempt: AttemptId, actor: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE held_results SET verdict = 'approved', decided_by = $1, decided_at_ms = $2 WHERE attempt_id = $3",
        )
        .bind(keepable(actor))
        .bind(now_ms)
        .bind(attempt.to_string())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("approve a held result"))?;
        Ok(())
    }

    /// What became of the approved result of a task, if there is one: it has landed, or no longer could.
    ///
    /// # Errors
    /// The database failed.
    pub async fn approved_is(
        &mut self,
        task: &TaskId,
        generation: i64,
        verdict: HeldVerdict,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE held_results SET verdict = $1 WHERE task_id = $2 AND generation = $3 AND verdict = 'approved'",
        )
        .bind(verdict.as_str())
        .bind(task.as_str())
        .bind(generation)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("settle a held result"))?;
        Ok(())
    }

    /// Drops whatever of a task waits or was approved: a person has said something else.
    pub(crate) async fn drop_held(&mut self, task: &TaskId, actor: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE held_results SET verdict = 'dropped', decided_by = $1, decided_at_ms = $2 \
             WHERE task_id = $3 AND COALESCE(verdict, 'approved') = 'approved'",
        )
        .bind(keepable(actor))
        .bind(now_ms)
        .bind(task.as_str())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("drop held results"))?;
        Ok(())
    }
}

impl Store {
    /// The last result of a task's generation that was held, whatever became of it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn held(&self, task: &TaskId, generation: i64) -> Result<Option<HeldResult>, StoreError> {
        held(&self.pool, task, generation).await
    }
}

async fn held<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    task: &TaskId,
    generation: i64,
) -> Result<Option<HeldResult>, StoreError> {
    sqlx::query(concat!(
        "SELECT ",
        held_columns!(),
        " FROM held_results WHERE task_id = $1 AND generation = $2 ORDER BY at_ms DESC, attempt_id DESC LIMIT 1"
    ))
    .bind(task.as_str())
    .bind(generation)
    .fetch_optional(on)
    .await
    .map_err(StoreError::during("read held results"))?
    .map(|row| read(&row))
    .transpose()
}

fn read(row: &AnyRow) -> Result<HeldResult, StoreError> {
    let id: String = get(row, "attempt_id")?;
    let corrupt = |column, value: &str| StoreError::Corrupt {
        table: "held_results",
        id: id.clone(),
        column,
        value: value.to_owned(),
    };
    let flags: String = get(row, "flags")?;
    let verdict: Option<String> = get(row, "verdict")?;
    let known = |text: String| {
        HeldVerdict::ALL.into_iter().find(|it| it.as_str() == text).ok_or_else(|| corrupt("verdict", &text))
    };
    Ok(HeldResult {
        attempt: id.parse().map_err(|_| corrupt("attempt_id", &id))?,
        generation: get(row, "generation")?,
        result: HoldResult {
            branch: get(row, "branch")?,
            commit: get(row, "commit_id")?,
            flags: serde_json::from_str(&flags).map_err(|_| corrupt("flags", &flags))?,
        },
        at_ms: get(row, "at_ms")?,
        verdict: verdict.map(known).transpose()?,
        decided_by: get(row, "decided_by")?,
        decided_at_ms: get(row, "decided_at_ms")?,
    })
}
