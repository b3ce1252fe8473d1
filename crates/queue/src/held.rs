//! Which entries this consumer has in its hands: delivered, and neither acknowledged nor dropped.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::entry::EntryId;

/// The ids of the held entries. Shared by the reader, the heartbeat and the deliveries themselves.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<BTreeSet<EntryId>>);

impl Held {
    /// Takes the entry in hand. False if it was already.
    pub(crate) fn take(&self, id: EntryId) -> bool {
        self.lock().insert(id)
    }

    pub(crate) fn release(&self, id: EntryId) {
        self.lock().remove(&id);
    }

    pub(crate) fn contains(&self, id: EntryId) -> bool {
        self.lock().contains(&id)
    }

    pub(crate) fn all(&self) -> Vec<EntryId> {
        self.lock().iter().copied().collect()
    }

    /// A set of ids is whole whenever the lock is free, also after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<EntryId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
