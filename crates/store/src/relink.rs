//! What tasks depend on, when it changes although their own document does not: another document did.

use std::collections::HashMap;

use coditect_core::TaskId;

use crate::change::task_id;
use crate::planned::PlannedDocument;
use crate::{StoreError, Tx};

impl Tx {
    /// Takes over the dependencies and the dangling references of the tasks of a document that is otherwise as it was
    /// synced. Answers how many changed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn relink_document(&mut self, mut planned: PlannedDocument, now_ms: i64) -> Result<i64, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, key FROM tasks WHERE document_id = $1 AND gone = 0")
                .bind(&planned.id)
                .fetch_all(&mut *self.inner)
                .await
                .map_err(StoreError::during("read tasks"))?;
        let ids: HashMap<String, TaskId> =
            rows.into_iter().map(|(id, key)| Ok((key, task_id("tasks", id)?))).collect::<Result<_, StoreError>>()?;
        let edges = self.resolved(&mut planned, &ids).await?;
        let (mut changed, _) = self.write_edges(&planned.id, &edges, true, now_ms).await?;
        for task in &planned.tasks {
            let Some(id) = ids.get(&task.key) else { continue };
            let dangling = serde_json::Value::from(task.dangling.clone()).to_string();
            let done = sqlx::query("UPDATE tasks SET dangling = $1 WHERE id = $2 AND dangling <> $1")
                .bind(dangling)
                .bind(id.as_str())
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("write a task"))?;
            if done.rows_affected() > 0 {
                self.is_replanned(id).await?;
            }
            changed += i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
        }
        sqlx::query("UPDATE documents SET diagnostics = $1, path = $2 WHERE id = $3")
            .bind(&planned.diagnostics)
            .bind(&planned.path)
            .bind(&planned.id)
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("write a document"))?;
        Ok(changed)
    }
}
