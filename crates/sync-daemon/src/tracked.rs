//! What is remembered of a document: what it reads as, and what people were told of it, so that they are told once.

use std::collections::HashSet;
use std::sync::Arc;

use coditect_plan::{MarkerStatus, Plan};
use tracing::{info, warn};

use crate::document::Document;
use crate::ticks::Refused;

/// A document, and what has been said of it.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) document: Document,
    /// Why the file cannot be read, as it was logged.
    pub(crate) trouble: Option<String>,
    /// Why the file cannot be written, as it was logged.
    pub(crate) unwritable: Option<String>,
    /// Since when the file has been empty although it has tasks.
    pub(crate) empty_since_ms: Option<i64>,
    /// The content in which these tasks could not be marked so.
    refused: (String, HashSet<(String, MarkerStatus)>),
    /// What could not be marked in any content, and why, as it was logged.
    told: HashSet<(String, String)>,
    /// The content that was read last, by its hash, and what it reads as: one that is known is not read twice.
    read: Option<(String, Arc<Plan>)>,
    /// How many tasks it had when it was last synced by this process.
    pub(crate) tasks: Option<i64>,
}

impl Tracked {
    pub(crate) fn new(document: Document) -> Self {
        Self {
            document,
            trouble: None,
            unwritable: None,
            empty_since_ms: None,
            refused: (String::new(), HashSet::new()),
            told: HashSet::new(),
            read: None,
            tasks: None,
        }
    }

    /// What is wrong with the file.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.trouble.as_deref().or(self.unwritable.as_deref())
    }

    /// What the content of this hash reads as, if it is known.
    pub(crate) fn plan(&self, hash: &str) -> Option<Arc<Plan>> {
        self.read.as_ref().filter(|(known, _)| known == hash).map(|(_, plan)| Arc::clone(plan))
    }

    /// Remembers what a content reads as.
    pub(crate) fn reads_as(&mut self, hash: &str, plan: Arc<Plan>) {
        self.read = Some((hash.to_owned(), plan));
    }

    /// The file cannot be read: said once for each cause.
    pub(crate) fn is_unreadable(&mut self, trouble: String) -> String {
        self.say(self.trouble.as_deref(), &trouble);
        self.trouble = Some(trouble.clone());
        trouble
    }

    /// The file cannot be written: said once for each cause.
    pub(crate) fn is_unwritable(&mut self, trouble: String) {
        self.say(self.unwritable.as_deref(), &trouble);
        self.unwritable = Some(trouble);
    }

    fn say(&self, said: Option<&str>, trouble: &str) {
        if said != Some(trouble) {
            warn!(path = %self.document.file.display(), "plan file: {trouble}");
        }
    }

    /// The file can be read.
    pub(crate) fn is_read(&mut self) {
        if self.trouble.take().is_some() {
            info!(path = %self.document.file.display(), "the plan file can be read again");
        }
    }

    /// Whether this content was found not to let the task be marked so.
    pub(crate) fn was_refused(&self, hash: &str, key: &str, marker: MarkerStatus) -> bool {
        self.refused.0 == hash && self.refused.1.contains(&(key.to_owned(), marker))
    }

    /// Remembers what cannot be marked in this content: said once, however often the content changes.
    pub(crate) fn refuse(&mut self, hash: &str, refused: Vec<Refused>, marks: &[(&str, MarkerStatus)]) {
        if self.refused.0 != hash {
            self.refused = (hash.to_owned(), HashSet::new());
        }
        for Refused { key, why } in refused {
            let marker =
                marks.iter().find(|(known, _)| *known == key).map_or(MarkerStatus::Pending, |(_, marker)| *marker);
            if let Some(why) = why
                && self.told.insert((key.clone(), why.clone()))
            {
                warn!(path = self.document.path, key, %marker, "a task cannot be marked in the plan: {why}");
            }
            self.refused.1.insert((key, marker));
        }
    }
}
