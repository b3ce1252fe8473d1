//! Dependencies that gate nothing for now, because their tasks wait for each other and the policy says to go on.

use coditect_core::TaskId;

use crate::{Store, StoreError, Tx};

/// A dependency that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The task that would wait.
    pub task: TaskId,
    /// What it would wait for.
    pub depends_on: TaskId,
    /// Since when it does not.
    pub at_ms: i64,
}

impl Tx {
    /// Sets a dependency aside.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_aside(&mut self, task: &TaskId, depends_on: &TaskId, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO dependencies_set_aside (task_id, depends_on, at_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (task_id, depends_on) DO NOTHING",
        )
        .bind(task.as_str())
        .bind(depends_on.as_str())
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("set a dependency aside"))?;
        Ok(())
    }

    /// Lets a dependency gate again.
    ///
    /// # Errors
    /// The database failed.
    pub async fn restore_dependency(&mut self, task: &TaskId, depends_on: &TaskId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM dependencies_set_aside WHERE task_id = $1 AND depends_on = $2")
            .bind(task.as_str())
            .bind(depends_on.as_str())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("restore a dependency"))?;
        Ok(())
    }
}

impl Store {
    /// The dependencies that are set aside.
    ///
    /// # Errors
    /// The database failed.
    pub async fn dependencies_set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT task_id, depends_on, at_ms FROM dependencies_set_aside ORDER BY task_id, depends_on",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read what is set aside"))?;
        let task_id = |id| crate::change::task_id("dependencies_set_aside", id);
        rows.into_iter()
            .map(|(task, depends_on, at_ms)| {
                Ok(SetAside { task: task_id(task)?, depends_on: task_id(depends_on)?, at_ms })
            })
            .collect()
    }
}
