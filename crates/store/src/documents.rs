//! Plans: what the sync-daemon writes of a file, and what it has to write back into it.

use std::collections::{HashMap, HashSet};

use coditect_core::{Lifecycle, Priority, TaskId, TaskState};

use crate::change::{get, lifecycle, lifecycle_columns, task_id};
use crate::wishes::Wish;
use crate::{Store, StoreError, Tx};

/// A plan file as parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDocument {
    /// Its slug.
    pub id: String,
    /// Its path within the repository.
    pub path: String,
    /// The name of its format.
    pub format: String,
    /// The hash of its content.
    pub hash: String,
    /// JSON: what is wrong with it.
    pub diagnostics: String,
    /// Its tasks, in order.
    pub tasks: Vec<PlannedTask>,
}

/// A task as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTask {
    /// What a person calls it.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The headings above it, outermost first.
    pub section: Vec<String>,
    /// Its prose.
    pub description: String,
    /// Its line.
    pub line: i64,
    /// How urgent it is.
    pub priority: Priority,
    /// The agent it asks for.
    pub agent: Option<String>,
    /// How long it should take.
    pub estimate_minutes: Option<i64>,
    /// Its steps, in words.
    pub steps: Vec<String>,
    /// When it counts as done, in words.
    pub acceptance: Vec<String>,
    /// The commands that prove it.
    pub verify: Vec<String>,
    /// The paths it touches.
    pub touches: Vec<String>,
    /// Its own block of shell commands.
    pub script: Option<String>,
    /// The keys, in the same document, of what it depends on.
    pub depends_on: Vec<String>,
    /// References that resolved to nothing.
    pub dangling: Vec<String>,
    /// Whether a person does it.
    pub human: bool,
    /// Whether the plan can do without it.
    pub optional: bool,
    /// Its status marker: `pending`, `in_progress`, `completed`, `blocked` or `cancelled`.
    pub marker: String,
}

/// A plan file as last synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its slug.
    pub id: String,
    /// Its path within the repository.
    pub path: String,
    /// Grows by one with each content.
    pub revision: i64,
    /// The hash of its content.
    pub hash: String,
    /// JSON: what is wrong with it.
    pub diagnostics: String,
}

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// The revision the database now has.
    pub revision: i64,
    /// How many tasks were added, removed or marked otherwise, and how many dependencies added or removed.
    pub changed: i64,
    /// The content had been seen before: a stale file, which asks for nothing.
    pub stale: bool,
    /// What the edit asks for.
    pub wishes: Vec<(TaskId, Wish)>,
}

/// A task that is completed while its box in the file is not ticked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickDue {
    /// The task.
    pub task: TaskId,
    /// Its key in the file.
    pub key: String,
}

const COMPLETED: &str = "completed";
const CANCELLED: &str = "cancelled";

impl Tx {
    /// Takes over a plan file. Equal content changes nothing.
    ///
    /// Tasks that are new begin as their marker says; a marker that differs from the one last synced is a person's wish
    /// (see [`Wish`]), unless the whole content has been seen before.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sync_document(
        &mut self,
        planned: &PlannedDocument,
        actor: &str,
        now_ms: i64,
    ) -> Result<Synced, StoreError> {
        let known = self.document(&planned.id).await?;
        if let Some(known) = &known
            && known.hash == planned.hash
        {
            return Ok(Synced { revision: known.revision, changed: 0, stale: false, wishes: Vec::new() });
        }
        let stale = self.was_seen(&planned.id, &planned.hash).await?;
        let revision = known.map_or(0, |known| known.revision) + 1;
        self.write_document(planned, revision, now_ms).await?;
        self.record_revision(&planned.id, revision, &planned.hash, actor, now_ms).await?;
        let places = self.write_sections(planned).await?;
        let before = self.known_tasks(&planned.id).await?;
        let mut synced = Synced { revision, changed: 0, stale, wishes: Vec::new() };
        let mut ids = HashSet::new();
        for (position, task) in (0i64..).zip(&planned.tasks) {
            let id = TaskId::new(&planned.id, &task.key);
            let known = before.get(id.as_str());
            let life = match known {
                Some(known) => known.life.clone(),
                None => Lifecycle::planned(task.marker == COMPLETED, now_ms),
            };
            self.write_task(planned, &id, task, position, places.get(&task.section), &life, now_ms).await?;
            synced.changed += i64::from(known.is_none_or(|known| known.marker != task.marker));
            let wish = match known {
                None if task.marker == CANCELLED => Some(Wish::Cancel),
                None => None,
                Some(_) if stale => None,
                Some(known) => wish(known.life.state, &known.marker, &task.marker),
            };
            if let Some(wish) = wish {
                synced.wishes.push((id.clone(), wish));
            }
            ids.insert(id.as_str().to_owned());
        }
        if !stale {
            for (id, known) in &before {
                if !ids.contains(id) && known.life.state != TaskState::Retired {
                    synced.wishes.push((task_id("tasks", id.clone())?, Wish::Retire));
                    synced.changed += 1;
                }
            }
        }
        synced.changed += self.write_dependencies(planned, now_ms).await?;
        for (task, wish) in &synced.wishes {
            self.wish(task, *wish, revision, now_ms).await?;
        }
        Ok(synced)
    }

    /// Notes that the daemon itself wrote the file: the new content, and the boxes it ticked.
    ///
    /// # Errors
    /// The database failed.
    pub async fn document_written(
        &mut self,
        document: &str,
        hash: &str,
        ticked: &[TaskId],
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let revision = self.document(document).await?.map_or(0, |known| known.revision) + 1;
        sqlx::query("UPDATE documents SET revision = $1, hash = $2, synced_at_ms = $3 WHERE id = $4")
            .bind(revision)
            .bind(hash)
            .bind(now_ms)
            .bind(document)
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("note a written plan"))?;
        self.record_revision(document, revision, hash, "sync-daemon", now_ms).await?;
        for task in ticked {
            sqlx::query("UPDATE tasks SET marker = $1 WHERE id = $2")
                .bind(COMPLETED)
                .bind(task.as_str())
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("note a tick"))?;
        }
        Ok(revision)
    }

    async fn document(&mut self, id: &str) -> Result<Option<DocumentRow>, StoreError> {
        sqlx::query("SELECT id, path, revision, hash, diagnostics FROM documents WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(StoreError::during("read a document"))?
            .map(|row| document(&row))
            .transpose()
    }

    async fn was_seen(&mut self, document: &str, hash: &str) -> Result<bool, StoreError> {
        let (times,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM document_revisions WHERE document_id = $1 AND hash = $2")
                .bind(document)
                .bind(hash)
                .fetch_one(&mut *self.inner)
                .await
                .map_err(StoreError::during("read revisions"))?;
        Ok(times > 0)
    }

    async fn write_document(
        &mut self,
        planned: &PlannedDocument,
        revision: i64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO documents (id, path, format, revision, hash, diagnostics, synced_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (id) DO UPDATE SET path = excluded.path, format = excluded.format, \
             revision = excluded.revision, hash = excluded.hash, diagnostics = excluded.diagnostics, \
             synced_at_ms = excluded.synced_at_ms",
        )
        .bind(&planned.id)
        .bind(&planned.path)
        .bind(&planned.format)
        .bind(revision)
        .bind(&planned.hash)
        .bind(&planned.diagnostics)
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("write a document"))?;
        Ok(())
    }

    async fn record_revision(
        &mut self,
        document: &str,
        revision: i64,
        hash: &str,
        actor: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO document_revisions (document_id, revision, hash, actor, at_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(document)
        .bind(revision)
        .bind(hash)
        .bind(actor)
        .bind(now_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("note a revision"))?;
        Ok(())
    }

    /// Writes the sections as epics and features; answers where each section path belongs.
    async fn write_sections(&mut self, planned: &PlannedDocument) -> Result<Places, StoreError> {
        let mut places = Places::new();
        let mut epics: HashMap<&str, String> = HashMap::new();
        for task in &planned.tasks {
            if places.contains_key(&task.section) {
                continue;
            }
            let Some(title) = task.section.first() else { continue };
            let position = i64::try_from(places.len()).unwrap_or(i64::MAX);
            let epic = match epics.get(title.as_str()) {
                Some(epic) => epic.clone(),
                None => {
                    let epic = format!("{}/epic-{}", planned.id, epics.len() + 1);
                    sqlx::query(
                        "INSERT INTO epics (id, document_id, title, position) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (id) DO UPDATE SET title = excluded.title, position = excluded.position",
                    )
                    .bind(&epic)
                    .bind(&planned.id)
                    .bind(title)
                    .bind(position)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(StoreError::during("write an epic"))?;
                    epics.insert(title, epic.clone());
                    epic
                }
            };
            let feature = match task.section.get(1) {
                None => None,
                Some(title) => {
                    let feature = format!("{epic}/feature-{}", places.len() + 1);
                    sqlx::query(
                        "INSERT INTO features (id, epic_id, title, position) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (id) DO UPDATE SET title = excluded.title, position = excluded.position",
                    )
                    .bind(&feature)
                    .bind(&epic)
                    .bind(title)
                    .bind(position)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(StoreError::during("write a feature"))?;
                    Some(feature)
                }
            };
            places.insert(task.section.clone(), (epic, feature));
        }
        Ok(places)
    }

    async fn known_tasks(&mut self, document: &str) -> Result<HashMap<String, Known>, StoreError> {
        sqlx::query(concat!("SELECT id, marker, ", lifecycle_columns!(), " FROM tasks WHERE document_id = $1"))
            .bind(document)
            .fetch_all(&mut *self.inner)
            .await
            .map_err(StoreError::during("read tasks"))?
            .iter()
            .map(|row| {
                let id: String = get(row, "id")?;
                let known = Known { marker: get(row, "marker")?, life: lifecycle(&id, row)? };
                Ok((id, known))
            })
            .collect()
    }

    #[expect(clippy::too_many_arguments, reason = "one row, written in one place")]
    async fn write_task(
        &mut self,
        planned: &PlannedDocument,
        id: &TaskId,
        task: &PlannedTask,
        position: i64,
        place: Option<&(String, Option<String>)>,
        life: &Lifecycle,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO tasks (id, document_id, epic_id, feature_id, key, title, section, description, position, \
             line, priority, agent, estimate_minutes, steps, acceptance, verify, touches, script, dangling, marker, \
             rank, state, generation, token, attempts_spent, attempts_started, completed_at_ms, version, \
             created_at_ms, updated_at_ms, human, optional) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
             0, $21, $22, $23, 0, 0, $24, $25, $26, $26, $27, $28) \
             ON CONFLICT (id) DO UPDATE SET epic_id = excluded.epic_id, feature_id = excluded.feature_id, \
             title = excluded.title, section = excluded.section, description = excluded.description, \
             position = excluded.position, line = excluded.line, priority = excluded.priority, \
             agent = excluded.agent, estimate_minutes = excluded.estimate_minutes, steps = excluded.steps, \
             acceptance = excluded.acceptance, verify = excluded.verify, touches = excluded.touches, \
             script = excluded.script, dangling = excluded.dangling, marker = excluded.marker, \
             human = excluded.human, optional = excluded.optional",
        )
        .bind(id.as_str())
        .bind(&planned.id)
        .bind(place.map(|(epic, _)| epic.clone()))
        .bind(place.and_then(|(_, feature)| feature.clone()))
        .bind(&task.key)
        .bind(&task.title)
        .bind(json(&task.section))
        .bind(&task.description)
        .bind(position)
        .bind(task.line)
        .bind(task.priority.level())
        .bind(task.agent.clone())
        .bind(task.estimate_minutes)
        .bind(json(&task.steps))
        .bind(json(&task.acceptance))
        .bind(json(&task.verify))
        .bind(json(&task.touches))
        .bind(task.script.clone())
        .bind(json(&task.dangling))
        .bind(&task.marker)
        .bind(life.state.as_str())
        .bind(life.generation)
        .bind(life.token)
        .bind(life.completed_at_ms)
        .bind(life.version)
        .bind(now_ms)
        .bind(i64::from(task.human))
        .bind(i64::from(task.optional))
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("write a task"))?;
        Ok(())
    }

    /// Writes the edges that differ; answers how many did.
    async fn write_dependencies(&mut self, planned: &PlannedDocument, now_ms: i64) -> Result<i64, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT d.task_id, d.depends_on FROM task_dependencies d JOIN tasks t ON t.id = d.task_id \
             WHERE t.document_id = $1 AND d.kind = 'blocks'",
        )
        .bind(&planned.id)
        .fetch_all(&mut *self.inner)
        .await
        .map_err(StoreError::during("read dependencies"))?;
        let before: HashSet<_> = rows.into_iter().collect();
        let after: HashSet<_> = planned
            .tasks
            .iter()
            .flat_map(|task| task.depends_on.iter().map(move |key| (task, key)))
            .map(|(task, key)| {
                let id = |key| TaskId::new(&planned.id, key).to_string();
                (id(&task.key), id(key))
            })
            .collect();
        let mut changed = 0;
        for (task, depends_on) in before.difference(&after) {
            sqlx::query("DELETE FROM task_dependencies WHERE task_id = $1 AND depends_on = $2 AND kind = 'blocks'")
                .bind(task)
                .bind(depends_on)
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("remove a dependency"))?;
            changed += 1;
        }
        for (task, depends_on) in after.difference(&before) {
            sqlx::query(
                "INSERT INTO task_dependencies (task_id, depends_on, kind, added_at_ms) VALUES ($1, $2, 'blocks', $3) \
                 ON CONFLICT (task_id, depends_on, kind) DO NOTHING",
            )
            .bind(task)
            .bind(depends_on)
            .bind(now_ms)
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("add a dependency"))?;
            changed += 1;
        }
        Ok(changed)
    }
}

impl Store {
    /// The documents, by path.
    ///
    /// # Errors
    /// The database failed.
    pub async fn documents(&self) -> Result<Vec<DocumentRow>, StoreError> {
        sqlx::query("SELECT id, path, revision, hash, diagnostics FROM documents ORDER BY path")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read documents"))?
            .iter()
            .map(document)
            .collect()
    }

    /// The completed tasks of a document whose box is not ticked.
    ///
    /// # Errors
    /// The database failed.
    pub async fn ticks_due(&self, document: &str) -> Result<Vec<TickDue>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, key FROM tasks WHERE document_id = $1 AND state = 'completed' AND marker <> 'completed' \
             AND NOT EXISTS (SELECT 1 FROM plan_wishes w WHERE w.task_id = tasks.id AND w.applied_at_ms IS NULL) \
             ORDER BY position",
        )
        .bind(document)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read ticks"))?;
        rows.into_iter().map(|(id, key)| Ok(TickDue { task: task_id("tasks", id)?, key })).collect()
    }
}

/// Where a section path belongs: its epic, and its feature if it has one.
type Places = HashMap<Vec<String>, (String, Option<String>)>;

/// What the database knew of a task before a sync.
struct Known {
    marker: String,
    life: Lifecycle,
}

/// What a person asks for by changing a marker from `before` to `after`.
fn wish(state: TaskState, before: &str, after: &str) -> Option<Wish> {
    if state == TaskState::Retired {
        return Some(Wish::Restore);
    }
    if before == after {
        return None;
    }
    match after {
        COMPLETED if state != TaskState::Completed => Some(Wish::Complete),
        CANCELLED if state != TaskState::Cancelled => Some(Wish::Cancel),
        _ if before == COMPLETED && state == TaskState::Completed => Some(Wish::Reopen),
        _ => None,
    }
}

fn document(row: &sqlx::any::AnyRow) -> Result<DocumentRow, StoreError> {
    Ok(DocumentRow {
        id: get(row, "id")?,
        path: get(row, "path")?,
        revision: get(row, "revision")?,
        hash: get(row, "hash")?,
        diagnostics: get(row, "diagnostics")?,
    })
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}
