//! Requests of accounts that are paused wait here: neither failed nor sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

/// The accounts that are paused now. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Holds(Arc<watch::Sender<BTreeSet<String>>>);

impl Default for Holds {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeSet::new())))
    }
}

impl Holds {
    /// From now on these accounts are paused, and no others.
    pub fn set(&self, accounts: impl IntoIterator<Item = String>) {
        let accounts = accounts.into_iter().collect();
        self.0.send_if_modified(|paused| {
            let changes = *paused != accounts;
            *paused = accounts;
            changes
        });
    }

    pub(crate) fn holds(&self, account: &str) -> bool {
        self.0.borrow().contains(account)
    }

    /// Waits until the account is not paused.
    pub(crate) async fn released(&self, account: &str) {
        // It cannot fail: this holds a sender.
        let _ = self.0.subscribe().wait_for(|paused| !paused.contains(account)).await;
    }
}
