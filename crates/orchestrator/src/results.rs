//! What came of an attempt becomes what happens to its task.

use std::time::Duration;

use coditect_core::{Change, Clock, FailureClass, Lifecycle, Tally, TaskState, Trigger, Verdict};
use coditect_queue::message::{ResultEntry, ResultKind, is_evidence_reference};
use coditect_queue::{ConsumerOptions, Stream};
use coditect_service::announce::announce;
use coditect_service::config::LandingMode;
use coditect_service::trace::{self, Stage};
use coditect_store::{AttemptEnd, Deliver, HeldVerdict, HoldResult, StoreError, Tx};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, warn};

use crate::Orchestrator;
use crate::accounts::TURN;
use crate::attempts::Fence;
use crate::questions::{Why, held_question, question, waits};

/// How long to wait before a result is applied again after the database failed.
const AGAIN: Duration = Duration::from_millis(500);

/// No attempt costs more.
const DEAREST_USD: f64 = 1_000_000.0;

/// No attempt reads or writes more.
const MOST_TOKENS: i64 = 1_000_000_000_000;

impl Orchestrator {
    /// Applies results until the service drains. An entry is acknowledged once what it says is committed.
    pub(crate) async fn consume_results(self, drain: CancellationToken) {
        let options = ConsumerOptions::new("orchestrator", "orchestrator");
        let mut results = self.queue.consume::<ResultEntry>(Stream::Results, options, drain.clone());
        while let Some(delivery) = results.next().await {
            while let Err(error) = self.apply(&delivery.message).instrument(span(&delivery.message)).await {
                warn!(%error, attempt = delivery.message.attempt, "a result could not be applied; will be tried again");
                tokio::select! {
                    () = drain.cancelled() => return,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
            if let Err(error) = delivery.ack().await {
                debug!(%error, "a result was applied but not acknowledged; it will come again and change nothing");
            }
        }
    }

    /// Applies one result, if its attempt is current; else records nothing and says so.
    pub(crate) async fn apply(&self, result: &ResultEntry) -> Result<(), StoreError> {
        let (Ok(task), Ok(attempt)) = (result.task.parse(), result.attempt.parse()) else {
            warn!(task = result.task, attempt = result.attempt, "a result names no task and attempt of ours");
            return Ok(());
        };
        let fence = Fence { task, attempt, token: result.token };
        match result.kind {
            ResultKind::Progress => return self.used(&fence, result).await,
            ResultKind::Account => return self.account_said(&fence, result, self.clock.now_ms()).await,
            ResultKind::Finished => {}
        }
        let evidence = self.evidence(&fence, result).await?;
        let end = AttemptEnd {
            failure: result.failure,
            message: Some(result.message.clone()).filter(|text| !text.is_empty()),
            commit: result.commit.clone(),
            runtime_version: evidence.as_deref().and_then(runtime_version),
            evidence,
            cost_micros: result.cost_usd.map(micros),
            tokens_in: result.tokens_in.map(tokens),
            tokens_out: result.tokens_out.map(tokens),
        };
        if let (Some(commit), Some(branch)) = (&result.held, &result.branch) {
            let flags = result.message.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
            let held = HoldResult { branch: branch.clone(), commit: commit.clone(), flags };
            return self.ended(&fence, FailureClass::Held, None, end, Some(held)).await;
        }
        if let (Some(commit), Some(branch)) = (&result.delivered, &result.branch) {
            let end = AttemptEnd { commit: Some(commit.clone()), ..end };
            return self.delivered(&fence, branch, commit, end).await;
        }
        match (&result.commit, result.failure) {
            (Some(_), _) => self.landed(&fence, end).await,
            (None, failure) => {
                let class = failure.unwrap_or(FailureClass::AgentError);
                self.failed(&fence, class, result.reset_at_ms, end).await
            }
        }
    }

    /// Notes what an attempt has used so far: it counts though the attempt may never tell how it ended.
    async fn used(&self, fence: &Fence, result: &ResultEntry) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let (cost, read, written) =
            (result.cost_usd.map(micros), result.tokens_in.map(tokens), result.tokens_out.map(tokens));
        tx.keep_usage(fence.attempt, fence.token, cost, read, written).await?;
        tx.commit().await
    }

    /// The evidence of a result, from wherever it is.
    async fn evidence(&self, fence: &Fence, result: &ResultEntry) -> Result<Option<String>, StoreError> {
        match &result.evidence {
            Some(text) if is_evidence_reference(text) => {
                Ok(self.store.attempt(fence.attempt).await?.and_then(|row| row.end.evidence))
            }
            other => Ok(other.clone()),
        }
    }

    async fn landed(&self, fence: &Fence, end: AttemptEnd) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let Some(seen) = tx.current(&fence.task, fence.attempt, fence.token).await? else {
            return late(tx, fence, end).await;
        };
        let now_ms = self.clock.now_ms();
        let commit = end.commit.clone().unwrap_or_default();
        let attempt = tx.attempt(fence.attempt).await?;
        let change = Change::Plain(Trigger::Land);
        let moved = tx.change(&fence.task, &seen, change, end, "orchestrator", now_ms).await?;
        if let (Some(attempt), Some(_)) = (&attempt, &moved) {
            tx.approved_is(&fence.task, attempt.generation, HeldVerdict::Landed).await?;
            self.tell_breakers(&mut tx, attempt, None, now_ms).await?;
        }
        tx.commit().await?;
        if let Some(moved) = moved {
            info!(task = %fence.task, commit, "completed");
            announce(&self.queue, &[moved]).await;
        }
        Ok(())
    }

    /// Ends an attempt whose result was left on a branch: it waits there to be merged.
    async fn delivered(&self, fence: &Fence, branch: &str, commit: &str, end: AttemptEnd) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let Some(seen) = tx.current(&fence.task, fence.attempt, fence.token).await? else {
            return late(tx, fence, end).await;
        };
        let (now_ms, config) = (self.clock.now_ms(), self.config());
        let attempt = tx.attempt(fence.attempt).await?;
        let requested = config.landing.mode == LandingMode::PullRequest;
        let result = Deliver { branch: branch.to_owned(), commit: commit.to_owned(), requested };
        let change = Change::Deliver { reason: waits(fence.task.key(), &result, &config.repository.target_branch) };
        let moved = tx.change(&fence.task, &seen, change, end, "orchestrator", now_ms).await?;
        if let (Some(attempt), Some(_)) = (&attempt, &moved) {
            tx.deliver(&fence.task, fence.attempt, attempt.generation, &result, now_ms).await?;
            tx.approved_is(&fence.task, attempt.generation, HeldVerdict::Landed).await?;
            self.tell_breakers(&mut tx, attempt, None, now_ms).await?;
        }
        tx.commit().await?;
        if let Some(moved) = moved {
            info!(task = %fence.task, commit, branch, "waits to be merged by others");
            announce(&self.queue, &[moved]).await;
            self.delivered.notify_one();
        }
        Ok(())
    }

    /// Ends a failed attempt: another one later, at once, or a person.
    pub(crate) async fn failed(
        &self,
        fence: &Fence,
        class: FailureClass,
        reset_at_ms: Option<i64>,
        end: AttemptEnd,
    ) -> Result<(), StoreError> {
        self.ended(fence, class, reset_at_ms, end, None).await
    }

    /// Ends an attempt that has not landed. Its result may be held, on a branch, for a person.
    async fn ended(
        &self,
        fence: &Fence,
        class: FailureClass,
        reset_at_ms: Option<i64>,
        end: AttemptEnd,
        held: Option<HoldResult>,
    ) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        let mut tx = self.store.begin().await?;
        if class.pauses_account() {
            tx.take_turn(TURN, now_ms).await?;
        }
        let Some(seen) = tx.current(&fence.task, fence.attempt, fence.token).await? else {
            return late(tx, fence, end).await;
        };
        let spent = seen.attempts_spent + i64::from(class.spends_attempt());
        let message = end.message.clone();
        let (verdict, why) = self.verdict(&mut tx, fence, &seen, class, &end, now_ms).await?;
        let due_at_ms = match verdict {
            Verdict::RetryAt(at_ms) => Some(at_ms),
            Verdict::Requeue | Verdict::AskPerson => None,
        };
        let target = self.config().repository.target_branch.clone();
        let reason = match (why, &message) {
            (Some(Why::Held), _) if held.is_some() => {
                held.as_ref().map(|held| held_question(fence.task.key(), held, &target)).unwrap_or_default()
            }
            (Some(why), _) => question(fence.task.key(), class, message.as_deref(), why),
            (None, Some(message)) => format!("{class}: {message}"),
            (None, None) => class.to_string(),
        };
        let attempt = tx.attempt(fence.attempt).await?;
        let change = Change::Fail { trigger: verdict.trigger(), class, reason: reason.clone(), due_at_ms };
        let moved = tx.change(&fence.task, &seen, change, end, "orchestrator", now_ms).await?;
        if let (Some(attempt), Some(_)) = (&attempt, &moved) {
            if let Some(held) = &held {
                tx.hold(&fence.task, fence.attempt, attempt.generation, held, now_ms).await?;
            } else if class.spends_attempt() {
                // What was approved did not fit what has landed meanwhile: an agent has to do it again.
                tx.approved_is(&fence.task, attempt.generation, HeldVerdict::Overtaken).await?;
            }
            self.tell_breakers(&mut tx, attempt, Some(class), now_ms).await?;
            if class.pauses_account() {
                let message = message.as_deref().unwrap_or_default();
                self.pause_account(&mut tx, &attempt.account, class, reset_at_ms, message, now_ms).await?;
            }
        }
        tx.commit().await?;
        let Some(moved) = moved else { return Ok(()) };
        warn!(task = %fence.task, %class, to = %moved.now.state, spent, reason = first_line(&reason), "an attempt failed");
        announce(&self.queue, &[moved]).await;
        if let Some(due_at_ms) = due_at_ms {
            let (wake, pause) = (self.wake.clone(), u64::try_from(due_at_ms - now_ms).unwrap_or(0) + 1);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                wake.notify_one();
            });
        }
        Ok(())
    }

    /// What follows a failure; where that is a person, why.
    async fn verdict(
        &self,
        tx: &mut Tx,
        fence: &Fence,
        seen: &Lifecycle,
        class: FailureClass,
        end: &AttemptEnd,
        now_ms: i64,
    ) -> Result<(Verdict, Option<Why>), StoreError> {
        if seen.state == TaskState::Assigned {
            // It was never claimed: nothing has been tried.
            return Ok((Verdict::Requeue, None));
        }
        let spent = seen.attempts_spent + i64::from(class.spends_attempt());
        let unit = f64::from(rand::random::<u16>()) / f64::from(u16::MAX);
        let started = seen.attempts_started;
        let conflicts = match class {
            FailureClass::MergeConflict => 1 + tx.conflicts_before(fence.attempt, started).await?,
            _ => 0,
        };
        let verdict = self.retry.decide(class, Tally { spent, started, conflicts }, now_ms, unit);
        let why = match verdict {
            Verdict::AskPerson if class == FailureClass::Held => Some(Why::Held),
            Verdict::AskPerson if class.needs_person() => Some(Why::CannotStart),
            Verdict::AskPerson if conflicts > 1 => Some(Why::Conflicts),
            Verdict::AskPerson if spent >= self.retry.max_attempts() => Some(Why::Attempts(spent)),
            Verdict::AskPerson => Some(Why::Starts(seen.attempts_started)),
            Verdict::RetryAt(_) | Verdict::Requeue => None,
        };
        let budget = self.config().budget.per_task_micros();
        let cost = tx.task_spent_with(&fence.task, seen, fence.attempt, end.cost_micros).await?;
        Ok(match why {
            None if cost >= budget => (Verdict::AskPerson, Some(Why::Budget { spent: cost, budget })),
            why => (verdict, why),
        })
    }
}

/// The part of the attempt's trace in which its result is applied.
fn span(result: &ResultEntry) -> tracing::Span {
    trace::follow(Stage::Result, &result.task, &result.traceparent)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A result of an attempt that is not current changes nothing of its task. What it used was used all the same.
async fn late(mut tx: Tx, fence: &Fence, end: AttemptEnd) -> Result<(), StoreError> {
    debug!(task = %fence.task, attempt = %fence.attempt, "a late result changes nothing");
    tx.keep_late(fence.attempt, fence.token, end).await?;
    tx.commit().await
}

/// The version of the agent's program, as the evidence has it.
fn runtime_version(evidence: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Evidence {
        runtime_version: Option<String>,
    }
    serde_json::from_str::<Evidence>(evidence).ok()?.runtime_version
}

/// Dollars as millionths. What an agent's program says it cost is not believed beyond all bounds: it is added up.
#[expect(clippy::cast_possible_truncation, reason = "within the bounds there are less than 2^52 millionths")]
fn micros(dollars: f64) -> i64 {
    (dollars.clamp(0.0, DEAREST_USD) * 1_000_000.0).round() as i64
}

/// A number of tokens, within bounds as the costs are.
fn tokens(count: i64) -> i64 {
    count.clamp(0, MOST_TOKENS)
}
