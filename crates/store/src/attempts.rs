//! Attempts: opened by the dispatcher, claimed by an executor, ended with what came of them.

use coditect_core::{AttemptId, Change, FailureClass, Lifecycle, TaskId, TaskState, Trigger};
use sqlx::any::AnyRow;

use crate::change::{Moved, get, keepable, task_id};
use crate::{Store, StoreError, Tx};

macro_rules! attempt_columns {
    () => {
        "id, task_id, generation, number, token, agent, account, executor, state, lease_until_ms, assigned_at_ms, \
         claimed_at_ms, ended_at_ms, failure, message, commit_id, evidence, cost_micros, tokens_in, tokens_out, \
         because, runtime_version"
    };
}

/// What an attempt is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Its id.
    pub id: AttemptId,
    /// The agent chosen for it.
    pub agent: String,
    /// The account it is charged to.
    pub account: String,
    /// Why that agent, in sentences.
    pub because: Vec<String>,
}

/// What an earlier attempt of the same generation got wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierFailure {
    /// The attempt's number.
    pub number: i64,
    /// How it failed.
    pub class: FailureClass,
    /// In words, or empty.
    pub message: String,
}

/// What came of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptEnd {
    /// How it failed; `None` where it did not.
    pub failure: Option<FailureClass>,
    /// In words.
    pub message: Option<String>,
    /// What it landed as, or left on a branch.
    pub commit: Option<String>,
    /// JSON: what was verified, with what output.
    pub evidence: Option<String>,
    /// What it cost, in millionths of a dollar.
    pub cost_micros: Option<i64>,
    /// Tokens read by the model.
    pub tokens_in: Option<i64>,
    /// Tokens written by the model.
    pub tokens_out: Option<i64>,
    /// The version that the agent's program reported.
    pub runtime_version: Option<String>,
}

/// An attempt as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its id.
    pub id: AttemptId,
    /// The task it is a try at.
    pub task: TaskId,
    /// The task's generation it belongs to.
    pub generation: i64,
    /// 1 for the first of the generation.
    pub number: i64,
    /// Its fencing token.
    pub token: i64,
    /// The agent chosen for it.
    pub agent: String,
    /// The account it is charged to.
    pub account: String,
    /// The executor that claimed it.
    pub executor: Option<String>,
    /// `assigned`, `running`, `verifying`, `landing`; then `landed`, `delivered`, `held` or `failed`.
    pub state: String,
    /// Until when the executor need not be heard of.
    pub lease_until_ms: Option<i64>,
    /// When it was opened.
    pub assigned_at_ms: i64,
    /// When it was claimed.
    pub claimed_at_ms: Option<i64>,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// What came of it.
    pub end: AttemptEnd,
    /// Why that agent, in sentences.
    pub because: Vec<String>,
}

impl Tx {
    /// Assigns a ready task: opens an attempt with a new fencing token. `None`: the task is no longer ready as seen.
    ///
    /// # Errors
    /// The database failed.
    pub async fn assign(
        &mut self,
        task: &TaskId,
        seen: &Lifecycle,
        open: OpenAttempt,
        actor: &str,
        now_ms: i64,
    ) -> Result<Option<Moved>, StoreError> {
        let change = Change::Assign { attempt: open.id };
        if !self.is_for_agents(task).await? {
            return Ok(None);
        }
        let Some(moved) = self.change(task, seen, change, AttemptEnd::default(), actor, now_ms).await? else {
            return Ok(None);
        };
        sqlx::query(
            "INSERT INTO attempts (id, task_id, generation, number, token, agent, account, state, assigned_at_ms, \
             because) VALUES ($1, $2, $3, \
             (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE task_id = $2 AND generation = $3), \
             $4, $5, $6, $7, $8, $9)",
        )
        .bind(open.id.to_string())
        .bind(task.as_str())
        .bind(moved.now.generation)
        .bind(moved.now.token)
        .bind(open.agent)
        .bind(open.account)
        .bind(TaskState::Assigned.as_str())
        .bind(now_ms)
        .bind(serde_json::Value::from(open.because).to_string())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("open an attempt"))?;
        Ok(Some(moved))
    }

    /// An executor takes an attempt: assigned → running. `None`: the attempt is not, or no longer, to be had.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim(
        &mut self,
        task: &TaskId,
        attempt: AttemptId,
        token: i64,
        executor: &str,
        lease_until_ms: i64,
        now_ms: i64,
    ) -> Result<Option<Moved>, StoreError> {
        let Some(seen) = self.current(task, attempt, token).await? else { return Ok(None) };
        let change = Change::Plain(Trigger::Claim);
        let moved = self.change(task, &seen, change, AttemptEnd::default(), "orchestrator", now_ms).await?;
        if moved.is_some() {
            sqlx::query("UPDATE attempts SET executor = $1, lease_until_ms = $2, claimed_at_ms = $3 WHERE id = $4")
                .bind(executor)
                .bind(lease_until_ms)
                .bind(now_ms)
                .bind(attempt.to_string())
                .execute(&mut *self.inner)
                .await
                .map_err(StoreError::during("claim an attempt"))?;
        }
        Ok(moved)
    }

    /// The progress of `task`, if `attempt` with `token` is its open attempt: the fence.
    ///
    /// # Errors
    /// The database failed.
    pub async fn current(
        &mut self,
        task: &TaskId,
        attempt: AttemptId,
        token: i64,
    ) -> Result<Option<Lifecycle>, StoreError> {
        let seen = self.lifecycle(task).await?;
        Ok(seen.filter(|seen| seen.attempt == Some(attempt) && seen.token == token && seen.state.is_active()))
    }

    /// Prolongs the lease of an open attempt. False: it is not open.
    ///
    /// # Errors
    /// The database failed.
    pub async fn renew(&mut self, attempt: AttemptId, until_ms: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE attempts SET lease_until_ms = $1 WHERE id = $2 AND ended_at_ms IS NULL")
            .bind(until_ms)
            .bind(attempt.to_string())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("renew a lease"))?;
        Ok(done.rows_affected() == 1)
    }

    /// An attempt by its id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attempt(&mut self, id: AttemptId) -> Result<Option<AttemptRow>, StoreError> {
        sqlx::query(concat!("SELECT ", attempt_columns!(), " FROM attempts WHERE id = $1"))
            .bind(id.to_string())
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(StoreError::during("read an attempt"))?
            .map(|row| attempt(&row))
            .transpose()
    }

    /// Keeps what an attempt left as evidence.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_evidence(&mut self, id: AttemptId, evidence: &str) -> Result<bool, StoreError> {
        // What an attempt ended with stays.
        let done = sqlx::query(
            "UPDATE attempts SET evidence = CASE WHEN ended_at_ms IS NULL THEN $1 ELSE COALESCE(evidence, $1) END \
             WHERE id = $2",
        )
        .bind(keepable(evidence))
        .bind(id.to_string())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep evidence"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes what an open attempt has used so far, where that is more than is known. False: it is not open.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_usage(
        &mut self,
        id: AttemptId,
        token: i64,
        cost_micros: Option<i64>,
        tokens_in: Option<i64>,
        tokens_out: Option<i64>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE attempts SET \
             cost_micros = CASE WHEN COALESCE(cost_micros, 0) < $1 THEN $1 ELSE cost_micros END, \
             tokens_in = CASE WHEN COALESCE(tokens_in, 0) < $2 THEN $2 ELSE tokens_in END, \
             tokens_out = CASE WHEN COALESCE(tokens_out, 0) < $3 THEN $3 ELSE tokens_out END \
             WHERE id = $4 AND token = $5 AND ended_at_ms IS NULL",
        )
        .bind(cost_micros.unwrap_or_default())
        .bind(tokens_in.unwrap_or_default())
        .bind(tokens_out.unwrap_or_default())
        .bind(id.to_string())
        .bind(token)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("note what an attempt has used"))?;
        Ok(done.rows_affected() == 1)
    }

    /// How many of the `started - 1` attempts before this one ended in a conflict with what had landed: those since a person last
    /// had a say in the task.
    ///
    /// # Errors
    /// The database failed.
    pub async fn conflicts_before(&mut self, id: AttemptId, started: i64) -> Result<i64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM attempts earlier JOIN attempts this ON this.task_id = earlier.task_id \
             AND this.generation = earlier.generation WHERE this.id = $1 AND earlier.number < this.number \
             AND earlier.number > this.number - $2 AND earlier.failure = 'merge_conflict'",
        )
        .bind(id.to_string())
        .bind(started)
        .fetch_one(&mut *self.inner)
        .await
        .map_err(StoreError::during("count conflicts"))?;
        Ok(count)
    }

    /// Keeps what came too late of an attempt that has ended: what it used, where that is more than is known, and what it
    /// left as evidence, unless that is known. How it ended stays as it is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn keep_late(&mut self, id: AttemptId, token: i64, end: AttemptEnd) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE attempts SET \
             cost_micros = CASE WHEN COALESCE(cost_micros, -1) < $1 THEN $1 ELSE cost_micros END, \
             tokens_in = CASE WHEN COALESCE(tokens_in, -1) < $2 THEN $2 ELSE tokens_in END, \
             tokens_out = CASE WHEN COALESCE(tokens_out, -1) < $3 THEN $3 ELSE tokens_out END, evidence = COALESCE(evidence, $4), \
             runtime_version = COALESCE(runtime_version, $5), commit_id = COALESCE(commit_id, $6) \
             WHERE id = $7 AND token = $8 AND ended_at_ms IS NOT NULL",
        )
        .bind(end.cost_micros)
        .bind(end.tokens_in)
        .bind(end.tokens_out)
        .bind(end.evidence.as_deref().map(keepable))
        .bind(end.runtime_version.as_deref().map(keepable))
        .bind(end.commit.as_deref().map(keepable))
        .bind(id.to_string())
        .bind(token)
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep a late result"))?;
        Ok(())
    }

    /// Every open attempt, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn open_attempts(&mut self) -> Result<Vec<AttemptRow>, StoreError> {
        open_attempts(&mut *self.inner).await
    }

    pub(crate) async fn attempt_moves(&mut self, id: AttemptId, to: TaskState) -> Result<(), StoreError> {
        sqlx::query("UPDATE attempts SET state = $1 WHERE id = $2")
            .bind(to.as_str())
            .bind(id.to_string())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("move an attempt"))?;
        Ok(())
    }

    pub(crate) async fn attempt_ends(
        &mut self,
        id: AttemptId,
        to: TaskState,
        next: &Lifecycle,
        end: AttemptEnd,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let landed = to == TaskState::Completed && end.commit.is_some();
        let delivered = to == TaskState::AwaitingMerge;
        let failure = match (landed || delivered, end.failure.or(next.failure)) {
            (true, _) => None,
            (false, Some(class)) => Some(class),
            // A person's word ended it.
            (false, None) => Some(FailureClass::Cancelled),
        };
        sqlx::query(
            "UPDATE attempts SET state = $1, ended_at_ms = $2, failure = $3, message = $4, commit_id = $5, \
             evidence = COALESCE($6, evidence), cost_micros = COALESCE($7, cost_micros), \
             tokens_in = COALESCE($8, tokens_in), tokens_out = COALESCE($9, tokens_out), \
             runtime_version = $10 WHERE id = $11 AND ended_at_ms IS NULL",
        )
        .bind(match failure {
            _ if landed => "landed",
            _ if delivered => "delivered",
            Some(FailureClass::Held) => "held",
            _ => "failed",
        })
        .bind(now_ms)
        .bind(failure.map(|f| f.as_str().to_owned()))
        .bind(end.message.as_deref().map(keepable))
        .bind(end.commit.as_deref().map(keepable))
        .bind(end.evidence.as_deref().map(keepable))
        .bind(end.cost_micros)
        .bind(end.tokens_in)
        .bind(end.tokens_out)
        .bind(end.runtime_version.as_deref().map(keepable))
        .bind(id.to_string())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("end an attempt"))?;
        Ok(())
    }
}

impl Store {
    /// An attempt by its id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attempt(&self, id: AttemptId) -> Result<Option<AttemptRow>, StoreError> {
        sqlx::query(concat!("SELECT ", attempt_columns!(), " FROM attempts WHERE id = $1"))
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::during("read an attempt"))?
            .map(|row| attempt(&row))
            .transpose()
    }

    /// Every open attempt, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn open_attempts(&self) -> Result<Vec<AttemptRow>, StoreError> {
        open_attempts(&self.pool).await
    }

    /// How the attempts of a task's generation before attempt `before` failed through a fault of their own, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn earlier_failures(
        &self,
        task: &TaskId,
        generation: i64,
        before: i64,
    ) -> Result<Vec<EarlierFailure>, StoreError> {
        let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(
            "SELECT number, failure, message FROM attempts WHERE task_id = $1 AND generation = $2 AND number < $3 \
             AND failure IS NOT NULL ORDER BY number",
        )
        .bind(task.as_str())
        .bind(generation)
        .bind(before)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::during("read earlier failures"))?;
        let mut failures = Vec::new();
        for (number, class, message) in rows {
            let class: FailureClass = class.parse().map_err(|_| StoreError::Corrupt {
                table: "attempts",
                id: format!("{task} {generation}.{number}"),
                column: "failure",
                value: class,
            })?;
            // What was not merged is told though it spends no attempt: it is what the next one is for.
            if class.spends_attempt() || class == FailureClass::NotMerged {
                failures.push(EarlierFailure { number, class, message: message.unwrap_or_default() });
            }
        }
        Ok(failures)
    }

    /// Every attempt at a task, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attempts_of(&self, task: &TaskId) -> Result<Vec<AttemptRow>, StoreError> {
        sqlx::query(concat!("SELECT ", attempt_columns!(), " FROM attempts WHERE task_id = $1 ORDER BY id"))
            .bind(task.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::during("read attempts"))?
            .iter()
            .map(attempt)
            .collect()
    }
}

async fn open_attempts<'e>(on: impl sqlx::Executor<'e, Database = sqlx::Any>) -> Result<Vec<AttemptRow>, StoreError> {
    sqlx::query(concat!("SELECT ", attempt_columns!(), " FROM attempts WHERE ended_at_ms IS NULL ORDER BY id"))
        .fetch_all(on)
        .await
        .map_err(StoreError::during("read attempts"))?
        .iter()
        .map(attempt)
        .collect()
}

fn attempt(row: &AnyRow) -> Result<AttemptRow, StoreError> {
    let text: String = get(row, "id")?;
    let corrupt = |column, value: &str| StoreError::Corrupt {
        table: "attempts",
        id: text.clone(),
        column,
        value: value.to_owned(),
    };
    let failure: Option<String> = get(row, "failure")?;
    let because: Option<String> = get(row, "because")?;
    Ok(AttemptRow {
        because: match because {
            Some(json) => serde_json::from_str(&json).map_err(|_| corrupt("because", &json))?,
            None => Vec::new(),
        },
        id: text.parse().map_err(|_| corrupt("id", &text))?,
        task: task_id("attempts", get(row, "task_id")?)?,
        generation: get(row, "generation")?,
        number: get(row, "number")?,
        token: get(row, "token")?,
        agent: get(row, "agent")?,
        account: get(row, "account")?,
        executor: get(row, "executor")?,
        state: get(row, "state")?,
        lease_until_ms: get(row, "lease_until_ms")?,
        assigned_at_ms: get(row, "assigned_at_ms")?,
        claimed_at_ms: get(row, "claimed_at_ms")?,
        ended_at_ms: get(row, "ended_at_ms")?,
        end: AttemptEnd {
            failure: failure.map(|f| f.parse().map_err(|_| corrupt("failure", &f))).transpose()?,
            message: get(row, "message")?,
            commit: get(row, "commit_id")?,
            evidence: get(row, "evidence")?,
            cost_micros: get(row, "cost_micros")?,
            tokens_in: get(row, "tokens_in")?,
            tokens_out: get(row, "tokens_out")?,
            runtime_version: get(row, "runtime_version")?,
        },
    })
}
