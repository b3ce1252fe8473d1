//! The two directions, for each document: file to database, and ticks from the database into the file.
//!
//! Level-triggered: every step compares what is there and can be repeated, or cut off, at any point. A tick whose note
//! in the database was lost is found by the next sync as content whose markers agree with the tasks' states, from
//! which no wish arises.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use coditect_core::{TaskId, TaskState};
use coditect_store::{DocumentRow, Store, Synced, TickDue};
use tracing::info;

use crate::document::Document;
use crate::file::{Content, Replaced};
use crate::planned::planned;
use crate::source::Source;
use crate::ticks;
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
    plans: Vec<Tracked>,
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

/// What a try to tick came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticked {
    /// Nothing was to be ticked, or nothing could be.
    Nothing,
    /// So many tasks were ticked.
    Done(usize),
    /// The file has changed and must be synced first.
    Behind,
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
        Self { store, source: Source::WorkingTree { root: PathBuf::new() }, doubt_ms, plans }
    }

    /// Reads and writes the documents in `source` instead of the working tree.
    #[must_use]
    pub fn within(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// Looks at once whether something has changed, where that is not seen anyway.
    pub async fn refresh(&self) {
        self.source.refresh().await;
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
        self.plans.iter().filter_map(|plan| Some((plan.document.path.as_str(), plan.wrong()?)))
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
            Err(trouble) => return Ok(Looked::Unreadable(trouble)),
        };
        let known = self.row(at).await?;
        if known.is_some_and(|known| known.hash == content.hash) {
            self.plans[at].empty_since_ms = None;
            return Ok(Looked::InStep);
        }
        if self.may_be_half_written(at, &content, now_ms).await? {
            return Ok(Looked::HalfWritten);
        }
        let document = self.plans[at].document.clone();
        let planned = off_thread(move || {
            let plan = coditect_plan::parse(&document.path, &content.text);
            planned(&document, &content.hash, &plan)
        })
        .await?;
        let mut tx = self.store.begin().await?;
        let synced = tx.sync_document(&planned, PERSON, now_ms).await?;
        tx.apply_adopted(&planned.id, now_ms).await?;
        tx.commit().await?;
        let tasks = i64::try_from(planned.tasks.len()).unwrap_or(i64::MAX);
        self.plans[at].tasks = Some(tasks);
        let Synced { revision, changed, stale, ref wishes } = synced;
        info!(path = planned.path, revision, tasks, changed, stale, wishes = wishes.len(), "plan synced");
        Ok(Looked::Synced(synced))
    }

    /// Ticks the boxes of completed tasks.
    ///
    /// # Errors
    /// The database failed. The file may have been written by then: the next sync finds it.
    pub async fn tick(&mut self, at: usize, now_ms: i64) -> anyhow::Result<Ticked> {
        self.adopt(at, now_ms).await?;
        let mut due = self.store.ticks_due(&self.plans[at].document.id).await?;
        if due.is_empty() {
            return Ok(Ticked::Nothing);
        }
        let Ok(content) = self.read(at).await? else { return Ok(Ticked::Nothing) };
        let known = self.row(at).await?;
        if known.is_none_or(|known| known.hash != content.hash) {
            return Ok(Ticked::Behind);
        }
        due.retain(|tick| !self.plans[at].was_refused(&content.hash, &tick.key));
        let edited = ticks::tick(
            &self.plans[at].document.path,
            &content.text,
            &due.iter().map(|tick| tick.key.as_str()).collect::<Vec<_>>(),
        );
        self.plans[at].refuse(&content.hash, edited.refused);
        if edited.ticked.is_empty() {
            return Ok(Ticked::Nothing);
        }
        let new = Content::new(edited.text);
        if new != content {
            match self.write(at, content, new.text).await? {
                Some(Replaced::Written) => {}
                Some(Replaced::Changed) => return Ok(Ticked::Behind),
                None => return Ok(Ticked::Nothing),
            }
        }
        self.note(at, &new.hash, &edited.ticked, now_ms).await?;
        self.report(at, &due, edited.ticked.len());
        Ok(Ticked::Done(edited.ticked.len()))
    }

    /// Lets rows that were imported take effect, where they wait: the import and the sync may have missed each other.
    async fn adopt(&self, at: usize, now_ms: i64) -> anyhow::Result<()> {
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
    async fn read(&mut self, at: usize) -> anyhow::Result<Result<Content, String>> {
        Ok(match self.source.read(&self.plans[at].document).await {
            Ok(content) => {
                self.plans[at].is_read();
                Ok(content)
            }
            Err(unreadable) => Err(self.plans[at].is_unreadable(unreadable.to_string())),
        })
    }

    /// Writes the file. `None`: it cannot be written.
    async fn write(&mut self, at: usize, old: Content, new: String) -> anyhow::Result<Option<Replaced>> {
        match self.source.replace(&self.plans[at].document, &old.text, &new).await {
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

    async fn note(&self, at: usize, hash: &str, keys: &[String], now_ms: i64) -> anyhow::Result<()> {
        let document = &self.plans[at].document.id;
        let ticked: Vec<_> = keys.iter().map(|key| TaskId::new(document, key)).collect();
        let mut tx = self.store.begin().await?;
        tx.document_written(document, hash, &ticked, now_ms).await?;
        Ok(tx.commit().await?)
    }

    fn report(&mut self, at: usize, due: &[TickDue], ticked: usize) {
        let keys = due.iter().take(8).map(|tick| tick.key.as_str()).collect::<Vec<_>>().join(", ");
        info!(path = self.plans[at].document.path, ticked, keys, "ticked in the plan");
    }

    async fn row(&self, at: usize) -> anyhow::Result<Option<DocumentRow>> {
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
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("the runtime is ending")
}
