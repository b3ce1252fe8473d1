//! Moves what agents print from the log streams into lasting storage.

use std::collections::HashMap;
use std::time::Duration;

use coditect_core::AttemptId;
use coditect_queue::EntryId;
use coditect_queue::message::LogLine;
use coditect_store::{LogRow, keepable};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::Orchestrator;

/// How often the log streams are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// How many lines are moved in one transaction.
const BATCH: usize = 500;

/// How many transactions one log may take before it is the others' turn.
const BATCHES: usize = 20;

/// By how many lines the place is found up to which a log was moved: the last one alone may have been printed twice.
const TAIL: i64 = 64;

/// More lines than a stream keeps.
const WHOLE: usize = 10_000;

/// How far an attempt's log has been moved.
#[derive(Debug, Default)]
pub(crate) struct Progress {
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

    pub(crate) async fn drain_once(&self, progress: &mut HashMap<String, Progress>) -> anyhow::Result<()> {
        let attempts = self.queue.log_attempts().await?;
        progress.retain(|attempt, _| attempts.contains(attempt));
        let mut failed = Ok(());
        for name in attempts {
            let Ok(attempt) = name.parse::<AttemptId>() else { continue };
            // One that cannot be moved holds up no other.
            if let Err(error) = self.drain_log(&name, attempt, progress).await {
                failed = Err(error);
            }
        }
        failed
    }

    /// Moves what there is of an attempt's log; drops it once the attempt has ended and all of it is moved.
    async fn drain_log(
        &self,
        name: &str,
        attempt: AttemptId,
        progress: &mut HashMap<String, Progress>,
    ) -> anyhow::Result<()> {
        for _ in 0..BATCHES {
            // Of a database that was since replaced: it expires by itself.
            let Some(known) = self.store.attempt(attempt).await? else { return Ok(()) };
            if !progress.contains_key(name) {
                progress.insert(name.to_owned(), self.moved(name, attempt).await?);
            }
            let Some(done) = progress.get_mut(name) else { return Ok(()) };
            let lines = self.queue.read_log(name, done.last, BATCH).await?;
            if lines.is_empty() {
                if known.ended_at_ms.is_some() {
                    self.queue.delete_log(name).await?;
                }
                return Ok(());
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
            if lines.len() < BATCH && known.ended_at_ms.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// How far a log was moved by whoever led before. The stream keeps only the newest lines: what comes after the last
    /// one that is stored is new, and if that one is gone, so is all of it.
    async fn moved(&self, name: &str, attempt: AttemptId) -> anyhow::Result<Progress> {
        let stored = self.store.log_tail(attempt, TAIL).await?;
        let Some(seq) = stored.last().map(|row| row.seq) else { return Ok(Progress::default()) };
        let lines = self.queue.read_log(name, None, WHOLE).await?;
        let same = |line: &LogLine, row: &LogRow| {
            line.at_ms == row.at_ms && line.kind == row.kind && keepable(&line.text) == row.text
        };
        let ends_here = |end: &usize| {
            let before = lines.iter().take(end + 1).rev();
            before.zip(stored.iter().rev()).all(|((_, line), row)| same(line, row))
        };
        let last = (0..lines.len()).rev().find(ends_here).and_then(|end| lines.get(end)).map(|(id, _)| *id);
        Ok(Progress { last, seq })
    }

    /// Whether everything that was printed is in lasting storage. What a Redis that is away may still have is not waited for.
    pub(crate) async fn is_drained(&self, attempt: AttemptId) -> bool {
        !self.queue.read_log(&attempt.to_string(), None, 1).await.is_ok_and(|lines| !lines.is_empty())
    }
}
