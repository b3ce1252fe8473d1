//! Backups of the database: written at intervals, listed for people.

use std::path::Path;
use std::time::Duration;

use coditect_core::Clock;
use coditect_proto::v1;
use coditect_store::backup;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Orchestrator;

/// How often it is looked whether a backup is due.
const LOOK: Duration = Duration::from_secs(30);

impl Orchestrator {
    /// Writes backups until the service drains.
    pub(crate) async fn keep_backups(self, drain: CancellationToken) {
        let Some(interval) = self.config().backup.interval() else { return };
        let mut failing = false;
        loop {
            tokio::select! {
                () = drain.cancelled() => return,
                () = tokio::time::sleep(LOOK.min(interval)) => {}
            }
            let done = tokio::select! {
                () = drain.cancelled() => return,
                done = self.back_up_if_due(interval) => done,
            };
            match done {
                Ok(()) => failing = false,
                Err(error) if failing => tracing::debug!(cause = format!("{error:#}"), "still no backup"),
                Err(error) => {
                    warn!(cause = format!("{error:#}"), "no backup could be written; will be tried again");
                    failing = true;
                }
            }
        }
    }

    /// Writes a backup if the newest is too old and there is anything to keep, and removes what are too many.
    async fn back_up_if_due(&self, interval: Duration) -> anyhow::Result<()> {
        let config = self.config();
        let folder = Path::new(&config.backup.directory);
        let now_ms = self.clock.now_ms();
        let newest = backup::list(folder)?.first().map(|file| file.manifest.at_ms);
        let due = newest.is_none_or(|at| now_ms - at >= i64::try_from(interval.as_millis()).unwrap_or(i64::MAX));
        if !due || self.store.revision().await? == 0 {
            return Ok(());
        }
        let written = self.store.back_up(folder, now_ms).await?;
        info!(file = %written.path.display(), bytes = written.bytes, "the database was backed up");
        let keep = usize::try_from(config.backup.keep).unwrap_or(usize::MAX);
        for old in backup::list(folder)?.into_iter().skip(keep) {
            old.remove()?;
        }
        Ok(())
    }

    /// The backups there are, newest first.
    pub(crate) async fn backups(&self) -> anyhow::Result<Vec<v1::Backup>> {
        let folder = self.config().backup.directory.clone();
        let files = tokio::task::spawn_blocking(move || backup::list(Path::new(&folder))).await??;
        Ok(files.into_iter().map(shown).collect())
    }
}

fn shown(file: backup::BackupFile) -> v1::Backup {
    v1::Backup {
        file: file.path.display().to_string(),
        bytes: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        at_ms: file.manifest.at_ms,
        tasks: file.manifest.rows("tasks"),
        events: file.manifest.rows("task_events"),
    }
}
