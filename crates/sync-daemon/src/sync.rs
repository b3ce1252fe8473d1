//! The files' direction, for each document: what people changed is taken over into the database.
//!
//! Level-triggered: every step compares what is there and can be repeated, or cut off, at any point. The other direction is
//! [`crate::marking`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use coditect_core::{TaskId, TaskState};
use coditect_plan::Plan;
use coditect_store::{DocumentRow, Editor, Store, Synced};
use tracing::info;

use crate::document::Document;
use crate::file::{Content, Replaced, Unreadable};
pub use crate::marking::Ticked;
use crate::members;
use crate::source::Source;
use crate::tracked::Tracked;

/// The shortest time after which a file that lost its content is believed.
const LEAST_DOUBT: Duration = Duration::from_millis(200);

/// Who changes a plan file, if not this daemon.
const PERSON: &str = "person";

/// The plan files and the database.
#[derive(Debug)]
pub struct PlanSync {
    store: Store,
    source: Source,
    doubt_ms: i64,
    pub(crate) marks: Marks,
    pub(crate) plans: Vec<Tracked>,
    /// Files that would be documents and cannot be.
    pub(crate) unfit: Vec<(String, String)>,
}

/// What is written into plan files beside what was decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Tasks that are worked on are marked as such.
    pub in_progress: bool,
    /// A tick says who did it, when, and in which commit.
    pub annotate: bool,
}

/// What a look at a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// The database has this content.
    InStep,
    /// The database has taken over the file.
    Synced(Synced),
    /// The file has lost its content; it may be in the middle of being written, so that nothing has been done yet.
    HalfWritten,
    /// The file cannot be read, and why.
    Unreadable(String),
}

/// What a try to bring a revision back came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// There is no such revision, or its content was not kept.
    Unknown,
    /// The file holds it already.
    InStep,
    /// It is the content of this new revision.
    Done(i64),
}

/// A document as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The document.
    pub document: Document,
    /// Its revision in the database; 0 if it never was read.
    pub revision: i64,
    /// How many tasks it has.
    pub tasks: i64,
    /// What is wrong with the file.
    pub trouble: Option<String>,
}

impl PlanSync {
    /// Of `documents`, files that lose all their content are believed after `debounce`.
    #[must_use]
    pub fn new(store: Store, documents: Vec<Document>, debounce: Duration) -> Self {
        let plans = documents.into_iter().map(Tracked::new).collect();
        let doubt_ms = i64::try_from(debounce.max(LEAST_DOUBT).as_millis()).unwrap_or(i64::MAX);
        let source = Source::WorkingTree { root: PathBuf::new() };
        Self { store, source, doubt_ms, marks: Marks::default(), plans, unfit: Vec::new() }
    }

    /// Reads and writes the documents in `source` instead of the working tree.
    #[must_use]
    pub fn within(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// Where the documents are.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// With these marks.
    #[must_use]
    pub fn with(mut self, marks: Marks) -> Self {
        self.marks = marks;
        self
    }

    /// How many documents there are. They are named by their place.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether there are no documents.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// The database.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// A document.
    #[must_use]
    pub fn document(&self, at: usize) -> &Document {
        &self.plans[at].document
    }

    /// What is wrong with the files that cannot be read or written.
    pub fn troubles(&self) -> impl Iterator<Item = (&str, &str)> {
        let unfit = self.unfit.iter().map(|(path, why)| (path.as_str(), why.as_str()));
        self.plans.iter().filter_map(|plan| Some((plan.document.path.as_str(), plan.wrong()?))).chain(unfit)
    }

    /// Whether the file is other than the database knows it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_behind(&mut self, at: usize) -> anyhow::Result<bool> {
        let Ok(content) = self.read(at).await? else { return Ok(false) };
        let known = self.row(at).await?;
        Ok(known.is_none_or(|known| known.hash != content.hash))
    }

    /// Takes the file over into the database, if it has changed.
    ///
    /// # Errors
    /// The database failed; nothing has been taken over.
    pub async fn sync(&mut self, at: usize, now_ms: i64) -> anyhow::Result<Looked> {
        let content = match self.read(at).await? {
            Ok(content) => content,
            Err(_) if self.is_gone(at, now_ms) => members::nothing(),
            Err(trouble) => return Ok(Looked::Unreadable(trouble)),
        };
        let known = self.row(at).await?;
        if known.as_ref().is_some_and(|known| known.hash == content.hash) {
            self.plans[at].empty_since_ms = None;
            // What others wait for in it is found in what it reads as.
            self.plan(at, &content).await?;
            return Ok(Looked::InStep);
        }
        // With its file, a document comes back as a whole.
        let back = known.is_some_and(|known| members::is_nothing(&self.plans[at].document, &known.hash));
        let editor = Editor { actor: PERSON, restores: back };
        if self.plans[at].absent_since_ms.is_none() && self.may_be_half_written(at, &content, now_ms).await? {
            return Ok(Looked::HalfWritten);
        }
        let synced = self.take_over(at, &content, editor, now_ms).await?;
        Ok(Looked::Synced(synced))
    }

    async fn take_over(
        &mut self,
        at: usize,
        content: &Content,
        editor: Editor<'_>,
        now_ms: i64,
    ) -> anyhow::Result<Synced> {
        let plan = self.plan(at, content).await?;
        let planned = self.planned(at, content, &plan);
        let mut tx = self.store.begin().await?;
        let synced = tx.sync_edited(&planned, editor, now_ms).await?;
        tx.apply_adopted(&planned.id, now_ms).await?;
        tx.commit().await?;
        let tasks = i64::try_from(planned.tasks.len()).unwrap_or(i64::MAX);
        self.plans[at].tasks = Some(tasks);
        self.is_linked(at, members::links_of(&planned));
        let Synced { revision, changed, stale, ref wishes, ref conflicts, ref undone } = synced;
        if !undone.is_empty() {
            let tasks = undone.iter().take(8).map(TaskId::as_str).collect::<Vec<_>>().join(", ");
            info!(
                path = planned.path,
                tasks,
                "an older copy of the plan: marks that it lacks are written again; to do a task again, `coditect task retry` it"
            );
        }
        let (wishes, conflicts, undone) = (wishes.len(), conflicts.len(), undone.len());
        info!(path = planned.path, revision, tasks, changed, stale, wishes, conflicts, undone, "plan synced");
        Ok(synced)
    }

    /// Brings a revision back into the file, for `actor`; what the file holds is taken over before. Answers the revision
    /// that this made.
    ///
    /// # Errors
    /// There is no such revision, the file cannot be written or is being changed, or the database failed.
    pub async fn restore(&mut self, at: usize, revision: i64, actor: &str, now_ms: i64) -> anyhow::Result<Restored> {
        let path = self.plans[at].document.path.clone();
        match self.sync(at, now_ms).await? {
            Looked::InStep | Looked::Synced(_) => {}
            Looked::HalfWritten => bail!("{path} is being written; try again in a moment"),
            Looked::Unreadable(trouble) => bail!("{path}: {trouble}"),
        }
        let Some(text) = self.store.revision_text(&self.plans[at].document.id, revision).await? else {
            return Ok(Restored::Unknown);
        };
        let Ok(old) = self.read(at).await? else { bail!("{path} cannot be read any more") };
        if self.row(at).await?.is_none_or(|row| row.hash != old.hash) {
            bail!("{path} is being changed; try again in a moment");
        }
        let new = Content::new(text);
        if new == old {
            return Ok(Restored::InStep);
        }
        match self.source.replace(&self.plans[at].document, &old.text, &new.text).await {
            Ok(Replaced::Written) => {}
            Ok(Replaced::Changed) => bail!("{path} is being changed; try again in a moment"),
            Err(error) => bail!("{path} cannot be written: {error}"),
        }
        let synced = self.take_over(at, &new, Editor { actor, restores: true }, now_ms).await?;
        Ok(Restored::Done(synced.revision))
    }

    /// What a content reads as; one that is known is not parsed twice.
    pub(crate) async fn plan(&mut self, at: usize, content: &Content) -> anyhow::Result<Arc<Plan>> {
        if let Some(plan) = self.plans[at].plan(&content.hash) {
            return Ok(plan);
        }
        let (document, text) = (self.plans[at].document.clone(), content.text.clone());
        let plan = Arc::new(off_thread(move || document.parse(&text)).await?);
        self.plans[at].reads_as(&content.hash, Arc::clone(&plan));
        Ok(plan)
    }

    /// Lets rows that were imported take effect, where they wait: the import and the sync may have missed each other.
    pub(crate) async fn adopt(&self, at: usize, now_ms: i64) -> anyhow::Result<()> {
        let document = &self.plans[at].document.id;
        if self.store.any_adopted_due(document).await? {
            let mut tx = self.store.begin().await?;
            tx.apply_adopted(document, now_ms).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// How every document is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn status(&self) -> anyhow::Result<Vec<Status>> {
        let rows = self.store.documents().await?;
        let all = self.store.tasks().await?;
        let status = |plan: &Tracked| {
            let id = &plan.document.id;
            let planned = || all.iter().filter(|t| t.document == *id && t.life.state != TaskState::Retired).count();
            Status {
                document: plan.document.clone(),
                revision: rows.iter().find(|row| row.id == *id).map_or(0, |row| row.revision),
                tasks: plan.tasks.unwrap_or_else(|| i64::try_from(planned()).unwrap_or(i64::MAX)),
                trouble: plan.wrong().map(str::to_owned),
            }
        };
        Ok(self.plans.iter().map(status).collect())
    }

    /// The file's content, or what is wrong with it.
    pub(crate) async fn read(&mut self, at: usize) -> anyhow::Result<Result<Content, String>> {
        Ok(match self.source.read(&self.plans[at].document).await {
            Ok(content) => {
                self.plans[at].is_read();
                Ok(content)
            }
            // What was found by looking may go: that is no trouble.
            Err(Unreadable::Missing | Unreadable::NotOnBranch(_)) if self.plans[at].document.found => {
                self.plans[at].missing = true;
                Err("the file is gone".to_owned())
            }
            Err(unreadable) => Err(self.plans[at].is_unreadable(unreadable.to_string())),
        })
    }

    /// Writes the file. `None`: it cannot be written.
    pub(crate) async fn replace(&mut self, at: usize, old: &str, new: &str) -> anyhow::Result<Option<Replaced>> {
        match self.source.replace(&self.plans[at].document, old, new).await {
            Ok(replaced) => {
                self.plans[at].unwritable = None;
                Ok(Some(replaced))
            }
            Err(error) => {
                self.plans[at].is_unwritable(format!("finished tasks cannot be ticked in it: {error}"));
                Ok(None)
            }
        }
    }

    pub(crate) async fn row(&self, at: usize) -> anyhow::Result<Option<DocumentRow>> {
        let id = &self.plans[at].document.id;
        Ok(self.store.documents().await?.into_iter().find(|row| row.id == *id))
    }

    async fn may_be_half_written(&mut self, at: usize, content: &Content, now_ms: i64) -> anyhow::Result<bool> {
        let plan = &mut self.plans[at];
        if !content.text.trim_matches('\u{feff}').trim().is_empty() {
            plan.empty_since_ms = None;
            return Ok(false);
        }
        let since = *plan.empty_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since) >= self.doubt_ms {
            plan.empty_since_ms = None;
            return Ok(false);
        }
        let planned = self.store.tasks().await?;
        let id = &self.plans[at].document.id;
        Ok(planned.iter().any(|task| task.document == *id && task.life.state != TaskState::Retired))
    }
}

/// Runs what blocks beside the loop.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("the runtime is ending")
}
