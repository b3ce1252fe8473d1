//! What is remembered of a document, so that people are told of each trouble once.

use std::collections::HashSet;

use tracing::{info, warn};

use crate::document::Document;

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
    /// The content in which these keys could not be ticked.
    refused: (String, HashSet<String>),
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
            tasks: None,
        }
    }

    /// What is wrong with the file.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.trouble.as_deref().or(self.unwritable.as_deref())
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

    /// Whether this content was found not to let the key be ticked.
    pub(crate) fn was_refused(&self, hash: &str, key: &str) -> bool {
        self.refused.0 == hash && self.refused.1.contains(key)
    }

    /// Remembers what cannot be ticked in this content: said once.
    pub(crate) fn refuse(&mut self, hash: &str, refused: Vec<(String, String)>) {
        if self.refused.0 != hash {
            self.refused = (hash.to_owned(), HashSet::new());
        }
        for (key, why) in refused {
            warn!(path = self.document.path, key, "a finished task cannot be ticked: {why}");
            self.refused.1.insert(key);
        }
    }
}
