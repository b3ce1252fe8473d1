//! Executors, as they announce themselves.

use crate::change::get;
use crate::{Store, StoreError, Tx};

/// An executor and its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorRow {
    /// Its name, which it keeps over restarts.
    pub id: String,
    /// The pool it takes work from.
    pub pool: String,
    /// How many attempts it runs at once.
    pub slots: i64,
    /// Whether it takes no more work.
    pub draining: bool,
    /// When it was last heard of.
    pub seen_at_ms: i64,
}

impl Tx {
    /// An executor was heard of.
    ///
    /// # Errors
    /// The database failed.
    pub async fn executor_seen(&mut self, executor: &ExecutorRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO executors (id, pool, slots, draining, seen_at_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET pool = excluded.pool, slots = excluded.slots, \
             draining = excluded.draining, seen_at_ms = excluded.seen_at_ms",
        )
        .bind(&executor.id)
        .bind(&executor.pool)
        .bind(executor.slots)
        .bind(i64::from(executor.draining))
        .bind(executor.seen_at_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("note an executor"))?;
        Ok(())
    }

    /// As [`Store::executors`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn executors(&mut self, since_ms: i64) -> Result<Vec<ExecutorRow>, StoreError> {
        executors(&mut *self.inner, since_ms).await
    }
}

impl Store {
    /// The executors heard of since `since_ms`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn executors(&self, since_ms: i64) -> Result<Vec<ExecutorRow>, StoreError> {
        executors(&self.pool, since_ms).await
    }
}

async fn executors<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    since_ms: i64,
) -> Result<Vec<ExecutorRow>, StoreError> {
    sqlx::query("SELECT id, pool, slots, draining, seen_at_ms FROM executors WHERE seen_at_ms >= $1 ORDER BY id")
        .bind(since_ms)
        .fetch_all(on)
        .await
        .map_err(StoreError::during("read executors"))?
        .iter()
        .map(|row| {
            let draining: i64 = get(row, "draining")?;
            Ok(ExecutorRow {
                id: get(row, "id")?,
                pool: get(row, "pool")?,
                slots: get(row, "slots")?,
                draining: draining != 0,
                seen_at_ms: get(row, "seen_at_ms")?,
            })
        })
        .collect()
}
