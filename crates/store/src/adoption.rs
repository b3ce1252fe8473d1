//! Rows of an earlier tool's database that were tied to tasks of the plan, and what they ask for.
//!
//! A row takes effect once, when its task is in the database: in the transaction that brings the task, or in that of the
//! import. What it asks for is a wish like that of a person's tick, and the orchestrator grants it. Importing again
//! changes nothing, except where the row itself has changed since.

pub mod source;

use coditect_core::{TaskId, TaskState};

use crate::change::{get, keepable, task_id};
use crate::wishes::Wish;
use crate::{Store, StoreError, Tx};

/// A row as it was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedRow {
    /// The file it is from.
    pub source: String,
    /// Its id there.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What else is written about it.
    pub description: String,
    /// Its status, as the source has it.
    pub word: String,
    /// What that means: `pending`, `in_progress`, `completed`, `blocked` or `cancelled`.
    pub status: String,
    /// How urgent it was.
    pub priority: Option<String>,
    /// When it was made, as the source has it.
    pub created_at: Option<String>,
    /// When it was changed, as the source has it.
    pub updated_at: Option<String>,
    /// The task it is tied to.
    pub tie: Option<AdoptedTie>,
}

/// The task that a row is tied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedTie {
    /// The task's document.
    pub document: String,
    /// What the plan calls the task.
    pub key: String,
    /// Why it is this one.
    pub by: String,
}

/// What a row does to its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The task is as the row says.
    Agrees,
    /// The task is to be completed.
    Completes,
    /// The task is to be cancelled.
    Cancels,
    /// The task is settled otherwise, and stays so.
    PlanStands,
}

impl Effect {
    /// The effect of a row of this status, where the plan marks the task so and the database, if it has the task, has it
    /// in that state.
    #[must_use]
    pub fn of(status: &str, marker: &str, state: Option<TaskState>) -> Self {
        let is = |word: &str, settled| marker == word || state == Some(settled);
        let (completed, cancelled) = (is("completed", TaskState::Completed), is("cancelled", TaskState::Cancelled));
        match status {
            "completed" if completed => Self::Agrees,
            "completed" if cancelled => Self::PlanStands,
            "completed" => Self::Completes,
            "cancelled" if cancelled => Self::Agrees,
            "cancelled" if completed => Self::PlanStands,
            "cancelled" => Self::Cancels,
            _ if completed || cancelled => Self::PlanStands,
            _ => Self::Agrees,
        }
    }

    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Completes => "completes",
            Self::Cancels => "cancels",
            Self::PlanStands => "plan_stands",
        }
    }

    const fn wish(self) -> Option<Wish> {
        match self {
            Self::Completes => Some(Wish::Complete),
            Self::Cancels => Some(Wish::Cancel),
            Self::Agrees | Self::PlanStands => None,
        }
    }
}

impl Tx {
    /// Keeps a row. One that is kept already takes effect again only where its status or its task has changed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_adopted(&mut self, row: &AdoptedRow, now_ms: i64) -> Result<(), StoreError> {
        let tie = row.tie.as_ref();
        sqlx::query(
            "INSERT INTO adopted_tasks (source, row_id, title, description, word, status, priority, created_at, \
             updated_at, document_id, task_key, tied_by, imported_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
             ON CONFLICT (source, row_id) DO UPDATE SET title = excluded.title, description = excluded.description, \
             word = excluded.word, status = excluded.status, priority = excluded.priority, \
             created_at = excluded.created_at, updated_at = excluded.updated_at, \
             document_id = excluded.document_id, task_key = excluded.task_key, tied_by = excluded.tied_by, \
             imported_at_ms = excluded.imported_at_ms, applied_at_ms = CASE WHEN \
             adopted_tasks.status = excluded.status \
             AND COALESCE(adopted_tasks.document_id, '') = COALESCE(excluded.document_id, '') \
             AND COALESCE(adopted_tasks.task_key, '') = COALESCE(excluded.task_key, '') \
             THEN adopted_tasks.applied_at_ms ELSE NULL END",
        )
        .bind(keepable(&row.source))
        .bind(keepable(&row.id))
        .bind(keepable(&row.title))
        .bind(keepable(&row.description))
        .bind(keepable(&row.word))
        .bind(&row.status)
        .bind(row.priority.as_deref().map(keepable))
        .bind(row.created_at.as_deref().map(keepable))
        .bind(row.updated_at.as_deref().map(keepable))
        .bind(tie.map(|tie| tie.document.clone()))
        .bind(tie.map(|tie| tie.key.clone()))
        .bind(tie.map(|tie| tie.by.clone()))
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep an imported row"))?;
        Ok(())
    }

    /// Lets rows that wait take effect on the tasks of a document, as far as it has them. Answers what they ask for.
    ///
    /// # Errors
    /// The database failed.
    pub async fn apply_adopted(&mut self, document: &str, now_ms: i64) -> Result<Vec<(TaskId, Wish)>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.source, a.row_id, a.status, t.id, t.state, t.marker, d.revision FROM adopted_tasks a \
             JOIN tasks t ON t.document_id = a.document_id AND t.key = a.task_key \
             JOIN documents d ON d.id = a.document_id \
             WHERE a.document_id = $1 AND a.applied_at_ms IS NULL AND t.state <> 'retired' \
             ORDER BY t.position, a.source, a.row_id",
        )
        .bind(document)
        .fetch_all(&mut *self.inner)
        .await
        .map_err(StoreError::during("read imported rows"))?;
        let mut wishes = Vec::new();
        for row in &rows {
            let (source, id, status): (String, String, String) =
                (get(row, "source")?, get(row, "row_id")?, get(row, "status")?);
            let task = task_id("tasks", get(row, "id")?)?;
            let state: Option<TaskState> = get::<String>(row, "state")?.parse().ok();
            let effect = Effect::of(&status, &get::<String>(row, "marker")?, state);
            if let Some(wish) = effect.wish() {
                self.import_wish(&task, wish, get(row, "revision")?, &source, now_ms).await?;
                wishes.push((task, wish));
            }
            sqlx::query("UPDATE adopted_tasks SET applied_at_ms = $1, result = $2 WHERE source = $3 AND row_id = $4")
                .bind(now_ms)
                .bind(effect.as_str())
                .bind(source)
                .bind(id)
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("settle an imported row"))?;
        }
        Ok(wishes)
    }

    async fn import_wish(
        &mut self,
        task: &TaskId,
        wish: Wish,
        revision: i64,
        source: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO plan_wishes (id, task_id, wish, revision, at_ms, source, actor) \
             VALUES ($1, $2, $3, $4, $5, $6, 'import') \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(format!("{task}#import#{now_ms}"))
        .bind(task.as_str())
        .bind(wish.trigger().as_str())
        .bind(revision)
        .bind(now_ms)
        .bind(source)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("note a wish"))?;
        Ok(())
    }
}

impl Store {
    /// Whether rows wait to take effect on tasks that a document has.
    ///
    /// # Errors
    /// The database failed.
    pub async fn any_adopted_due(&self, document: &str) -> Result<bool, StoreError> {
        let due = sqlx::query(
            "SELECT 1 FROM adopted_tasks a JOIN tasks t ON t.document_id = a.document_id AND t.key = a.task_key \
             WHERE a.document_id = $1 AND a.applied_at_ms IS NULL AND t.state <> 'retired' LIMIT 1",
        )
        .bind(document)
        .fetch_optional(&self.pool)
        .await
        .map_err(StoreError::during("read imported rows"))?;
        Ok(due.is_some())
    }

    /// Every imported row with what became of it, if anything has.
    ///
    /// # Errors
    /// The database failed.
    pub async fn adopted(&self) -> Result<Vec<(AdoptedRow, Option<String>)>, StoreError> {
        sqlx::query(
            "SELECT source, row_id, title, description, word, status, priority, created_at, updated_at, document_id, \
             task_key, tied_by, CASE WHEN applied_at_ms IS NULL THEN NULL ELSE result END AS result \
             FROM adopted_tasks ORDER BY source, row_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read imported rows"))?
        .iter()
        .map(|row| {
            let tie: (Option<String>, Option<String>, Option<String>) =
                (get(row, "document_id")?, get(row, "task_key")?, get(row, "tied_by")?);
            let tie = match tie {
                (Some(document), Some(key), by) => Some(AdoptedTie { document, key, by: by.unwrap_or_default() }),
                _ => None,
            };
            let adopted = AdoptedRow {
                source: get(row, "source")?,
                id: get(row, "row_id")?,
                title: get(row, "title")?,
                description: get(row, "description")?,
                word: get(row, "word")?,
                status: get(row, "status")?,
                priority: get(row, "priority")?,
                created_at: get(row, "created_at")?,
                updated_at: get(row, "updated_at")?,
                tie,
            };
            Ok((adopted, get(row, "result")?))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_settles_what_is_open_and_the_plan_stands_where_it_is_settled() {
        let open =
            [("pending", None), ("in_progress", Some(TaskState::Running)), ("blocked", Some(TaskState::Skipped))];
        for (marker, state) in open {
            assert_eq!(Effect::of("completed", marker, state), Effect::Completes);
            assert_eq!(Effect::of("cancelled", marker, state), Effect::Cancels);
            assert_eq!(Effect::of("pending", marker, state), Effect::Agrees);
        }
        for (marker, state) in [("completed", None), ("pending", Some(TaskState::Completed))] {
            assert_eq!(Effect::of("completed", marker, state), Effect::Agrees);
            assert_eq!(Effect::of("cancelled", marker, state), Effect::PlanStands);
            assert_eq!(Effect::of("in_progress", marker, state), Effect::PlanStands);
        }
        assert_eq!(Effect::of("completed", "cancelled", Some(TaskState::Pending)), Effect::PlanStands);
        assert_eq!(Effect::of("cancelled", "cancelled", Some(TaskState::Pending)), Effect::Agrees);
    }
}
