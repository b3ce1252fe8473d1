//! Results that were not landed by us but left on a branch, where others merge them.
//!
//! One waits while its task awaits the merge and its attempt is the task's last. Whatever moves the task on says what became of it:
//! [`Tx::change`] writes that down, in the same transaction.

use coditect_core::{AttemptId, FailureClass, Lifecycle, TaskId, TaskState, Trigger};
use sqlx::any::AnyRow;

use crate::attempts::AttemptEnd;
use crate::change::{get, keepable, task_id};
use crate::{Store, StoreError, Tx};

macro_rules! delivery_columns {
    () => {
        "d.attempt_id, d.task_id, d.generation, d.branch, d.commit_id, d.at_ms, d.round, d.since_ms, d.requested, d.number, d.url, \
         d.trouble, d.verdict, d.decided_by, d.decided_at_ms"
    };
}

/// What an executor has left on a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit: String,
    /// Whether it is to be put to people as a pull request.
    pub requested: bool,
}

/// A result that was left on a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The attempt it is of.
    pub attempt: AttemptId,
    /// The task.
    pub task: TaskId,
    /// The generation of the task.
    pub generation: i64,
    /// What was left, and where.
    pub result: Deliver,
    /// Since when, in epoch milliseconds.
    pub at_ms: i64,
    /// How often the task's result had gone back to an agent by itself before.
    pub round: i64,
    /// What was said before, in epoch milliseconds, is known already: when the one before it was decided on, or 0.
    pub since_ms: i64,
    /// The pull request, once it is open.
    pub request: Option<PullRequest>,
    /// What the forge refused last, if it did.
    pub trouble: Option<String>,
    /// What became of it; `None`: it waits.
    pub verdict: Option<DeliveryVerdict>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at_ms: Option<i64>,
}

/// A request to merge a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number in its project.
    pub number: i64,
    /// Where people look at it.
    pub url: String,
}

/// What became of a result that was left on a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryVerdict {
    /// It was merged, or a person says so.
    Merged,
    /// An agent goes on with it, because of what was said of it.
    SentBack,
    /// An agent goes on with it, because of what a person answered.
    Answered,
    /// It was not merged, and a person is asked.
    Refused,
    /// A person wanted something else.
    Dropped,
}

impl DeliveryVerdict {
    /// The name in the database and on screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::SentBack => "sent_back",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
        }
    }

    const ALL: [Self; 5] = [Self::Merged, Self::SentBack, Self::Answered, Self::Refused, Self::Dropped];

    /// What it is by the trigger that moves its task on.
    const fn by(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Merge | Trigger::Complete => Self::Merged,
            Trigger::Requeue => Self::SentBack,
            Trigger::AskPerson => Self::Refused,
            _ => Self::Dropped,
        }
    }
}

impl Delivered {
    /// Whether it waits to be merged, where the task is.
    #[must_use]
    pub fn waits(&self, life: &Lifecycle) -> bool {
        self.verdict.is_none() && life.state == TaskState::AwaitingMerge && life.attempt == Some(self.attempt)
    }

    /// Whether its request was put to a person, who has said nothing yet: it may be merged all the same.
    #[must_use]
    pub fn is_with_a_person(&self, life: &Lifecycle) -> bool {
        let refused = self.verdict == Some(DeliveryVerdict::Refused);
        refused && life.state == TaskState::NeedsHuman && life.attempt == Some(self.attempt)
    }

    /// Whether the next attempt goes on with it.
    #[must_use]
    pub const fn goes_on(&self) -> bool {
        matches!(self.verdict, Some(DeliveryVerdict::SentBack | DeliveryVerdict::Answered))
    }
}

impl Tx {
    /// Keeps a result that was left on a branch. One that an agent made of another which had been sent back belongs to the same pull request.
    ///
    /// # Errors
    /// The database failed.
    pub async fn deliver(
        &mut self,
        task: &TaskId,
        attempt: AttemptId,
        generation: i64,
        result: &Deliver,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let last = self.delivered(task, generation).await?.filter(|last| last.attempt != attempt);
        let since_ms = last.as_ref().and_then(|last| last.decided_at_ms).unwrap_or(0);
        let sent_back = last.filter(|last| last.verdict == Some(DeliveryVerdict::SentBack));
        let round = sent_back.as_ref().map_or(0, |last| last.round + 1);
        let request = sent_back.and_then(|last| last.request);
        sqlx::query(
            "INSERT INTO deliveries (attempt_id, task_id, generation, branch, commit_id, at_ms, round, since_ms, requested, number, url) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (attempt_id) DO NOTHING",
        )
        .bind(attempt.to_string())
        .bind(task.as_str())
        .bind(generation)
        .bind(keepable(&result.branch))
        .bind(keepable(&result.commit))
        .bind(now_ms)
        .bind(round)
        .bind(since_ms)
        .bind(i64::from(result.requested))
        .bind(request.as_ref().map(|request| request.number))
        .bind(request.as_ref().map(|request| keepable(&request.url)))
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("keep a delivery"))?;
        Ok(())
    }

    /// The last result of a task's generation that was left on a branch, whatever became of it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delivered(&mut self, task: &TaskId, generation: i64) -> Result<Option<Delivered>, StoreError> {
        delivered(&mut *self.inner, task, generation).await
    }

    /// The pull request of a result is open, and the forge has no trouble with it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn request_opened(&mut self, attempt: AttemptId, request: &PullRequest) -> Result<(), StoreError> {
        sqlx::query("UPDATE deliveries SET number = $1, url = $2, trouble = NULL WHERE attempt_id = $3")
            .bind(request.number)
            .bind(keepable(&request.url))
            .bind(attempt.to_string())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("keep a pull request"))?;
        Ok(())
    }

    /// What the forge refuses about a result; `None`: nothing any more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forge_troubles(&mut self, attempt: AttemptId, trouble: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("UPDATE deliveries SET trouble = $1 WHERE attempt_id = $2")
            .bind(trouble.map(keepable))
            .bind(attempt.to_string())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("keep what a forge says"))?;
        Ok(())
    }

    /// A person has answered: the next attempt goes on with the task's last result, if that was left on a branch.
    ///
    /// # Errors
    /// The database failed.
    pub async fn go_on_with_delivered(&mut self, task: &TaskId, generation: i64) -> Result<(), StoreError> {
        let Some(last) = self.delivered(task, generation).await? else { return Ok(()) };
        if last.verdict == Some(DeliveryVerdict::Merged) {
            return Ok(());
        }
        sqlx::query("UPDATE deliveries SET verdict = $1 WHERE attempt_id = $2")
            .bind(DeliveryVerdict::Answered.as_str())
            .bind(last.attempt.to_string())
            .execute(&mut *self.inner)
            .await
            .map_err(StoreError::during("go on with a delivery"))?;
        Ok(())
    }

    /// The task of an attempt whose result awaits its merge moves on.
    pub(crate) async fn delivery_ends(
        &mut self,
        attempt: AttemptId,
        trigger: Trigger,
        next: &Lifecycle,
        end: AttemptEnd,
        actor: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let verdict = DeliveryVerdict::by(trigger);
        let settled = sqlx::query(
            "UPDATE deliveries SET verdict = $1, decided_by = $2, decided_at_ms = $3 \
             WHERE attempt_id = $4 AND (verdict IS NULL OR verdict = 'refused')",
        )
        .bind(verdict.as_str())
        .bind(keepable(actor))
        .bind(now_ms)
        .bind(attempt.to_string())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("settle a delivery"))?;
        if settled.rows_affected() == 0 {
            return Ok(());
        }
        let (state, failure) = match verdict {
            DeliveryVerdict::Merged => ("landed", None),
            // A person's word ended it.
            _ => ("failed", Some(next.failure.unwrap_or(FailureClass::Cancelled))),
        };
        sqlx::query(
            "UPDATE attempts SET state = $1, failure = $2, message = COALESCE($3, message), \
             commit_id = COALESCE($4, commit_id) WHERE id = $5",
        )
        .bind(state)
        .bind(failure.map(|class| class.as_str().to_owned()))
        .bind(end.message.as_deref().map(keepable))
        .bind(end.commit.as_deref().map(keepable))
        .bind(attempt.to_string())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("settle a delivery"))?;
        Ok(())
    }

    /// Nothing is gone on with any more: a person has said something else.
    pub(crate) async fn drop_delivered(&mut self, task: &TaskId, actor: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE deliveries SET verdict = 'dropped', decided_by = $1, decided_at_ms = $2 \
             WHERE task_id = $3 AND verdict IN ('sent_back', 'answered')",
        )
        .bind(keepable(actor))
        .bind(now_ms)
        .bind(task.as_str())
        .execute(&mut *self.inner)
        .await
        .map_err(StoreError::during("drop deliveries"))?;
        Ok(())
    }
}

impl Store {
    /// The last result of a task's generation that was left on a branch, whatever became of it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delivered(&self, task: &TaskId, generation: i64) -> Result<Option<Delivered>, StoreError> {
        delivered(&self.pool, task, generation).await
    }

    /// The results that wait to be merged as pull requests, those that wait longest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn requests(&self) -> Result<Vec<Delivered>, StoreError> {
        self.read_deliveries(concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries d JOIN tasks t ON t.id = d.task_id AND t.attempt = d.attempt_id \
             WHERE d.requested = 1 AND d.verdict IS NULL AND t.state = 'awaiting_merge' ORDER BY d.at_ms, d.attempt_id"
        ))
        .await
    }

    /// The pull requests that a person was asked about, who has said nothing yet.
    ///
    /// # Errors
    /// The database failed.
    pub async fn refused_requests(&self) -> Result<Vec<Delivered>, StoreError> {
        self.read_deliveries(concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries d JOIN tasks t ON t.id = d.task_id AND t.attempt = d.attempt_id \
             WHERE d.number IS NOT NULL AND d.verdict = 'refused' AND t.state = 'needs_human' ORDER BY d.at_ms, d.attempt_id"
        ))
        .await
    }

    async fn read_deliveries(&self, query: &'static str) -> Result<Vec<Delivered>, StoreError> {
        let rows = sqlx::query(query).fetch_all(&self.pool).await.map_err(StoreError::during("read deliveries"))?;
        rows.iter().map(read).collect()
    }
}

async fn delivered<'e>(
    on: impl sqlx::Executor<'e, Database = sqlx::Any>,
    task: &TaskId,
    generation: i64,
) -> Result<Option<Delivered>, StoreError> {
    sqlx::query(concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM deliveries d WHERE d.task_id = $1 AND d.generation = $2 ORDER BY d.at_ms DESC, d.attempt_id DESC LIMIT 1"
    ))
    .bind(task.as_str())
    .bind(generation)
    .fetch_optional(on)
    .await
    .map_err(StoreError::during("read deliveries"))?
    .map(|row| read(&row))
    .transpose()
}

fn read(row: &AnyRow) -> Result<Delivered, StoreError> {
    let id: String = get(row, "attempt_id")?;
    let corrupt = |column, value: &str| StoreError::Corrupt {
        table: "deliveries",
        id: id.clone(),
        column,
        value: value.to_owned(),
    };
    let verdict: Option<String> = get(row, "verdict")?;
    let known = |text: String| {
        DeliveryVerdict::ALL.into_iter().find(|it| it.as_str() == text).ok_or_else(|| corrupt("verdict", &text))
    };
    let number: Option<i64> = get(row, "number")?;
    let url: Option<String> = get(row, "url")?;
    Ok(Delivered {
        attempt: id.parse().map_err(|_| corrupt("attempt_id", &id))?,
        task: task_id("deliveries", get(row, "task_id")?)?,
        generation: get(row, "generation")?,
        result: Deliver {
            branch: get(row, "branch")?,
            commit: get(row, "commit_id")?,
            requested: get::<i64>(row, "requested")? != 0,
        },
        at_ms: get(row, "at_ms")?,
        round: get(row, "round")?,
        since_ms: get(row, "since_ms")?,
        request: number.map(|number| PullRequest { number, url: url.unwrap_or_default() }),
        trouble: get(row, "trouble")?,
        verdict: verdict.map(known).transpose()?,
        decided_by: get(row, "decided_by")?,
        decided_at_ms: get(row, "decided_at_ms")?,
    })
}
