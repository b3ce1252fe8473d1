//! What people ask for by editing a plan file: written by the sync-daemon, applied by the orchestrator.

use coditect_core::{TaskId, Trigger};

use crate::change::{get, task_id};
use crate::merge::Says;
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
    /// The mark of a cancelled task was taken away.
    Retry,
    /// A task is gone from the plan.
    Retire,
    /// A task is back in the plan.
    Restore,
}

impl Wish {
    /// Every wish.
    pub const ALL: [Self; 6] = [Self::Complete, Self::Reopen, Self::Cancel, Self::Retry, Self::Retire, Self::Restore];

    /// The trigger that grants it.
    #[must_use]
    pub const fn trigger(self) -> Trigger {
        match self {
            Self::Complete => Trigger::Complete,
            Self::Reopen => Trigger::Reopen,
            Self::Cancel => Trigger::Cancel,
            Self::Retry => Trigger::Retry,
            Self::Retire => Trigger::Retire,
            Self::Restore => Trigger::Restore,
        }
    }

    /// What the database decides by granting it, of a task's status.
    #[must_use]
    pub const fn decides(self) -> Says {
        match self {
            Self::Complete => Says::Completed,
            Self::Cancel => Says::Cancelled,
            Self::Reopen | Self::Retry | Self::Retire | Self::Restore => Says::Open,
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
    /// The marker that the person saw.
    pub base: String,
    /// Who asks.
    pub actor: String,
    /// The file it was imported from; without one, an edit of the plan asked for it.
    pub source: Option<String>,
}

/// Who asks, where it is only known that the plan was edited.
pub(crate) const EDITOR: &str = "person:plan";

impl Tx {
    /// Notes a wish, behind those that wait already.
    pub(crate) async fn wish(
        &mut self,
        task: &TaskId,
        wish: Wish,
        base: &str,
        revision: i64,
        actor: Option<&str>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let noting = || StoreError::during("note a wish");
        let (earlier,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM plan_wishes WHERE task_id = $1")
            .bind(task.as_str())
            .fetch_one(&mut *self.inner)
            .await
            .map_err(noting())?;
        sqlx::query(
            "INSERT INTO plan_wishes (id, task_id, wish, revision, at_ms, base, actor) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(format!("{task}#{earlier:010}"))
        .bind(task.as_str())
        .bind(wish.trigger().as_str())
        .bind(revision)
        .bind(now_ms)
        .bind(base)
        .bind(actor.map(str::to_owned))
        .execute(&mut *self.inner)
        .await
        .map_err(noting())?;
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
    /// The wishes that wait, oldest revision first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn open_wishes(&self) -> Result<Vec<WishRow>, StoreError> {
        sqlx::query(
            "SELECT id, task_id, wish, revision, base, actor, source FROM plan_wishes WHERE applied_at_ms IS NULL \
             ORDER BY revision, id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read wishes"))?
        .iter()
        .map(wish)
        .collect()
    }
}

fn wish(row: &sqlx::any::AnyRow) -> Result<WishRow, StoreError> {
    let id: String = get(row, "id")?;
    let wish: String = get(row, "wish")?;
    let (base, actor): (Option<String>, Option<String>) = (get(row, "base")?, get(row, "actor")?);
    Ok(WishRow {
        task: task_id("plan_wishes", get(row, "task_id")?)?,
        wish: named(&id, wish)?,
        revision: get(row, "revision")?,
        base: base.unwrap_or_default(),
        actor: actor.unwrap_or_else(|| EDITOR.to_owned()),
        source: get(row, "source")?,
        id,
    })
}

/// The wish of this name.
pub(crate) fn named(id: &str, wish: String) -> Result<Wish, StoreError> {
    let found = Wish::ALL.into_iter().find(|known| known.trigger().as_str() == wish);
    found.ok_or_else(|| StoreError::Corrupt { table: "plan_wishes", id: id.to_owned(), column: "wish", value: wish })
}
