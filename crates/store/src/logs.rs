//! What agents printed, in lasting storage.

use coditect_core::AttemptId;
use sqlx::any::AnyRow;

use crate::change::{get, keepable};
use crate::{Store, StoreError, Tx};

/// A line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Its number within the attempt, from 1.
    pub seq: i64,
    /// When it was printed.
    pub at_ms: i64,
    /// `stdout`, `stderr` or `harness`.
    pub kind: String,
    /// The line.
    pub text: String,
}

impl Tx {
    /// Appends lines to an attempt's log.
    ///
    /// # Errors
    /// The database failed.
    pub async fn append_log(&mut self, attempt: AttemptId, lines: &[LogRow]) -> Result<(), StoreError> {
        let attempt = attempt.to_string();
        for line in lines {
            sqlx::query(
                "INSERT INTO agent_execution_log (attempt_id, seq, at_ms, kind, text) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (attempt_id, seq) DO NOTHING",
            )
            .bind(&attempt)
            .bind(line.seq)
            .bind(line.at_ms)
            .bind(keepable(&line.kind))
            .bind(keepable(&line.text))
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("keep a log"))?;
        }
        Ok(())
    }
}

impl Store {
    /// The last lines of an attempt's log, at most `limit` of them, in their order.
    ///
    /// # Errors
    /// The database failed.
    pub async fn log_tail(&self, attempt: AttemptId, limit: i64) -> Result<Vec<LogRow>, StoreError> {
        sqlx::query(
            "SELECT seq, at_ms, kind, text FROM agent_execution_log WHERE attempt_id = $1 ORDER BY seq DESC LIMIT $2",
        )
        .bind(attempt.to_string())
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read a log"))?
        .iter()
        .rev()
        .map(line)
        .collect()
    }

    /// At most `limit` lines of an attempt's log after line `after`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn log(&self, attempt: AttemptId, after: i64, limit: i64) -> Result<Vec<LogRow>, StoreError> {
        sqlx::query(
            "SELECT seq, at_ms, kind, text FROM agent_execution_log WHERE attempt_id = $1 AND seq > $2 \
             ORDER BY seq LIMIT $3",
        )
        .bind(attempt.to_string())
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read a log"))?
        .iter()
        .map(line)
        .collect()
    }
}

fn line(row: &AnyRow) -> Result<LogRow, StoreError> {
    Ok(LogRow { seq: get(row, "seq")?, at_ms: get(row, "at_ms")?, kind: get(row, "kind")?, text: get(row, "text")? })
}
