//! Pull requests: opened for results that were left on a branch, and looked at until they are merged or closed.
//!
//! Level-triggered: what is to be opened or looked at is what waits in the database. A request that was opened just before a crash is found
//! at the forge again.

use std::collections::BTreeSet;

use coditect_core::{Change, Clock, FailureClass, Lifecycle, Trigger, Verdict, decide_unmerged};
use coditect_forge::{self as forge_api, Forge, ForgeError, Kind, Standing};
use coditect_service::announce::announce;
use coditect_service::config::{Config, ForgeKind};
use coditect_service::ticker;
use coditect_store::{AttemptEnd, Delivered, PullRequest, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Orchestrator;
use crate::proposal::proposal;
use crate::questions::{Why, question};

/// So many requests are looked at in one pass, in turn. Each is up to five questions, and GitHub answers 5,000 in an hour: with the
/// default pause of 30 s that is what may be asked.
const IN_A_PASS: usize = 8;

/// Why a request could not be looked after.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The forge that the configuration names.
///
/// # Errors
/// What is missing, in words.
pub(crate) fn forge(config: &Config) -> anyhow::Result<Forge> {
    let settings = &config.landing.forge;
    let kind = match settings.kind {
        Some(ForgeKind::Github) => Kind::Github,
        Some(ForgeKind::Gitlab) => Kind::Gitlab,
        None => anyhow::bail!("landing.forge.kind is not set: expected \"github\" or \"gitlab\""),
    };
    let project = settings.project(&config.repository.path);
    let project = project.ok_or_else(|| anyhow::anyhow!("landing.forge.project is not set: expected owner/name"))?;
    let token = settings.token.as_ref().ok_or_else(|| {
        anyhow::anyhow!(
            "landing.mode is \"pull-request\", and there is no token for it: set CODITECT_FORGE_TOKEN, or CODITECT_FORGE_TOKEN_FILE, \
             for the orchestrator"
        )
    })?;
    Ok(Forge::new(kind, settings.api_url.as_deref(), &project, token.expose())?)
}

impl Orchestrator {
    /// Looks after requests until the term ends.
    pub(crate) async fn watch_requests(self, ended: CancellationToken) {
        let every = self.config().landing.forge.poll_interval();
        let mut turn = 0;
        ticker::run("requests", every, &self.delivered, &ended, || {
            let this = (turn, self.clone(), ended.clone());
            turn += 1;
            async move {
                let (turn, orchestrator, ended) = this;
                orchestrator.look_after_requests(turn, &ended).await
            }
        })
        .await;
    }

    /// One pass, the `turn`th.
    pub(crate) async fn look_after_requests(&self, turn: usize, ended: &CancellationToken) -> anyhow::Result<()> {
        let (open, new): (Vec<_>, Vec<_>) =
            self.store.requests().await?.into_iter().partition(|delivered| delivered.request.is_some());
        let refused = self.store.refused_requests().await?;
        if open.is_empty() && new.is_empty() && refused.is_empty() {
            return Ok(());
        }
        let forge = forge(&self.config())?;
        let of = |all: &[Delivered]| -> Vec<Delivered> {
            in_turn(all.len(), turn).into_iter().filter_map(|at| all.get(at).cloned()).collect()
        };
        let mut failed = Ok(());
        for delivered in &[of(&open), of(&new), of(&refused)].concat() {
            if ended.is_cancelled() {
                return Ok(());
            }
            match self.look_after(&forge, delivered).await {
                Ok(()) => {}
                Err(Trouble::Store(error)) => return Err(error.into()),
                Err(Trouble::Forge(error)) => {
                    let mut tx = self.store.begin().await?;
                    tx.forge_troubles(delivered.attempt, Some(&error.to_string())).await?;
                    tx.commit().await?;
                    if error.stops_all() {
                        return Err(error.into());
                    }
                    if delivered.trouble.as_deref() != Some(error.to_string().as_str()) {
                        warn!(task = %delivered.task, branch = delivered.result.branch, %error, "a pull request makes trouble");
                    }
                    if error.is_of_the_forge() {
                        failed = Err(error.into());
                    }
                }
            }
        }
        failed
    }

    async fn look_after(&self, forge: &Forge, delivered: &Delivered) -> Result<(), Trouble> {
        let Some(request) = &delivered.request else { return self.open_request(forge, delivered).await };
        // What is said from here on is looked at the next time.
        let now_ms = self.clock.now_ms();
        let last = forge_api::Delivered { commit: delivered.result.commit.clone(), since_ms: delivered.since_ms };
        let standing = forge.look(request.number, &last).await?;
        if delivered.trouble.is_some() {
            let mut tx = self.store.begin().await?;
            tx.forge_troubles(delivered.attempt, None).await?;
            tx.commit().await?;
        }
        match standing {
            Standing::Merged { commit } => Ok(self.merged(delivered, request, commit).await?),
            // It waits for a person's word, or for being merged.
            _ if delivered.verdict.is_some() => Ok(()),
            Standing::Closed => {
                let said = format!("its pull request was closed without being merged: {}", request.url);
                Ok(self.unmerged(delivered, true, said, now_ms).await?)
            }
            Standing::Open { asks } if asks.is_empty() => Ok(()),
            Standing::Open { asks } => {
                let asks: Vec<_> = asks.iter().map(|ask| ask.trim().replace('\n', "\n  ")).collect();
                let said = match asks.as_slice() {
                    [one] => one.clone(),
                    several => {
                        several.iter().map(|ask| format!("\n- {ask}")).collect::<String>().trim_start().to_owned()
                    }
                };
                Ok(self.unmerged(delivered, false, said, now_ms).await?)
            }
        }
    }

    async fn open_request(&self, forge: &Forge, delivered: &Delivered) -> Result<(), Trouble> {
        let task = self.store.task(&delivered.task).await?;
        let attempt = self.store.attempt(delivered.attempt).await?;
        let (Some(task), Some(attempt)) = (task, attempt) else { return Ok(()) };
        let target = &self.config().repository.target_branch;
        let opened = forge.open(&proposal(&task, &attempt, &delivered.result, target)).await?;
        let request = PullRequest { number: opened.number, url: opened.url };
        let mut tx = self.store.begin().await?;
        tx.request_opened(delivered.attempt, &request).await?;
        tx.commit().await?;
        info!(task = %delivered.task, url = request.url, "a pull request is open");
        Ok(())
    }

    async fn merged(
        &self,
        delivered: &Delivered,
        request: &PullRequest,
        commit: Option<String>,
    ) -> Result<(), StoreError> {
        let end = AttemptEnd { commit, ..AttemptEnd::default() };
        // One that a person was asked about is completed, as a person would.
        let trigger = if delivered.verdict.is_some() { Trigger::Complete } else { Trigger::Merge };
        if self.move_on(delivered, Change::Plain(trigger), end, self.clock.now_ms()).await? {
            info!(task = %delivered.task, url = request.url, "merged; completed");
        }
        Ok(())
    }

    /// What people or checks ask for goes back to an agent, or to a person.
    async fn unmerged(&self, delivered: &Delivered, closed: bool, said: String, now_ms: i64) -> Result<(), StoreError> {
        let class = FailureClass::NotMerged;
        let mut tx = self.store.begin().await?;
        let Some(seen) = tx.lifecycle(&delivered.task).await? else { return Ok(()) };
        let spent = tx.task_spent(&delivered.task, &seen).await?;
        drop(tx);
        let config = self.config();
        let (budget, most) = (config.budget.per_task_micros(), i64::from(config.landing.max_rounds));
        let (verdict, why) = match decide_unmerged(closed, delivered.round, most) {
            Verdict::AskPerson if closed => (Verdict::AskPerson, Some(Why::Closed)),
            Verdict::AskPerson => (Verdict::AskPerson, Some(Why::Unmerged(delivered.round))),
            _ if spent >= budget => (Verdict::AskPerson, Some(Why::Budget { spent, budget })),
            verdict => (verdict, None),
        };
        let reason = match why {
            Some(why) => question(delivered.task.key(), class, Some(&said), why),
            None => format!("{class}: {said}"),
        };
        let end = AttemptEnd { failure: Some(class), message: Some(said), ..AttemptEnd::default() };
        let change = Change::Fail { trigger: verdict.trigger(), class, reason: reason.clone(), due_at_ms: None };
        if self.move_on(delivered, change, end, now_ms).await? {
            let (task, round) = (&delivered.task, delivered.round);
            warn!(%task, round, trigger = %verdict.trigger(), reason = reason.lines().next(), "was not merged as it is");
        }
        Ok(())
    }

    /// Moves the task on, if it still waits for this.
    async fn move_on(
        &self,
        delivered: &Delivered,
        change: Change,
        end: AttemptEnd,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.store.begin().await?;
        let waits = |seen: &Lifecycle| delivered.waits(seen) || delivered.is_with_a_person(seen);
        let Some(seen) = tx.lifecycle(&delivered.task).await?.filter(waits) else { return Ok(false) };
        let moved = tx.change(&delivered.task, &seen, change, end, "orchestrator", now_ms).await?;
        tx.commit().await?;
        announce(&self.queue, moved.as_slice()).await;
        Ok(moved.is_some())
    }
}

/// Which of so many are looked at in the `turn`th pass.
fn in_turn(count: usize, turn: usize) -> BTreeSet<usize> {
    let first = turn.wrapping_mul(IN_A_PASS);
    (first..first.saturating_add(IN_A_PASS.min(count))).filter_map(|at| at.checked_rem(count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_looked_at_in_turn_and_never_too_many_at_once() {
        assert!(in_turn(0, 7).is_empty());
        assert_eq!(in_turn(3, 5).len(), 3);
        for count in [9_usize, 20, 33] {
            let passes = count.div_ceil(IN_A_PASS) + 1;
            let mut seen = BTreeSet::new();
            for turn in 0..passes {
                let now = in_turn(count, turn);
                assert!(now.len() <= IN_A_PASS);
                seen.extend(now);
            }
            assert_eq!(seen, (0..count).collect(), "{count} in {passes} passes");
        }
    }
}
