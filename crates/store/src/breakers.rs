//! Circuit breakers of agents and accounts, changed by compare-and-set.

use coditect_core::{AttemptId, Breaker, BreakerScope};
use sqlx::any::AnyRow;

use crate::change::get;
use crate::{Store, StoreError, Tx};

/// A breaker as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerRow {
    /// What it guards.
    pub scope: BreakerScope,
    /// The name of the agent or the account.
    pub name: String,
    /// The breaker.
    pub breaker: Breaker,
    /// Grows by one with each change; 0 where none was ever kept.
    pub version: i64,
    /// When it last changed.
    pub updated_at_ms: i64,
}

macro_rules! read {
    ($rest:literal) => {
        concat!(
            "SELECT scope, name, state, failures, opens, open_until_ms, probe, version, updated_at_ms \
             FROM circuit_breakers ",
            $rest
        )
    };
}

impl Tx {
    /// Every breaker that was ever moved.
    ///
    /// # Errors
    /// The database failed.
    pub async fn breakers(&mut self) -> Result<Vec<BreakerRow>, StoreError> {
        all(&mut *self.inner).await
    }

    /// A breaker: closed, with version 0, where none was kept.
    ///
    /// # Errors
    /// The database failed.
    pub async fn breaker(&mut self, scope: BreakerScope, name: &str) -> Result<BreakerRow, StoreError> {
        let row = sqlx::query(read!("WHERE scope = $1 AND name = $2"))
            .bind(scope.as_str())
            .bind(name)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(StoreError::during("read a circuit breaker"))?;
        match row {
            Some(row) => breaker(&row),
            None => {
                let name = name.to_owned();
                Ok(BreakerRow { scope, name, breaker: Breaker::default(), version: 0, updated_at_ms: 0 })
            }
        }
    }

    /// Writes `next` where the breaker still is what was `seen`. False: somebody else was faster.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_breaker(&mut self, seen: &BreakerRow, next: &Breaker, now_ms: i64) -> Result<bool, StoreError> {
        let text = match seen.version {
            0 => {
                "INSERT INTO circuit_breakers \
                 (state, failures, opens, open_until_ms, probe, version, updated_at_ms, scope, name) \
                 VALUES ($1, $2, $3, $4, $5, $6 + 1, $7, $8, $9) ON CONFLICT (scope, name) DO NOTHING"
            }
            _ => {
                "UPDATE circuit_breakers SET state = $1, failures = $2, opens = $3, open_until_ms = $4, probe = $5, \
                 version = version + 1, updated_at_ms = $7 WHERE version = $6 AND scope = $8 AND name = $9"
            }
        };
        let done = sqlx::query(text)
            .bind(next.state.as_str())
            .bind(next.failures)
            .bind(next.opens)
            .bind(next.open_until_ms)
            .bind(next.probe.map(|id| id.to_string()))
            .bind(seen.version)
            .bind(now_ms)
            .bind(seen.scope.as_str())
            .bind(&seen.name)
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("change a circuit breaker"))?;
        Ok(done.rows_affected() == 1)
    }
}

impl Store {
    /// As [`Tx::breakers`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn breakers(&self) -> Result<Vec<BreakerRow>, StoreError> {
        all(&self.pool).await
    }
}

async fn all<'e>(on: impl sqlx::Executor<'e, Database = sqlx::Any>) -> Result<Vec<BreakerRow>, StoreError> {
    sqlx::query(read!("ORDER BY scope, name"))
        .fetch_all(on)
        .await
        .map_err(StoreError::during("read circuit breakers"))?
        .iter()
        .map(breaker)
        .collect()
}

fn breaker(row: &AnyRow) -> Result<BreakerRow, StoreError> {
    let name: String = get(row, "name")?;
    let corrupt =
        |column, value: String| StoreError::Corrupt { table: "circuit_breakers", id: name.clone(), column, value };
    let (scope, state): (String, String) = (get(row, "scope")?, get(row, "state")?);
    let probe: Option<String> = get(row, "probe")?;
    Ok(BreakerRow {
        scope: scope.parse().map_err(|_| corrupt("scope", scope))?,
        breaker: Breaker {
            state: state.parse().map_err(|_| corrupt("state", state))?,
            failures: get(row, "failures")?,
            opens: get(row, "opens")?,
            open_until_ms: get(row, "open_until_ms")?,
            probe: match probe {
                Some(text) => Some(text.parse::<AttemptId>().map_err(|_| corrupt("probe", text.clone()))?),
                None => None,
            },
        },
        version: get(row, "version")?,
        updated_at_ms: get(row, "updated_at_ms")?,
        name,
    })
}
