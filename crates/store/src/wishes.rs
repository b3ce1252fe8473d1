//! What people ask for by editing a plan file: written by the sync-daemon, applied by the orchestrator.

use coditect_core::{TaskId, Trigger};

use crate::change::{get, task_id};
use crate::{Store, StoreError, Tx};

/// What an edit of the plan asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A box was ticked.
    Complete,
    /// A box was unticked.
    Reopen,
    /// A task was marked cancelled.
    Cancel,
    /// A task is gone from the plan.
    Retire,
    /// A task is back in the plan.
    Restore,
}

impl Wish {
    /// Every wish.
    pub const ALL: [Self; 5] = [Self::Complete, Self::Reopen, Self::Cancel, Self::Retire, Self::Restore];

    /// The trigger that grants it.
    #[must_use]
    pub const fn trigger(self) -> Trigger {
        match self {
            Self::Complete => Trigger::Complete,
            Self::Reopen => Trigger::Reopen,
            Self::Cancel => Trigger::Cancel,
            Self::Retire => Trigger::Retire,
            Self::Restore => Trigger::Restore,
        }
    }
}

/// A wish that waits to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishRow {
    /// Its id.
    pub id: String,
    /// The task.
    pub task: TaskId,
    /// What is asked.
    pub wish: Wish,
    /// The revision of the document that asked for it.
    pub revision: i64,
    /// The file it was imported from; without one, an edit of the plan asked for it.
    pub source: Option<String>,
}

/// A wish that was not granted, while file and database disagree about the task still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWish {
    /// The task.
    pub task: TaskId,
    /// What was asked.
    pub wish: String,
    /// The revision that asked for it.
    pub revision: i64,
    /// When it was asked.
    pub at_ms: i64,
    /// Why it was refused.
    pub result: String,
    /// What the file says.
    pub marker: String,
    /// What the database says.
    pub state: String,
}

impl Tx {
    pub(crate) async fn wish(
        &mut self,
        task: &TaskId,
        wish: Wish,
        revision: i64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO plan_wishes (id, task_id, wish, revision, at_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(format!("{task}#{revision}"))
        .bind(task.as_str())
        .bind(wish.trigger().as_str())
        .bind(revision)
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("note a wish"))?;
        Ok(())
    }

    /// Notes what became of a wish.
    ///
    /// # Errors
    /// The database failed.
    pub async fn wish_applied(&mut self, id: &str, result: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE plan_wishes SET applied_at_ms = $1, result = $2 WHERE id = $3")
            .bind(now_ms)
            .bind(result)
            .bind(id)
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("settle a wish"))?;
        Ok(())
    }
}

impl Store {
    /// The last wish of each task, where it was refused and the file's marker is still not what the task's state would
    /// have it be; newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn refused_wishes(&self) -> Result<Vec<RefusedWish>, StoreError> {
        sqlx::query(
            "SELECT w.task_id, w.wish, w.revision, w.at_ms, w.result, t.marker, t.state FROM plan_wishes w \
             JOIN tasks t ON t.id = w.task_id WHERE w.applied_at_ms IS NOT NULL AND w.result <> 'applied' \
             AND w.revision = (SELECT MAX(v.revision) FROM plan_wishes v WHERE v.task_id = w.task_id) \
             AND (w.wish <> 'complete' OR t.state <> 'completed') AND (w.wish <> 'reopen' OR t.state = 'completed') \
             AND (w.wish <> 'cancel' OR t.state <> 'cancelled') AND (w.wish <> 'retire' OR t.state <> 'retired') \
             AND (w.wish <> 'restore' OR t.state = 'retired') ORDER BY w.at_ms DESC, w.id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read wishes"))?
        .iter()
        .map(|row| {
            Ok(RefusedWish {
                task: task_id("plan_wishes", get(row, "task_id")?)?,
                wish: get(row, "wish")?,
                revision: get(row, "revision")?,
                at_ms: get(row, "at_ms")?,
                result: get(row, "result")?,
                marker: get(row, "marker")?,
                state: get(row, "state")?,
            })
        })
        .collect()
    }

    /// The wishes that wait, oldest revision first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn open_wishes(&self) -> Result<Vec<WishRow>, StoreError> {
        sqlx::query(
            "SELECT id, task_id, wish, revision, source FROM plan_wishes WHERE applied_at_ms IS NULL \
             ORDER BY revision, id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read wishes"))?
        .iter()
        .map(|row| {
            let id: String = get(row, "id")?;
            let wish: String = get(row, "wish")?;
            Ok(WishRow {
                task: task_id("plan_wishes", get(row, "task_id")?)?,
                wish: Wish::ALL.into_iter().find(|w| w.trigger().as_str() == wish).ok_or_else(|| {
                    StoreError::Corrupt { table: "plan_wishes", id: id.clone(), column: "wish", value: wish }
                })?,
                revision: get(row, "revision")?,
                source: get(row, "source")?,
                id,
            })
        })
        .collect()
    }
}
