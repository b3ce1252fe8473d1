//! Small facts that outlive a restart: `orchestrator_state`.

use crate::{Store, StoreError, Tx};

impl Store {
    /// The facts whose key begins with `prefix`, by key.
    ///
    /// # Errors
    /// The database failed.
    pub async fn facts(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        // Not by comparing texts, which PostgreSQL orders by the rules of a language.
        sqlx::query_as(
            "SELECT key, value FROM orchestrator_state WHERE substr(key, 1, length($1)) = $1 AND value <> '' ORDER BY key",
        )
        .bind(prefix)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read its state"))
    }
}

impl Tx {
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
        .bind(key)
        .bind(value)
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep its state"))?;
        Ok(())
    }
}
