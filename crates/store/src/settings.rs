//! Small facts that outlive a restart: `orchestrator_state`.

use crate::change::keepable;
use crate::{Store, StoreError, Tx};

const READ: &str =
    "SELECT key, value FROM orchestrator_state WHERE substr(key, 1, length($1)) = $1 AND value <> '' ORDER BY key";

impl Store {
    /// The facts whose key begins with `prefix`, by key.
    ///
    /// # Errors
    /// The database failed.
    pub async fn facts(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        // Not by comparing texts, which PostgreSQL orders by the rules of a language.
        sqlx::query_as(READ).bind(prefix).fetch_all(&self.pool).await.map_err(StoreError::during("read its state"))
    }
}

impl Tx {
    /// As [`Store::facts`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn facts(&mut self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        sqlx::query_as(READ)
            .bind(prefix)
            .fetch_all(&mut *self.inner)
            .await
            .map_err(StoreError::during("read its state"))
    }

    /// Forgets a fact; writes nothing where there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_fact(&mut self, key: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE orchestrator_state SET value = '', epoch = epoch + 1, updated_at_ms = $1 \
             WHERE key = $2 AND value <> ''",
        )
        .bind(now_ms)
        .bind(key)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep its state"))?;
        Ok(())
    }

    /// Waits until no other transaction that takes the same turn is under way, and keeps others waiting until this one
    /// ends. What is read after it is what the other one left.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_turn(&mut self, of: &str, now_ms: i64) -> Result<(), StoreError> {
        // On SQLite the transaction itself is the turn, and this is one row more. On PostgreSQL the row is locked.
        self.set_fact(&format!("turn:{of}"), "", now_ms).await
    }

    /// Keeps a fact; an empty value forgets it. Its epoch grows by one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_fact(&mut self, key: &str, value: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO orchestrator_state (key, value, epoch, updated_at_ms) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, epoch = orchestrator_state.epoch + 1, \
             updated_at_ms = excluded.updated_at_ms",
        )
        .bind(keepable(key))
        .bind(keepable(value))
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep its state"))?;
        Ok(())
    }
}
