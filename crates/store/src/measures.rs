//! What is counted from the history: what the figures are made of.

use crate::change::get;
use crate::{Store, StoreError};

/// What the figures are made of. Everything follows from `tasks`, `attempts` and `task_events` alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures {
    /// Tasks that are planned: all but those that were cancelled or are gone from the plan.
    pub planned: i64,
    /// Tasks that are completed or left out.
    pub completed: i64,
    /// Tasks whose current generation an attempt has landed, and that are completed.
    pub landed: i64,
    /// Of those, the ones that no person had a hand in, in that generation.
    pub landed_alone: i64,
    /// Tasks that have been attempted in their current generation and need a person or were given up.
    pub stopped: i64,
    /// Tasks that have been attempted in their current generation and rest: landed, stopped, or ended by a person.
    pub settled: i64,
    /// When tasks became ready and when they were then assigned, in the order of the latter.
    pub dispatches: Vec<(i64, i64)>,
    /// Attempts that landed, of whatever generation.
    pub landings: i64,
    /// When attempts were opened and when they ended, in the order in which they were opened.
    pub attempts: Vec<(i64, Option<i64>)>,
}

/// What happened within a length of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins.
    pub at_ms: i64,
    /// Tasks that were completed in it.
    pub completed: i64,
    /// Attempts that failed in it.
    pub failed: i64,
}

/// What attempts came to, by agent or by account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The agent's or account's name.
    pub name: String,
    /// Open attempts.
    pub active: i64,
    /// Attempts that landed.
    pub landed: i64,
    /// Attempts that failed.
    pub failed: i64,
    /// What those that ended since the time asked for cost, in millionths of a dollar.
    pub cost_micros: i64,
}

/// Of one task, with its generation's attempts and events beside it.
const WORKED: &str = "\
    SELECT COUNT(CASE WHEN state NOT IN ('cancelled', 'retired') THEN 1 END) AS planned, \
    COUNT(CASE WHEN state IN ('completed', 'skipped') THEN 1 END) AS completed, \
    COUNT(CASE WHEN state = 'completed' AND landed = 1 THEN 1 END) AS landed, \
    COUNT(CASE WHEN state = 'completed' AND landed = 1 AND person = 0 THEN 1 END) AS landed_alone, \
    COUNT(CASE WHEN state IN ('needs_human', 'failed') AND worked = 1 THEN 1 END) AS stopped, \
    COUNT(CASE WHEN state IN ('completed', 'needs_human', 'failed', 'cancelled', 'skipped') AND worked = 1 THEN 1 END) \
    AS settled FROM (SELECT t.state, \
    CASE WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.task_id = t.id AND a.generation = t.generation) \
    THEN 1 ELSE 0 END AS worked, \
    CASE WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.task_id = t.id AND a.generation = t.generation \
    AND a.state = 'landed') THEN 1 ELSE 0 END AS landed, \
    CASE WHEN EXISTS (SELECT 1 FROM task_events e WHERE e.task_id = t.id AND substr(e.actor, 1, 7) = 'person:' \
    AND e.id > COALESCE((SELECT MAX(r.id) FROM task_events r WHERE r.task_id = t.id AND r.from_state = 'completed' \
    AND r.to_state = 'pending'), '')) THEN 1 ELSE 0 END AS person FROM tasks t) AS worked_tasks";

const DISPATCHES: &str = "\
    SELECT before_ms, at_ms FROM (SELECT to_state, at_ms, \
    LAG(at_ms) OVER (PARTITION BY task_id ORDER BY id) AS before_ms, \
    LAG(to_state) OVER (PARTITION BY task_id ORDER BY id) AS before_state FROM task_events \
    WHERE to_state IN ('ready', 'assigned', 'pending')) AS moves \
    WHERE to_state = 'assigned' AND before_state = 'ready' ORDER BY at_ms";

impl Store {
    /// A number that is another one as soon as any task has changed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        let (sum,): (i64,) = sqlx::query_as("SELECT CAST(COALESCE(SUM(version), 0) + COUNT(*) AS BIGINT) FROM tasks")
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::during("count changes"))?;
        Ok(sum)
    }

    /// What the figures are made of, counted from the whole history.
    ///
    /// # Errors
    /// The database failed.
    pub async fn measures(&self) -> Result<Measures, StoreError> {
        let counting = || StoreError::during("count the history");
        let row = sqlx::query(WORKED).fetch_one(&self.pool).await.map_err(counting())?;
        let dispatches: Vec<(i64, i64)> = sqlx::query_as(DISPATCHES).fetch_all(&self.pool).await.map_err(counting())?;
        let attempts: Vec<(i64, Option<i64>, String)> =
            sqlx::query_as("SELECT assigned_at_ms, ended_at_ms, state FROM attempts ORDER BY assigned_at_ms, id")
                .fetch_all(&self.pool)
                .await
                .map_err(counting())?;
        let landings = attempts.iter().filter(|(.., state)| state == "landed").count();
        Ok(Measures {
            planned: get(&row, "planned")?,
            completed: get(&row, "completed")?,
            landed: get(&row, "landed")?,
            landed_alone: get(&row, "landed_alone")?,
            stopped: get(&row, "stopped")?,
            settled: get(&row, "settled")?,
            dispatches,
            landings: i64::try_from(landings).unwrap_or(i64::MAX),
            attempts: attempts.into_iter().map(|(opened, ended, _)| (opened, ended)).collect(),
        })
    }

    /// When the history begins, not before `since_ms`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn history_begins(&self, since_ms: i64) -> Result<Option<i64>, StoreError> {
        let (first,): (Option<i64>,) = sqlx::query_as("SELECT MIN(at_ms) FROM task_events WHERE at_ms >= $1")
            .bind(since_ms)
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::during("read history"))?;
        Ok(first)
    }

    /// What was completed and what failed since `since_ms`, in lengths of `bucket_ms`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn history(&self, since_ms: i64, bucket_ms: i64) -> Result<Vec<Bucket>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT bucket, COUNT(CASE WHEN what = 'completed' THEN 1 END), COUNT(CASE WHEN what = 'failed' THEN 1 END) \
             FROM (SELECT at_ms - at_ms % $2 AS bucket, 'completed' AS what FROM task_events \
             WHERE at_ms >= $1 AND to_state = 'completed' AND from_state <> 'completed' \
             UNION ALL SELECT ended_at_ms - ended_at_ms % $2 AS bucket, 'failed' AS what FROM attempts \
             WHERE ended_at_ms >= $1 AND state = 'failed') AS happened GROUP BY bucket ORDER BY bucket",
        )
        .bind(since_ms)
        .bind(bucket_ms.max(1))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read history"))?;
        Ok(rows.into_iter().map(|(at_ms, completed, failed)| Bucket { at_ms, completed, failed }).collect())
    }

    /// What attempts came to by agent; costs of those that ended since `since_ms`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tally_by_agent(&self, since_ms: i64) -> Result<Vec<Tally>, StoreError> {
        self.tally(
            "SELECT agent AS name, COUNT(CASE WHEN ended_at_ms IS NULL THEN 1 END) AS active, \
             COUNT(CASE WHEN state = 'landed' THEN 1 END) AS landed, \
             COUNT(CASE WHEN state = 'failed' THEN 1 END) AS failed, \
             CAST(COALESCE(SUM(CASE WHEN ended_at_ms >= $1 THEN cost_micros END), 0) AS BIGINT) AS cost \
             FROM attempts GROUP BY agent ORDER BY agent",
            since_ms,
        )
        .await
    }

    /// What attempts came to by account; costs of those that ended since `since_ms`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tally_by_account(&self, since_ms: i64) -> Result<Vec<Tally>, StoreError> {
        self.tally(
            "SELECT account AS name, COUNT(CASE WHEN ended_at_ms IS NULL THEN 1 END) AS active, \
             COUNT(CASE WHEN state = 'landed' THEN 1 END) AS landed, \
             COUNT(CASE WHEN state = 'failed' THEN 1 END) AS failed, \
             CAST(COALESCE(SUM(CASE WHEN ended_at_ms >= $1 THEN cost_micros END), 0) AS BIGINT) AS cost \
             FROM attempts GROUP BY account ORDER BY account",
            since_ms,
        )
        .await
    }

    async fn tally(&self, statement: &'static str, since_ms: i64) -> Result<Vec<Tally>, StoreError> {
        sqlx::query(statement)
            .bind(since_ms)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("count attempts"))?
            .iter()
            .map(|row| {
                Ok(Tally {
                    name: get(row, "name")?,
                    active: get(row, "active")?,
                    landed: get(row, "landed")?,
                    failed: get(row, "failed")?,
                    cost_micros: get(row, "cost")?,
                })
            })
            .collect()
    }
}
