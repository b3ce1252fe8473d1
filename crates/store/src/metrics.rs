//! Counts for metrics, each one statement over the tables as they are.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::{Store, StoreError};

/// How long the attempts of an agent took that landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    /// The agent.
    pub agent: String,
    /// How many there are.
    pub count: i64,
    /// The sum, in milliseconds.
    pub sum_ms: i64,
    /// How many took at most [`DURATION_BOUNDS_MS`], each bound counting those of the bounds before.
    pub within: Vec<i64>,
}

/// What attempts used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The account.
    pub account: String,
    /// The agent.
    pub agent: String,
    /// Millionths of a dollar.
    pub cost_micros: i64,
    /// Tokens read.
    pub tokens_in: i64,
    /// Tokens written.
    pub tokens_out: i64,
}

/// The bounds by which durations are counted, in milliseconds.
pub const DURATION_BOUNDS_MS: [i64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000,
    3_600_000, 7_200_000,
];

macro_rules! within {
    ($($bound:literal),+) => {
        concat!(
            "SELECT agent, COUNT(*) AS count, CAST(SUM(ended_at_ms - claimed_at_ms) AS BIGINT) AS sum_ms",
            $(", CAST(SUM(CASE WHEN ended_at_ms - claimed_at_ms <= ", $bound, " THEN 1 ELSE 0 END) AS BIGINT)",)+
            " FROM attempts WHERE commit_id IS NOT NULL AND ended_at_ms IS NOT NULL AND claimed_at_ms IS NOT NULL \
             GROUP BY agent ORDER BY agent"
        )
    };
}

const DURATIONS: &str = within!(
    100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1200000, 1800000, 3600000, 7200000
);

impl Store {
    async fn counted(&self, statement: &'static str) -> Result<Vec<AnyRow>, StoreError> {
        sqlx::query(statement).fetch_all(&self.pool).await.map_err(counting)
    }

    /// Tasks by agent (of the latest attempt, else as a person or the plan says; else empty) and state.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_tasks(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = self
            .counted(
                "SELECT agent, state, COUNT(*) FROM (SELECT state, COALESCE((SELECT a.agent FROM attempts a \
                 WHERE a.task_id = t.id ORDER BY a.generation DESC, a.number DESC LIMIT 1), t.agent_override, t.agent, '') \
                 AS agent FROM tasks t) AS by_agent GROUP BY agent, state ORDER BY agent, state",
            )
            .await?;
        rows.iter().map(three).collect::<Result<_, _>>().map_err(counting)
    }

    /// How long attempts took that landed, by agent.
    ///
    /// # Errors
    /// The database failed.
    pub async fn durations(&self) -> Result<Vec<Durations>, StoreError> {
        let read = |row: &AnyRow| {
            Ok(Durations {
                agent: row.try_get(0)?,
                count: row.try_get(1)?,
                sum_ms: row.try_get(2)?,
                within: (0..DURATION_BOUNDS_MS.len()).map(|at| row.try_get(3 + at)).collect::<Result<_, _>>()?,
            })
        };
        self.counted(DURATIONS).await?.iter().map(read).collect::<Result<_, _>>().map_err(counting)
    }

    /// Attempts that followed a failed one, by the agent and the failure of that one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_retries(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = self
            .counted(
                "SELECT p.agent, p.failure, COUNT(*) FROM attempts n JOIN attempts p ON p.task_id = n.task_id \
                 AND p.generation = n.generation AND p.number = n.number - 1 WHERE p.failure IS NOT NULL \
                 GROUP BY p.agent, p.failure ORDER BY p.agent, p.failure",
            )
            .await?;
        rows.iter().map(three).collect::<Result<_, _>>().map_err(counting)
    }

    /// Failed attempts, by failure.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_failures(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = self
            .counted(
                "SELECT failure, COUNT(*) FROM attempts WHERE failure IS NOT NULL GROUP BY failure ORDER BY failure",
            )
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>().map_err(counting)
    }

    /// What attempts used up, by account and agent; of those that tell.
    ///
    /// # Errors
    /// The database failed.
    pub async fn used(&self) -> Result<Vec<Used>, StoreError> {
        let rows = self
            .counted(
                "SELECT account, agent, CAST(SUM(COALESCE(cost_micros, 0)) AS BIGINT), \
                 CAST(SUM(COALESCE(tokens_in, 0)) AS BIGINT), CAST(SUM(COALESCE(tokens_out, 0)) AS BIGINT) \
                 FROM attempts WHERE cost_micros IS NOT NULL OR tokens_in IS NOT NULL OR tokens_out IS NOT NULL \
                 GROUP BY account, agent ORDER BY account, agent",
            )
            .await?;
        let read = |row: &AnyRow| {
            Ok(Used {
                account: row.try_get(0)?,
                agent: row.try_get(1)?,
                cost_micros: row.try_get(2)?,
                tokens_in: row.try_get(3)?,
                tokens_out: row.try_get(4)?,
            })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(counting)
    }

    /// Disagreements of plan and database that there ever were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_conflicts(&self) -> Result<i64, StoreError> {
        let rows = self.counted("SELECT COUNT(*) FROM plan_conflicts").await?;
        rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(counting)
    }
}

fn three(row: &AnyRow) -> Result<(String, String, i64), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

fn counting(source: sqlx::Error) -> StoreError {
    StoreError::Database { doing: "count", source }
}
