//! Accounts: which are paused, what they have spent, and what a task has.

use std::collections::{BTreeMap, HashMap};

use coditect_core::{AttemptId, Lifecycle, TaskId};

use crate::change::{get, keepable, task_id};
use crate::{Store, StoreError, Tx};

/// An account that takes no new attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPause {
    /// Its name.
    pub account: String,
    /// `rate_limited`, `auth` or `budget_exceeded`.
    pub cause: String,
    /// In words, for people.
    pub reason: String,
    /// Until when; `None`: until a person resumes it.
    pub until_ms: Option<i64>,
    /// Since when.
    pub at_ms: i64,
}

impl AccountPause {
    /// Whether it still holds.
    #[must_use]
    pub fn holds(&self, now_ms: i64) -> bool {
        self.until_ms.is_none_or(|until| until > now_ms)
    }
}

const READ: &str = "SELECT account, cause, reason, until_ms, at_ms FROM account_pauses ORDER BY account";

const SPENT: &str = "SELECT account, \
     CAST(SUM(CASE WHEN ended_at_ms IS NULL THEN $1 ELSE COALESCE(cost_micros, 0) END) AS BIGINT) AS micros \
     FROM attempts WHERE ended_at_ms IS NULL OR ended_at_ms >= $2 GROUP BY account";

impl Tx {
    /// The accounts that are paused, and those whose pause is over and was not yet removed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_pauses(&mut self) -> Result<Vec<AccountPause>, StoreError> {
        pauses(&mut *self.inner).await
    }

    /// Pauses an account. Of two pauses the longer one holds. Answers whether this one does.
    ///
    /// # Errors
    /// The database failed.
    pub async fn pause_account(&mut self, pause: &AccountPause) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO account_pauses (account, cause, reason, until_ms, at_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account) DO UPDATE SET cause = excluded.cause, reason = excluded.reason, \
             until_ms = excluded.until_ms, at_ms = excluded.at_ms \
             WHERE account_pauses.until_ms IS NOT NULL \
             AND (excluded.until_ms IS NULL OR excluded.until_ms > account_pauses.until_ms)",
        )
        .bind(&pause.account)
        .bind(&pause.cause)
        .bind(keepable(&pause.reason))
        .bind(pause.until_ms)
        .bind(pause.at_ms)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("pause an account"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes the pauses that are over; answers whose they were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn lift_pauses(&mut self, now_ms: i64) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("DELETE FROM account_pauses WHERE until_ms <= $1 RETURNING account")
            .bind(now_ms)
            .fetch_all(&mut *self.inner)
            .await
            .map_err(StoreError::during("resume accounts"))?;
        Ok(sorted(rows))
    }

    /// Removes the pause of an account, as a person asks. False: it had none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn resume_account(&mut self, account: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM account_pauses WHERE account = $1")
            .bind(account)
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("resume an account"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes every pause, as a person asks; answers whose they were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn resume_accounts(&mut self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("DELETE FROM account_pauses RETURNING account")
            .fetch_all(&mut *self.inner)
            .await
            .map_err(StoreError::during("resume accounts"))?;
        Ok(sorted(rows))
    }

    /// What each account has spent on attempts that ended since `since_ms`, in millionths of a dollar. Each open attempt
    /// counts as `reserve_micros`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn spent(&mut self, since_ms: i64, reserve_micros: i64) -> Result<BTreeMap<String, i64>, StoreError> {
        spent(&mut *self.inner, since_ms, reserve_micros).await
    }

    /// As [`Tx::task_spent`] for every ready task that has cost anything.
    ///
    /// # Errors
    /// The database failed.
    pub async fn ready_spent(&mut self) -> Result<HashMap<TaskId, i64>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT t.id, CAST(SUM(COALESCE(a.cost_micros, 0)) AS BIGINT) FROM tasks t \
             JOIN attempts a ON a.task_id = t.id AND a.generation = t.generation \
             WHERE t.state = 'ready' AND t.attempts_started > 0 AND a.number > \
             (SELECT MAX(number) FROM attempts m WHERE m.task_id = t.id AND m.generation = t.generation) \
             - t.attempts_started \
             GROUP BY t.id",
        )
        .fetch_all(&mut *self.inner)
        .await
        .map_err(StoreError::during("add up what tasks cost"))?;
        rows.into_iter().map(|(id, micros)| Ok((task_id("tasks", id)?, micros))).collect()
    }

    /// What a task has cost since a person last had a word about it, in millionths of a dollar.
    ///
    /// # Errors
    /// The database failed.
    pub async fn task_spent(&mut self, task: &TaskId, life: &Lifecycle) -> Result<i64, StoreError> {
        task_spent(&mut *self.inner, task, life, None).await
    }

    /// The same, where this attempt has cost so much, whatever it said of that until now; `None`: what it said last.
    ///
    /// # Errors
    /// The database failed.
    pub async fn task_spent_with(
        &mut self,
        task: &TaskId,
        life: &Lifecycle,
        attempt: AttemptId,
        micros: Option<i64>,
    ) -> Result<i64, StoreError> {
        task_spent(&mut *self.inner, task, life, micros.map(|micros| (attempt, micros))).await
    }
}

impl Store {
    /// As [`Tx::account_pauses`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn account_pauses(&self) -> Result<Vec<AccountPause>, StoreError> {
        pauses(&self.pool).await
    }

    /// As [`Tx::spent`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn spent(&self, since_ms: i64, reserve_micros: i64) -> Result<BTreeMap<String, i64>, StoreError> {
        spent(&self.pool, since_ms, reserve_micros).await
    }

    /// As [`Tx::task_spent`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn task_spent(&self, task: &TaskId, life: &Lifecycle) -> Result<i64, StoreError> {
        task_spent(&self.pool, task, life, None).await
    }
}

fn sorted(rows: Vec<(String,)>) -> Vec<String> {
    let mut names: Vec<String> = rows.into_iter().map(|(name,)| name).collect();
    names.sort();
    names
}

async fn pauses<'e>(on: impl sqlx::Executor<'e, Database = sqlx::Any>) -> Result<Vec<AccountPause>, StoreError> {
    sqlx::query(READ)
        .fetch_all(on)
        .await
        .map_err(StoreError::during("read the pauses of accounts"))?
        .iter()
        .map(|row| {
            Ok(AccountPause {
                account: get(row, "account")?,
                cause: get(row, "cause")?,
                reason: get(row, "reason")?,
                until_ms: get(row, "until_ms")?,
                at_ms: get(row, "at_ms")?,
            })
        })
        .collect()
}

async fn spent<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    since_ms: i64,
    reserve_micros: i64,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(SPENT)
        .bind(reserve_micros)
        .bind(since_ms)
        .fetch_all(on)
        .await
        .map_err(StoreError::during("add up what accounts spent"))?;
    Ok(rows.into_iter().collect())
}

async fn task_spent<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    task: &TaskId,
    life: &Lifecycle,
    known: Option<(AttemptId, i64)>,
) -> Result<i64, StoreError> {
    let (attempt, cost) = known.map_or((String::new(), 0), |(attempt, micros)| (attempt.to_string(), micros));
    let (micros,): (i64,) = sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(CASE WHEN id = $4 THEN $5 ELSE cost_micros END), 0) AS BIGINT) \
         FROM (SELECT id, cost_micros FROM attempts \
         WHERE task_id = $1 AND generation = $2 ORDER BY number DESC LIMIT $3) AS since",
    )
    .bind(task.as_str())
    .bind(life.generation)
    .bind(life.attempts_started)
    .bind(attempt)
    .bind(cost)
    .fetch_one(on)
    .await
    .map_err(StoreError::during("add up what a task cost"))?;
    Ok(micros)
}
