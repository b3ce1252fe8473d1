//! From the database into the file, in steps after each of which everything may stop: prepare, intend, write, note.

use std::sync::Arc;

use anyhow::Context;
use coditect_core::TaskId;
use coditect_plan::{Mark, MarkerStatus, Note};
use coditect_store::{MarkDue, Written};
use tracing::info;

use crate::file::{Content, Replaced};
use crate::sync::PlanSync;
use crate::ticks;

/// How much of a commit's name is written: as much as git shows.
const SHORT: usize = 9;

/// What a try to mark came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticked {
    /// Nothing was to be marked, or nothing could be.
    Nothing,
    /// So many tasks were marked.
    Done(usize),
    /// The file has changed and must be synced first.
    Behind,
}

/// A content that is to be written.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What the file holds.
    pub old: Content,
    /// What it is to hold.
    pub new: Content,
    /// The tasks that are marked otherwise in it.
    pub marks: Vec<(TaskId, MarkerStatus)>,
}

/// What came of preparing.
#[derive(Debug, Clone)]
pub enum Ready {
    /// Nothing is to be written, or nothing can be.
    Nothing,
    /// The file has changed and must be synced first.
    Behind,
    /// This is to be written.
    Prepared(Box<Prepared>),
}

impl PlanSync {
    /// Marks the tasks of a document as the database has them.
    ///
    /// # Errors
    /// The database failed. The file may have been written by then: the next sync finds it.
    pub async fn tick(&mut self, at: usize, now_ms: i64) -> anyhow::Result<Ticked> {
        let prepared = match self.prepare(at, now_ms).await? {
            Ready::Nothing => return Ok(Ticked::Nothing),
            Ready::Behind => return Ok(Ticked::Behind),
            Ready::Prepared(prepared) => prepared,
        };
        self.intend(at, &prepared).await?;
        match self.write(at, &prepared).await? {
            Some(Replaced::Written) => {}
            Some(Replaced::Changed) => return Ok(Ticked::Behind),
            None => return Ok(Ticked::Nothing),
        }
        self.note(at, &prepared, now_ms).await?;
        Ok(Ticked::Done(prepared.marks.len()))
    }

    /// The first step: what is to be written. Nothing is changed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn prepare(&mut self, at: usize, now_ms: i64) -> anyhow::Result<Ready> {
        self.adopt(at, now_ms).await?;
        let document = self.plans[at].document.id.clone();
        if !self.store().conflicts(false).await?.is_empty() {
            let mut tx = self.store().begin().await?;
            tx.close_converged(&document, now_ms).await?;
            tx.commit().await?;
        }
        let mut due = self.store().marks_due(&document, self.marks.in_progress).await?;
        if due.is_empty() {
            return Ok(Ready::Nothing);
        }
        let Ok(old) = self.read(at).await? else { return Ok(Ready::Nothing) };
        let known = self.row(at).await?;
        if known.is_none_or(|known| known.hash != old.hash) {
            return Ok(Ready::Behind);
        }
        due.retain(|mark| !self.plans[at].was_refused(&old.hash, &mark.key, mark.marker));
        if due.is_empty() {
            return Ok(Ready::Nothing);
        }
        let plan = self.plan(at, &old).await?;
        let notes: Vec<Option<Note>> =
            due.iter().map(|mark| self.marks.annotate.then(|| note(mark)).flatten()).collect();
        let wanted = due.iter().zip(&notes);
        let wanted: Vec<Mark<'_>> =
            wanted.map(|(mark, note)| Mark { key: &mark.key, status: mark.marker, note: note.as_ref() }).collect();
        let edited = ticks::mark(&plan, &old.text, &wanted);
        let marks: Vec<_> = due.iter().map(|mark| (mark.key.as_str(), mark.marker)).collect();
        self.plans[at].refuse(&old.hash, edited.refused, &marks);
        let marked = |mark: &&MarkDue| edited.marked.contains(&mark.key);
        let marks: Vec<_> = due.iter().filter(marked).map(|mark| (mark.task.clone(), mark.marker)).collect();
        if marks.is_empty() {
            return Ok(Ready::Nothing);
        }
        let new = Content::new(edited.text);
        self.plans[at].reads_as(&new.hash, Arc::new(edited.plan));
        Ok(Ready::Prepared(Box::new(Prepared { old, new, marks })))
    }

    /// The second step: says in the database what is about to be written.
    ///
    /// # Errors
    /// The database failed.
    pub async fn intend(&self, at: usize, prepared: &Prepared) -> anyhow::Result<()> {
        let mut tx = self.store().begin().await?;
        tx.intend(&self.plans[at].document.id, written(prepared)).await?;
        Ok(tx.commit().await?)
    }

    /// The third step: replaces the file, if it still is what was read. `None`: it cannot be written.
    ///
    /// # Errors
    /// The runtime is ending.
    pub async fn write(&mut self, at: usize, prepared: &Prepared) -> anyhow::Result<Option<Replaced>> {
        if prepared.new == prepared.old {
            return Ok(Some(Replaced::Written));
        }
        self.replace(at, &prepared.old.text, &prepared.new.text).await
    }

    /// The last step: says in the database what was written.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note(&mut self, at: usize, prepared: &Prepared, now_ms: i64) -> anyhow::Result<()> {
        let document = &self.plans[at].document;
        let mut tx = self.store().begin().await?;
        tx.document_written(&document.id, written(prepared), now_ms).await?;
        tx.commit().await.context("note a written plan")?;
        let tasks: Vec<_> = prepared.marks.iter().take(8).map(|(task, _)| task.as_str()).collect();
        info!(path = document.path, marked = prepared.marks.len(), tasks = tasks.join(", "), "marked in the plan");
        Ok(())
    }
}

/// What is said behind a task that the system has finished; nothing of one that a person has.
fn note(mark: &MarkDue) -> Option<Note> {
    let done = jiff::Timestamp::from_millisecond(mark.completed_at_ms?).ok()?;
    let commit = mark.commit.as_deref()?;
    let commit = Some(commit.get(..SHORT).unwrap_or(commit).to_owned());
    Some(Note { agent: mark.agent.clone(), date: done.strftime("%Y-%m-%d").to_string(), commit })
}

fn written(prepared: &Prepared) -> Written<'_> {
    Written { hash: &prepared.new.hash, text: Some(&prepared.new.text), marks: &prepared.marks }
}
