//! Plans: how a file that a person changed is taken over.
//!
//! Everything a sync does is one transaction: which task is which one ([`coditect_plan::identity`]), what is planned
//! (the file's word), what is asked for or disagrees ([`crate::merge`]), and the revision itself.

use std::collections::{HashMap, HashSet};

use coditect_core::{Lifecycle, TaskId, TaskState};
use coditect_plan::MarkerStatus;

use crate::change::get;
use crate::known::Known;
use crate::marks::{DAEMON, Written};
use crate::merge::Says;
use crate::naming::{ids, origins};
use crate::planned::{FieldChange, PlannedDocument};
use crate::revisions::NewRevision;
use crate::verdict::{Verdict, judge, judge_agent, marked, undo};
use crate::wishes::{EDITOR, Wish};
use crate::{Store, StoreError, Tx};

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synced {
    /// The revision the database now has.
    pub revision: i64,
    /// How many tasks were added, removed or marked otherwise, and how many dependencies added or removed.
    pub changed: i64,
    /// The content had been seen before: a stale file, which asks for nothing.
    pub stale: bool,
    /// What the edit asks for.
    pub wishes: Vec<(TaskId, Wish)>,
    /// The tasks about which file and database disagree since.
    pub conflicts: Vec<TaskId>,
    /// The tasks whose marker was older than the daemon's: it will be written again.
    pub undone: Vec<TaskId>,
}

/// Whose edit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Editor<'a> {
    /// `person`, or `person:<name>`.
    pub actor: &'a str,
    /// An older revision was brought back: what is not in it is to go, and its markers ask for nothing.
    pub restores: bool,
}

impl Tx {
    /// Takes over a plan file that a person changed. Equal content changes nothing.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sync_document(
        &mut self,
        planned: &PlannedDocument,
        actor: &str,
        now_ms: i64,
    ) -> Result<Synced, StoreError> {
        self.sync_edited(planned, Editor { actor, restores: false }, now_ms).await
    }

    /// Takes over a plan file. Equal content changes nothing; content that the daemon was about to write is its own.
    ///
    /// Tasks that are new begin as their marker says. Of the others, a marker that differs from the one last synced is a
    /// person's wish or a conflict (see [`crate::merge`]), unless the whole content, or the marker, is older than what the
    /// daemon wrote.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sync_edited(
        &mut self,
        planned: &PlannedDocument,
        editor: Editor<'_>,
        now_ms: i64,
    ) -> Result<Synced, StoreError> {
        let document = self.document(&planned.id).await?;
        if let Some(known) = &document
            && known.hash == planned.hash
        {
            return Ok(Synced { revision: known.revision, ..Synced::default() });
        }
        let (intended_hash, intended) = self.intended(&planned.id).await?.unwrap_or_default();
        if intended_hash == planned.hash {
            let written = Written { hash: &planned.hash, text: planned.text.as_deref(), marks: &intended };
            let revision = self.document_written(&planned.id, written, now_ms).await?;
            return Ok(Synced { revision, ..Synced::default() });
        }
        let stale = self.was_seen(&planned.id, &planned.hash).await?;
        let revision = document.map_or(0, |known| known.revision) + 1;
        let mut synced = Synced { revision, stale: stale || editor.restores, ..Synced::default() };
        self.write_document(planned, revision, now_ms).await?;
        let known = self.known_tasks(&planned.id).await?;
        let sync = Sync { known: &known, intended: &intended.into_iter().collect(), revision, now_ms };
        let changes = self.take_over(planned.clone(), &sync, editor, &mut synced).await?;
        self.record_revision(NewRevision {
            document: &planned.id,
            revision,
            hash: &planned.hash,
            text: planned.text.as_deref(),
            actor: editor.actor,
            // All of a plan that is new is new.
            changes: if revision == 1 { &[] } else { &changes },
            now_ms,
        })
        .await?;
        Ok(synced)
    }

    async fn take_over(
        &mut self,
        mut planned: PlannedDocument,
        sync: &Sync<'_>,
        editor: Editor<'_>,
        synced: &mut Synced,
    ) -> Result<Vec<FieldChange>, StoreError> {
        let Sync { known, intended, revision, now_ms } = *sync;
        let origins = origins(known, &planned);
        let ids = ids(known, &planned, &origins);
        let stay: HashSet<usize> = origins.iter().flatten().copied().collect();
        let by_key: HashMap<_, _> =
            planned.tasks.iter().map(|task| task.key.clone()).zip(ids.iter().cloned()).collect();
        let edges = self.resolved(&mut planned, &by_key).await?;
        // Keys that others are to have; their owners are given new ones as they are written.
        let lent = known.iter().filter(|known| by_key.get(&known.planned.key).is_some_and(|owner| *owner != known.id));
        self.free_keys(lent.map(|known| &known.id)).await?;
        let places = self.write_sections(&planned).await?;
        let undo = undo(known, &planned, &origins, now_ms)?;
        let mut changes = Vec::new();
        for (position, ((task, id), origin)) in (0i64..).zip(planned.tasks.iter().zip(&ids).zip(&origins)) {
            let known = origin.and_then(|at| known.get(at));
            let place = places.get(&task.section);
            let place = (place.map(|(epic, _)| epic.clone()), place.and_then(|(_, feature)| feature.clone()));
            let Some(known) = known else {
                let life = Lifecycle::planned(Says::marker(marker(id, &task.marker)?).begins(), now_ms);
                self.write_task(id, task, position, &place, &life, now_ms).await?;
                if life.state == TaskState::Cancelled {
                    self.remark(id, EDITOR, "cancel: marked cancelled in the plan from the first", now_ms).await?;
                }
                changes.push(FieldChange::new(id.as_str(), "task", "", "added"));
                synced.changed += 1;
                continue;
            };
            let before = &known.planned;
            let same = crate::PlannedTask { depends_on: Vec::new(), ..task.clone() } == *before;
            if !same || known.gone || known.position != position || known.place != place {
                self.write_task(id, task, position, &place, &known.life, now_ms).await?;
            }
            synced.changed += i64::from(before.marker != task.marker || known.gone);
            if known.gone {
                changes.push(FieldChange::new(id.as_str(), "task", "gone", "back"));
            }
            changes.extend(task.changes(before, id.as_str()));
            let mine = intended.get(id).is_some_and(|marker| marker.as_str() == task.marker);
            let old = synced.stale || undo.contains(id);
            let verdict = judge(known, task, old || mine)?;
            let mark = marked(known, task, old, mine.then_some(now_ms), revision)?;
            if mark != known.mark {
                self.note_mark(id, mark).await?;
            }
            self.execute(known, task, verdict, !mine, synced, now_ms).await?;
            let verdict = judge_agent(known, task, synced.stale);
            self.execute_agent(known, task, verdict, revision, synced, now_ms).await?;
        }
        for (_, known) in known.iter().enumerate().filter(|(at, _)| !stay.contains(at)) {
            if !known.gone {
                self.is_gone(&known.id).await?;
                changes.push(FieldChange::new(known.id.as_str(), "task", "", "gone"));
            }
            if !known.retires() && (!synced.stale || editor.restores) {
                self.ask(&known.id, Wish::Retire, &known.planned.marker, synced, now_ms).await?;
                synced.changed += 1;
            }
        }
        let keep = synced.stale && !editor.restores;
        let (edges, told) = self.write_edges(&planned.id, &edges, keep, now_ms).await?;
        synced.changed += edges;
        changes.extend(told);
        self.drop_empty_sections(&planned.id).await?;
        Ok(changes)
    }

    /// Does what follows for a task's status.
    async fn execute(
        &mut self,
        known: &Known,
        task: &crate::PlannedTask,
        verdict: Verdict,
        tell: bool,
        synced: &mut Synced,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (id, base) = (&known.id, known.planned.marker.as_str());
        for wish in verdict.wishes {
            self.ask(id, wish, base, synced, now_ms).await?;
        }
        if verdict.converged {
            self.converged(id, crate::conflicts::STATUS, now_ms).await?;
        }
        if verdict.conflict {
            let (plan, database) = (task.marker.as_str(), known.life.state.as_str());
            let what = crate::conflicts::Disagreement { field: crate::conflicts::STATUS, base, plan, database };
            self.conflict(id, what, synced.revision, now_ms).await?;
            synced.conflicts.push(id.clone());
        }
        if verdict.undone && tell {
            let cause =
                format!("stale_plan: the plan said {}, as before it was marked {base}; marked again", task.marker);
            self.remark(id, DAEMON, &cause, now_ms).await?;
            synced.undone.push(id.clone());
        }
        Ok(())
    }

    /// Does what follows for who does a task.
    async fn execute_agent(
        &mut self,
        known: &Known,
        task: &crate::PlannedTask,
        verdict: Verdict,
        revision: i64,
        synced: &mut Synced,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        use crate::conflicts::{AGENT, Disagreement};
        if verdict.converged {
            self.converged(&known.id, AGENT, now_ms).await?;
        }
        if verdict.conflict {
            let name = |agent: &Option<String>| agent.clone().unwrap_or_else(|| "none".to_owned());
            let (base, plan, database) = (name(&known.planned.agent), name(&task.agent), name(&known.agent_override));
            let what = Disagreement { field: AGENT, base: &base, plan: &plan, database: &database };
            self.conflict(&known.id, what, revision, now_ms).await?;
            synced.conflicts.push(known.id.clone());
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        task: &TaskId,
        wish: Wish,
        base: &str,
        synced: &mut Synced,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.wish(task, wish, base, synced.revision, None, now_ms).await?;
        synced.wishes.push((task.clone(), wish));
        Ok(())
    }

    pub(crate) async fn document(&mut self, id: &str) -> Result<Option<DocumentRow>, StoreError> {
        sqlx::query("SELECT id, path, revision, hash, diagnostics FROM documents WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(StoreError::during("read a document"))?
            .map(|row| document(&row))
            .transpose()
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
             synced_at_ms = excluded.synced_at_ms, intended_hash = NULL, intended = NULL",
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
}

/// What a sync works with.
struct Sync<'a> {
    known: &'a [Known],
    intended: &'a HashMap<TaskId, MarkerStatus>,
    revision: i64,
    now_ms: i64,
}

/// The marker of this name.
pub(crate) fn marker(task: &TaskId, text: &str) -> Result<MarkerStatus, StoreError> {
    MarkerStatus::ALL.into_iter().find(|marker| marker.as_str() == text).ok_or_else(|| StoreError::Corrupt {
        table: "tasks",
        id: task.to_string(),
        column: "marker",
        value: text.to_owned(),
    })
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
