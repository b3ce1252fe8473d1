//! What the sync-daemon writes into a plan file: which markers are due, what it is about to write, what it has written.
//!
//! It says what it is about to write before it does. Should it die before it can say that it has, the next sync knows
//! the content, and the marks in it, for its own.

use coditect_core::{TaskId, TaskState};
use coditect_plan::MarkerStatus;

use crate::change::{get, keepable, task_id};
use crate::documents::marker;
use crate::merge::due;
use crate::planned::FieldChange;
use crate::revisions::NewRevision;
use crate::{Store, StoreError, Tx};

/// A task whose marker in the file should be another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkDue {
    /// The task.
    pub task: TaskId,
    /// Its key in the file.
    pub key: String,
    /// What its line is to say.
    pub marker: MarkerStatus,
    /// The agent whose attempt landed, if one did.
    pub agent: Option<String>,
    /// The commit that landed, if one did.
    pub commit: Option<String>,
    /// When it was completed.
    pub completed_at_ms: Option<i64>,
}

/// A content that the daemon writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'a> {
    /// Its hash.
    pub hash: &'a str,
    /// The content, to be kept.
    pub text: Option<&'a str>,
    /// The tasks that are marked otherwise in it, and how.
    pub marks: &'a [(TaskId, MarkerStatus)],
}

/// Who writes.
pub(crate) const DAEMON: &str = "sync-daemon";

impl Tx {
    /// Notes what is about to be written into the file.
    ///
    /// # Errors
    /// The database failed.
    pub async fn intend(&mut self, document: &str, written: Written<'_>) -> Result<(), StoreError> {
        let marks: Vec<_> = written.marks.iter().map(|(task, marker)| (task.as_str(), marker.as_str())).collect();
        sqlx::query("UPDATE documents SET intended_hash = $1, intended = $2 WHERE id = $3")
            .bind(written.hash)
            .bind(serde_json::to_string(&marks).unwrap_or_default())
            .bind(document)
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("note what is to be written"))?;
        Ok(())
    }

    /// What was about to be written: the hash of the content, and the marks.
    pub(crate) async fn intended(
        &mut self,
        document: &str,
    ) -> Result<Option<(String, Vec<(TaskId, MarkerStatus)>)>, StoreError> {
        let row: Option<(Option<String>, Option<String>)> =
            sqlx::query_as("SELECT intended_hash, intended FROM documents WHERE id = $1")
                .bind(document)
                .fetch_optional(&mut *self.inner)
                .await
                .map_err(StoreError::during("read a document"))?;
        let Some((Some(hash), Some(marks))) = row else { return Ok(None) };
        let corrupt = |value: String| StoreError::Corrupt {
            table: "documents",
            id: document.to_owned(),
            column: "intended",
            value,
        };
        let parsed: Vec<(String, String)> = serde_json::from_str(&marks).map_err(|_| corrupt(marks.clone()))?;
        let read = |(task, says): (String, String)| {
            let task = task_id("documents", task)?;
            let says = marker(&task, &says)?;
            Ok((task, says))
        };
        Ok(Some((hash, parsed.into_iter().map(read).collect::<Result<_, StoreError>>()?)))
    }

    /// Notes that the daemon itself wrote the file; answers the new revision.
    ///
    /// # Errors
    /// The database failed.
    pub async fn document_written(
        &mut self,
        document: &str,
        written: Written<'_>,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let noting = || StoreError::during("note a written plan");
        let revision = self.document(document).await?.map_or(0, |known| known.revision) + 1;
        sqlx::query(
            "UPDATE documents SET revision = $1, hash = $2, synced_at_ms = $3, intended_hash = NULL, intended = NULL \
             WHERE id = $4",
        )
        .bind(revision)
        .bind(written.hash)
        .bind(now_ms)
        .bind(document)
        .execute(&mut *self.inner)
        .await
        .map_err(noting())?;
        let mut changes = Vec::new();
        for (task, marker) in written.marks {
            let before: Option<(String,)> = sqlx::query_as("SELECT marker FROM tasks WHERE id = $1")
                .bind(task.as_str())
                .fetch_optional(&mut *self.inner)
                .await
                .map_err(noting())?;
            let Some((before,)) = before.filter(|(before,)| before != marker.as_str()) else { continue };
            sqlx::query(
                // What was undone and is written again has been there since it was first.
                "UPDATE tasks SET marker = $1, marked_revision = CASE WHEN marked_from = $2 \
                 AND ($1 <> 'completed' OR marked_at_ms IS NULL OR completed_at_ms <= marked_at_ms) THEN marked_revision ELSE $3 END, marked_from = $2, \
                 marked_at_ms = $4 WHERE id = $5",
            )
            .bind(marker.as_str())
            .bind(&before)
            .bind(revision)
            .bind(now_ms)
            .bind(task.as_str())
            .execute(&mut *self.inner)
            .await
            .map_err(noting())?;
            changes.push(FieldChange::new(task.as_str(), "status", &before, marker.as_str()));
        }
        self.record_revision(NewRevision {
            document,
            revision,
            hash: written.hash,
            text: written.text,
            actor: DAEMON,
            changes: &changes,
            now_ms,
        })
        .await?;
        Ok(revision)
    }
}

impl Store {
    /// Whether a content is the one that was about to be written into a document.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_intended(&self, document: &str, hash: &str) -> Result<bool, StoreError> {
        let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM documents WHERE id = $1 AND intended_hash = $2")
            .bind(document)
            .bind(hash)
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::during("read a document"))?;
        Ok(count > 0)
    }

    /// The tasks of a document whose marker in the file should be another one: but for those about which a wish or a
    /// conflict is open. `in_progress`: tasks that are worked on are marked as well.
    ///
    /// # Errors
    /// The database failed.
    pub async fn marks_due(&self, document: &str, in_progress: bool) -> Result<Vec<MarkDue>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.id, t.key, t.marker, t.state, t.marked_at_ms, t.completed_at_ms, a.agent, a.commit_id \
             FROM tasks t LEFT JOIN attempts a ON a.id = (SELECT MAX(l.id) FROM attempts l WHERE l.task_id = t.id \
             AND l.state = 'landed' AND l.generation = t.generation) WHERE t.document_id = $1 AND t.gone = 0 \
             AND ((t.state = 'completed' AND t.marker <> 'completed') \
               OR ((t.state = 'cancelled' OR (t.state = 'skipped' AND t.optional = 0)) AND t.marker <> 'cancelled') \
               OR (t.state NOT IN ('completed', 'cancelled', 'skipped', 'retired') \
                   AND (t.marker IN ('completed', 'cancelled', 'in_progress') \
                     OR ($2 = 1 AND t.state IN ('assigned', 'running', 'verifying', 'landing'))))) \
             AND NOT EXISTS (SELECT 1 FROM plan_wishes w WHERE w.task_id = t.id AND w.applied_at_ms IS NULL) \
             AND NOT EXISTS (SELECT 1 FROM plan_conflicts c WHERE c.task_id = t.id AND c.settled_at_ms IS NULL \
                             AND c.field = 'status') \
             ORDER BY t.position",
        )
        .bind(keepable(document))
        .bind(i64::from(in_progress))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read what is to be marked"))?;
        let mut marks = Vec::new();
        for row in &rows {
            let task = task_id("tasks", get(row, "id")?)?;
            let (says, state): (String, String) = (get(row, "marker")?, get(row, "state")?);
            let state: TaskState = state.parse().map_err(|_| StoreError::Corrupt {
                table: "tasks",
                id: task.to_string(),
                column: "state",
                value: state,
            })?;
            let own: Option<i64> = get(row, "marked_at_ms")?;
            if let Some(marker) = due(marker(&task, &says)?, own.is_some(), state, in_progress) {
                marks.push(MarkDue {
                    task,
                    key: get(row, "key")?,
                    marker,
                    agent: get(row, "agent")?,
                    commit: get(row, "commit_id")?,
                    completed_at_ms: get(row, "completed_at_ms")?,
                });
            }
        }
        Ok(marks)
    }
}
