//! Accounts that hit their limit or were refused, and the circuit breakers that attempts move.
//!
//! A quota or a credential is an account's: it is paused, and the task whose attempt found out goes back to be had by another
//! account, or waits, ready, with the pause as its explanation. A rate limit ends by itself: at the reset time that the service
//! named, or after a pause of our own that grows from one time to the next. A refused credential ends when a person resumes
//! the account; nothing is asked of the tasks.

use coditect_core::{BreakerPolicy, BreakerScope, FailureClass, Signal};
use coditect_queue::message::ResultEntry;
use coditect_store::{AccountPause, AttemptRow, StoreError, Tx};
use tracing::{error, info, warn};

use crate::Orchestrator;
use crate::attempts::Fence;

/// What the keys of the facts begin with that count rate limits of unknown end in a row.
const LIMITS: &str = "limits:";

/// No quota is used up for longer: should a service name a time far off, the account is tried then.
const LONGEST_MS: i64 = 35 * 24 * 60 * 60 * 1_000;

/// How often a breaker that others change at the same time is looked at anew.
const TRIES: usize = 8;

impl Orchestrator {
    /// What an executor says of an account while an attempt runs. One that is no longer current says nothing that counts.
    pub(crate) async fn account_said(
        &self,
        fence: &Fence,
        result: &ResultEntry,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.take_turn(TURN, now_ms).await?;
        if tx.current(&fence.task, fence.attempt, fence.token).await?.is_none() {
            return Ok(());
        }
        let Some(attempt) = tx.attempt(fence.attempt).await? else { return Ok(()) };
        match result.outcome.parse() {
            Ok(class @ (FailureClass::RateLimited | FailureClass::Auth)) => {
                self.pause_account(&mut tx, &attempt.account, class, result.reset_at_ms, &result.message, now_ms)
                    .await?;
            }
            // It works: the next limit begins with a short pause again. A pause that holds is not cut short by what a run says
            // that began before it.
            _ if result.outcome == "ok" => tx.forget_fact(&format!("{LIMITS}{}", attempt.account), now_ms).await?,
            _ => return Ok(()),
        }
        tx.commit().await
    }

    /// Pauses an account for a failure that is its own.
    pub(crate) async fn pause_account(
        &self,
        tx: &mut Tx,
        account: &str,
        class: FailureClass,
        reset_at_ms: Option<i64>,
        message: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let said = if message.is_empty() { String::new() } else { format!(" ({})", message.trim()) };
        let (until_ms, reason) = match class {
            FailureClass::RateLimited => match reset_at_ms.filter(|at| *at > now_ms) {
                Some(at) => (
                    Some(at.min(now_ms.saturating_add(LONGEST_MS))),
                    format!("its quota is used up until a time that the service named{said}."),
                ),
                None => {
                    let Some(until) = self.own_pause(tx, account, now_ms).await? else { return Ok(()) };
                    (Some(until), format!("it hit a rate limit, and the service did not say until when{said}."))
                }
            },
            _ => (
                None,
                format!(
                    "its credential was refused{said}. Mend the key that the executor gets for it \
                     (`accounts.{account}.credential` names the variable), then `coditect resume`."
                ),
            ),
        };
        let cause = class.to_string();
        let pause = AccountPause { account: account.to_owned(), cause, reason, until_ms, at_ms: now_ms };
        if tx.pause_account(&pause).await? {
            let AccountPause { cause, reason, .. } = pause;
            match until_ms {
                Some(until_ms) => warn!(account, cause, until_ms, reason, "an account is paused"),
                None => error!(account, cause, reason, "an account is stopped; a person has to help"),
            }
        }
        Ok(())
    }

    /// Until when an account is paused whose limit ends at an unknown time; longer each time in a row. `None`: it is paused
    /// already, and this is an attempt that was under way.
    async fn own_pause(&self, tx: &mut Tx, account: &str, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let paused = tx.account_pauses().await?;
        if paused.iter().any(|pause| pause.account == account && pause.holds(now_ms)) {
            return Ok(None);
        }
        let key = format!("{LIMITS}{account}");
        let known = tx.facts(&key).await?;
        let before: i64 =
            known.iter().find(|(name, _)| *name == key).and_then(|(_, count)| count.parse().ok()).unwrap_or_default();
        tx.set_fact(&key, &(before + 1).to_string(), now_ms).await?;
        Ok(Some(now_ms.saturating_add(BreakerPolicy::from(&self.config().breaker).pause_ms(before + 1))))
    }

    /// Tells the breakers of an attempt's agent and account how it ended (`None`: it landed).
    pub(crate) async fn tell_breakers(
        &self,
        tx: &mut Tx,
        attempt: &AttemptRow,
        end: Option<FailureClass>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        for (scope, name) in [(BreakerScope::Agent, &attempt.agent), (BreakerScope::Account, &attempt.account)] {
            // What was never claimed has tried nothing, and may still have been meant as a probe.
            let signal = if attempt.claimed_at_ms.is_some() { scope.signal(end) } else { Signal::Silence };
            self.tell(tx, scope, name, attempt, signal, now_ms).await?;
            if scope == BreakerScope::Account && signal == Signal::Success {
                tx.forget_fact(&format!("{LIMITS}{name}"), now_ms).await?;
            }
        }
        Ok(())
    }

    async fn tell(
        &self,
        tx: &mut Tx,
        scope: BreakerScope,
        name: &str,
        attempt: &AttemptRow,
        signal: Signal,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let policy = BreakerPolicy::from(&self.config().breaker);
        for _ in 0..TRIES {
            let row = tx.breaker(scope, name).await?;
            let next = row.breaker.after(attempt.id, signal, &policy, now_ms);
            if next == row.breaker {
                return Ok(());
            }
            if tx.set_breaker(&row, &next, now_ms).await? {
                if next.state != row.breaker.state {
                    let (from, to, failures) = (row.breaker.state, next.state, next.failures);
                    warn!(%scope, name, %from, %to, failures, "a circuit breaker moved");
                }
                return Ok(());
            }
        }
        warn!(%scope, name, "a circuit breaker changes too fast to be told of an attempt's end");
        Ok(())
    }

    /// Removes the pauses that are over.
    pub(crate) async fn lift_pauses(&self, now_ms: i64) -> Result<(), StoreError> {
        if self.store.account_pauses().await?.iter().all(|pause| pause.holds(now_ms)) {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        let lifted = tx.lift_pauses(now_ms).await?;
        tx.commit().await?;
        for account in lifted {
            info!(account, "the account's pause is over");
        }
        Ok(())
    }

    /// Removes the pauses of all accounts, as a person asks; answers whose they were.
    pub(crate) async fn resume_accounts(&self, now_ms: i64) -> Result<Vec<String>, StoreError> {
        let mut tx = self.store.begin().await?;
        let resumed = tx.resume_accounts().await?;
        for (key, _) in tx.facts(LIMITS).await? {
            tx.set_fact(&key, "", now_ms).await?;
        }
        tx.commit().await?;
        Ok(resumed)
    }

    /// Whether every account is stopped until a person resumes it: then no ready task moves by itself.
    pub(crate) async fn all_accounts_are_stopped(&self) -> Result<bool, StoreError> {
        let pauses = self.store.account_pauses().await?;
        let stopped = |name: &String| pauses.iter().any(|pause| pause.account == *name && pause.until_ms.is_none());
        Ok(self.config().accounts.keys().all(stopped))
    }
}

/// The turn of the dispatcher's passes: an account is paused before or after one, never within, so that nothing starts on it
/// from then on.
pub(crate) const TURN: &str = "dispatch";
