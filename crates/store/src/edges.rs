//! What tasks depend on, as edges between ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use coditect_core::TaskId;

use crate::planned::{FieldChange, PlannedDocument};
use crate::{StoreError, Tx};

/// What each task of a document depends on.
pub(crate) type Edges = BTreeMap<TaskId, BTreeSet<TaskId>>;

impl Tx {
    /// What the tasks of `planned` depend on; `ids` are those tasks, by key. Tasks of other documents are named as
    /// `document/key`; of those that are not there, the reference is added to the task's dangling ones.
    pub(crate) async fn resolved(
        &mut self,
        planned: &mut PlannedDocument,
        ids: &HashMap<String, TaskId>,
    ) -> Result<Edges, StoreError> {
        let abroad = planned.tasks.iter().flat_map(|task| &task.depends_on).any(|name| name.contains('/'));
        let others: HashMap<String, TaskId> = match abroad {
            true => self.keys_elsewhere(&planned.id).await?,
            false => HashMap::new(),
        };
        let mut edges = Edges::new();
        for task in &mut planned.tasks {
            let Some(id) = ids.get(&task.key) else { continue };
            let known = edges.entry(id.clone()).or_default();
            for name in &task.depends_on {
                match ids.get(name).or_else(|| others.get(name)) {
                    Some(on) => drop(known.insert(on.clone())),
                    None => task.dangling.push(name.clone()),
                }
            }
        }
        Ok(edges)
    }

    async fn keys_elsewhere(&mut self, document: &str) -> Result<HashMap<String, TaskId>, StoreError> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT id, document_id, key FROM tasks WHERE document_id <> $1 AND gone = 0")
                .bind(document)
                .fetch_all(&mut *self.inner)
                .await
                .map_err(StoreError::during("read tasks"))?;
        rows.into_iter()
            .map(|(id, document, key)| Ok((format!("{document}/{key}"), crate::change::task_id("tasks", id)?)))
            .collect()
    }

    /// Writes the edges that differ; those of tasks that are not in `after` stay if `keep`. Answers how many were
    /// written, and what changed for whom.
    pub(crate) async fn write_edges(
        &mut self,
        document: &str,
        after: &Edges,
        keep: bool,
        now_ms: i64,
    ) -> Result<(i64, Vec<FieldChange>), StoreError> {
        let mut before = self.edges(document).await?;
        if keep {
            before.retain(|task, _| after.contains_key(task));
        }
        let (mut changed, mut told) = (0, Vec::new());
        let none = BTreeSet::new();
        let tasks: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for task in tasks {
            let (old, new) = (before.get(task).unwrap_or(&none), after.get(task).unwrap_or(&none));
            for on in old.difference(new) {
                sqlx::query("DELETE FROM task_dependencies WHERE task_id = $1 AND depends_on = $2 AND kind = 'blocks'")
                    .bind(task.as_str())
                    .bind(on.as_str())
                    .execute(&mut *self.inner)
                    .await
                    .map_err(StoreError::during("remove a dependency"))?;
                changed += 1;
            }
            for on in new.difference(old) {
                sqlx::query(
                    "INSERT INTO task_dependencies (task_id, depends_on, kind, added_at_ms) VALUES ($1, $2, 'blocks', $3) \
                     ON CONFLICT (task_id, depends_on, kind) DO NOTHING",
                )
                .bind(task.as_str())
                .bind(on.as_str())
                .bind(now_ms)
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("add a dependency"))?;
                changed += 1;
            }
            if old != new {
                self.is_replanned(task).await?;
            }
            if old != new && after.contains_key(task) {
                told.push(FieldChange::new(task.as_str(), "dependencies", &names(old), &names(new)));
            }
        }
        Ok((changed, told))
    }

    /// Notes that what a task depends on has changed.
    pub(crate) async fn is_replanned(&mut self, task: &TaskId) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE tasks SET planned_seq = (SELECT COALESCE(MAX(other.planned_seq), 0) + 1 FROM tasks other) \
             WHERE id = $1",
        )
        .bind(task.as_str())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("note a changed dependency"))?;
        Ok(())
    }

    async fn edges(&mut self, document: &str) -> Result<Edges, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT d.task_id, d.depends_on FROM task_dependencies d JOIN tasks t ON t.id = d.task_id \
             WHERE t.document_id = $1 AND d.kind = 'blocks'",
        )
        .bind(document)
        .fetch_all(&mut *self.inner)
        .await
        .map_err(StoreError::during("read dependencies"))?;
        let mut edges = Edges::new();
        for (task, on) in rows {
            let id = |text| crate::change::task_id("task_dependencies", text);
            edges.entry(id(task)?).or_default().insert(id(on)?);
        }
        Ok(edges)
    }
}

fn names(tasks: &BTreeSet<TaskId>) -> String {
    tasks.iter().map(TaskId::as_str).collect::<Vec<_>>().join(", ")
}
