//! Documents that come and go while the daemon runs, and what they mean to each other.

use std::sync::Arc;

use coditect_core::TaskId;
use coditect_plan::Plan;
use coditect_plan::links::{self, Linked, LinkedDocument};
use coditect_service::plan_files::PlanFiles;
use coditect_store::PlannedDocument;
use tracing::info;

use crate::discovery::{Found, PlanSet};
use crate::document::Document;
use crate::file::Content;
use crate::planned::planned;
use crate::source::Source;
use crate::sync::PlanSync;
use crate::tracked::Tracked;

/// For so long a file that was found, and is gone, is waited for: it may be about to be saved, or moved.
pub const ABSENCE_MS: i64 = 10_000;

/// A document whose dependencies changed because another did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relinked {
    /// Its place.
    pub at: usize,
    /// Its revision.
    pub revision: i64,
    /// How many of its tasks, or of their dependencies, changed.
    pub changed: i64,
}

impl PlanSync {
    /// Takes over which documents there are; answers the places of those that are new or have another file now. Those
    /// that are not found any more stay, for their tasks do.
    pub fn refresh(&mut self, found: Found) -> Vec<usize> {
        let mut changed = Vec::new();
        for document in found.documents {
            let Some(at) = self.plans.iter().position(|plan| plan.document.id == document.id) else {
                // The file may be known by another name: one that lost its front matter, say, and is being saved.
                if self.plans.iter().any(|plan| plan.document.file == document.file && plan.document.file.exists()) {
                    continue;
                }
                info!(path = document.path, id = document.id, "a plan is followed");
                self.plans.push(Tracked::new(document));
                changed.push(self.plans.len() - 1);
                continue;
            };
            if self.plans[at].document != document {
                info!(from = self.plans[at].document.path, to = document.path, "a plan has another file");
                self.plans[at] = Tracked::new(document);
                changed.push(at);
            }
        }
        self.unfit = found.troubles;
        changed
    }

    /// Which documents there are where files can only be listed; nothing if they cannot be.
    pub async fn look_listed(&self, set: &PlanSet) -> Option<Found> {
        let listing = self.source().list().await.ok()?;
        let mut found = Found::default();
        for document in set.listed(&listing) {
            if !document.found {
                found.documents.push(document);
                continue;
            }
            let Ok(content) = self.source().read(&document).await else { continue };
            let plan = document.parse(&content.text);
            if PlanFiles::is_plan(&plan) {
                found.add(Document { id: plan.document_id(), ..document });
            }
        }
        Some(found)
    }

    /// The documents, by place.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.plans.iter().map(|plan| &plan.document)
    }

    /// Whether a document that was found by looking has been gone for long enough to be believed.
    pub(crate) fn is_gone(&mut self, at: usize, now_ms: i64) -> bool {
        let there = match self.source() {
            Source::WorkingTree { .. } => self.plans[at].document.file.exists(),
            Source::Git(_) => !self.plans[at].missing,
        };
        let plan = &mut self.plans[at];
        if !plan.document.found || there {
            return false;
        }
        now_ms.saturating_sub(*plan.absent_since_ms.get_or_insert(now_ms)) >= ABSENCE_MS
    }

    /// Whether the tasks of a document that is gone are to be retired now.
    ///
    /// # Errors
    /// The database failed.
    pub async fn is_leaving(&mut self, at: usize, now_ms: i64) -> anyhow::Result<bool> {
        if !self.is_gone(at, now_ms) {
            return Ok(false);
        }
        Ok(self.row(at).await?.is_some_and(|row| row.hash != nothing().hash))
    }

    /// Reads what was not read yet, so that the first document is linked to the last one as well.
    ///
    /// # Errors
    /// The runtime is ending.
    pub async fn preload(&mut self) -> anyhow::Result<()> {
        for at in 0..self.plans.len() {
            if self.plans[at].last_read().is_none()
                && let Ok(content) = self.read(at).await?
            {
                self.plan(at, &content).await?;
            }
        }
        Ok(())
    }

    /// What a document's tasks wait for elsewhere has been written. What others wait for in it is to be written again:
    /// its tasks may not have been there before.
    pub(crate) fn is_linked(&mut self, at: usize, links: String) {
        self.plans[at].links = Some(links);
        let name = format!("\"{}/", self.plans[at].document.id);
        for (_, other) in self.plans.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            other.links = other.links.take().filter(|links| !links.contains(&name));
        }
    }

    /// What the database is to know of a document, with what its tasks wait for in others.
    pub(crate) fn planned(&self, at: usize, content: &Content, plan: &Arc<Plan>) -> PlannedDocument {
        let mut planned = planned(&self.plans[at].document, content, plan);
        let read = self.read_plans(Some((at, plan)));
        let linked = link(&read);
        if let Some(place) = read.iter().position(|(other, _)| *other == at)
            && let Some(own) = linked.documents.get(place)
        {
            self.add_links(&mut planned, own, &read);
        }
        planned
    }

    /// Brings what tasks wait for in other documents up to date, where another document changed it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn relink(&mut self, now_ms: i64) -> anyhow::Result<Vec<Relinked>> {
        let read = self.read_plans(None);
        let linked = link(&read);
        let mut relinked = Vec::new();
        for ((at, plan), own) in read.iter().zip(&linked.documents) {
            let Some(row) = self.row(*at).await? else { continue };
            // What is about to be synced is linked by that.
            if self.plans[*at].plan(&row.hash).is_none() {
                continue;
            }
            let content = Content { text: String::new(), hash: row.hash };
            let mut planned = planned(&self.plans[*at].document, &content, plan);
            self.add_links(&mut planned, own, &read);
            let links = links_of(&planned);
            if self.plans[*at].links.as_ref() == Some(&links) {
                continue;
            }
            let mut tx = self.store().begin().await?;
            let changed = tx.relink_document(planned, now_ms).await?;
            tx.commit().await?;
            self.plans[*at].links = Some(links);
            if changed > 0 {
                info!(path = self.plans[*at].document.path, changed, "what tasks wait for in other plans changed");
                relinked.push(Relinked { at: *at, revision: row.revision, changed });
            }
        }
        Ok(relinked)
    }

    /// What every document was last read as; `instead`: that one reads as this.
    fn read_plans(&self, instead: Option<(usize, &Arc<Plan>)>) -> Vec<(usize, Arc<Plan>)> {
        let read = |(at, plan): (usize, &Tracked)| match instead {
            Some((place, plan)) if place == at => Some((at, Arc::clone(plan))),
            _ => Some((at, plan.last_read()?)),
        };
        self.plans.iter().enumerate().filter_map(read).collect()
    }

    fn add_links(&self, planned: &mut PlannedDocument, own: &LinkedDocument, read: &[(usize, Arc<Plan>)]) {
        planned.diagnostics = serde_json::to_string(&own.diagnostics).unwrap_or_else(|_| "[]".to_owned());
        for (task, linked) in planned.tasks.iter_mut().zip(&own.tasks) {
            task.dangling = linked.unresolved.iter().map(|reference| reference.text.clone()).collect();
            for link in &linked.links {
                let Some((at, plan)) = read.get(link.document) else { continue };
                let (Some(other), Some(target)) = (self.plans.get(*at), plan.tasks.get(link.task)) else { continue };
                task.depends_on.push(match other.document.id == planned.id {
                    true => target.key.clone(),
                    false => TaskId::new(&other.document.id, &target.key).to_string(),
                });
            }
        }
    }
}

/// What a document's tasks wait for elsewhere, and what leads nowhere.
pub(crate) fn links_of(planned: &PlannedDocument) -> String {
    let tasks = planned.tasks.iter().map(|task| {
        let abroad: Vec<_> = task.depends_on.iter().filter(|on| on.contains('/')).collect();
        serde_json::json!([task.key, abroad, task.dangling])
    });
    serde_json::Value::from_iter(tasks).to_string()
}

fn link(read: &[(usize, Arc<Plan>)]) -> Linked {
    links::link(&read.iter().map(|(_, plan)| plan.as_ref()).collect::<Vec<_>>())
}

/// What a document without a file holds.
pub(crate) fn nothing() -> Content {
    Content::new(String::new())
}

/// Whether a document is one that is known to hold nothing.
pub(crate) fn is_nothing(document: &Document, hash: &str) -> bool {
    document.found && hash == nothing().hash
}
