//! What a daemon that was killed in the middle of a write left beside a plan file.
//!
//! A file is replaced by exchanging it for another one, and what was exchanged is looked at afterwards: if somebody saved in
//! that very moment, it is put back. Killed in between, what was saved lies beside the plan, and is put back here.

use std::path::Path;

use tracing::{info, warn};

use crate::source::Source;
use crate::source::file;
use crate::sync::{PlanSync, off_thread};

impl PlanSync {
    /// Puts back what a person saved, and clears away the rest. Nothing is removed that is not known to be of no use.
    ///
    /// # Errors
    /// The database failed.
    pub async fn recover(&mut self) -> anyhow::Result<()> {
        if let Source::Git(_) = self.source() {
            return Ok(());
        }
        for at in 0..self.len() {
            let document = self.document(at).clone();
            let (file, plan) = (document.file.clone(), document.file.clone());
            // A file that is not there has nothing beside it that could be put back.
            let Ok(leftovers) = off_thread(move || file::leftovers(&file)).await? else { continue };
            for leftover in leftovers {
                self.settle_leftover(at, &document.id, &plan, &leftover).await?;
            }
        }
        Ok(())
    }

    async fn settle_leftover(&mut self, at: usize, document: &str, plan: &Path, leftover: &Path) -> anyhow::Result<()> {
        let Ok(now) = self.read(at).await? else { return Ok(()) };
        let Ok(bytes) = std::fs::read(leftover) else { return Ok(()) };
        let (own, shown) = (file::hash(&bytes), leftover.display().to_string());
        let store = self.store();
        let known = store.was_synced(document, &own).await? || store.is_intended(document, &own).await?;
        if !known && store.is_intended(document, &now.hash).await? {
            match file::put_back(leftover, plan) {
                Ok(()) => info!(path = %plan.display(), "what was saved while it was being written is put back"),
                Err(error) => warn!(leftover = shown, %error, "what was saved cannot be put back; it is in this file"),
            }
        } else if known || self.row(at).await?.is_some_and(|row| row.hash == now.hash) {
            // Known anyway; or never put in place, for the plan is as it was synced.
            let _ = std::fs::remove_file(leftover);
        } else {
            warn!(leftover = shown, "was left by a write that was cut off; look whether anything in it is missed");
        }
        Ok(())
    }
}
