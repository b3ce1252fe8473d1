//! Moves what agents print from the log streams into lasting storage.

use std::collections::HashMap;
use std::time::Duration;

use coditect_core::AttemptId;
use coditect_queue::EntryId;
use coditect_store::LogRow;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::Orchestrator;

/// How often the log streams are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// How many lines are moved in one transaction.
const BATCH: usize = 500;

/// How far an attempt's log has been moved.
#[derive(Debug, Default)]
struct Progress {
    last: Option<EntryId>,
    seq: i64,
}

impl Orchestrator {
    /// Moves log lines until the service drains.
    pub(crate) async fn drain_logs(self, drain: CancellationToken) {
        let mut progress = HashMap::new();
        loop {
            if let Err(error) = self.drain_once(&mut progress).await {
                debug!(error = format!("{error:#}"), "logs were not moved; will be tried again");
            }
            tokio::select! {
                () = drain.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn drain_once(&self, progress: &mut HashMap<String, Progress>) -> anyhow::Result<()> {
        let attempts = self.queue.log_attempts().await?;
        progress.retain(|attempt, _| attempts.contains(attempt));
        for name in attempts {
            let Ok(attempt) = name.parse::<AttemptId>() else { continue };
            let known = self.store.attempt(attempt).await?;
            let done = progress.entry(name.clone()).or_default();
            let lines = self.queue.read_log(&name, done.last, BATCH).await?;
            match &known {
                // Of a database that was since replaced: it expires by itself.
                None => continue,
                Some(known) if lines.is_empty() && known.ended_at_ms.is_some() => {
                    self.queue.delete_log(&name).await?;
                    continue;
                }
                Some(_) if lines.is_empty() => continue,
                Some(_) => {}
            }
            let rows: Vec<LogRow> = (done.seq + 1..)
                .zip(&lines)
                .map(|(seq, (_, line))| LogRow {
                    seq,
                    at_ms: line.at_ms,
                    kind: line.kind.clone(),
                    text: line.text.clone(),
                })
                .collect();
            let mut tx = self.store.begin().await?;
            tx.append_log(attempt, &rows).await?;
            tx.commit().await?;
            done.seq += i64::try_from(rows.len()).unwrap_or(0);
            done.last = lines.last().map(|(id, _)| *id);
        }
        Ok(())
    }
}
