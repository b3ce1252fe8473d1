//! What becomes of a result: it lands, is left on a branch, or is held for a person.

use std::time::Duration;

use coditect_core::FailureClass;
use coditect_service::trace::{self, Stage};
use tracing::Instrument;

use super::{Attempt, Done, Phase, cancellable};
use crate::candidate::{self, Candidate};
use crate::conflict;
use crate::job::Failure;
use crate::land::{self, Landing};
use crate::line::{Come, Member, Together};
use crate::proof::{self, Approved, Flag};
use crate::publish;
use crate::refs::{self, RefChange};
use crate::repository::{Repository, Standing};

/// How often an attempt merges, verifies and tries to land before it gives way to the others.
const LANDING_TRIES: u32 = 10;

impl Attempt<'_> {
    /// Lands a result, or leaves it on its branch, whichever is asked for.
    pub(super) async fn finish(
        &mut self,
        repository: &Repository,
        result: &Candidate,
        base: &str,
    ) -> Result<Done, Failure> {
        match &self.job.leave_on {
            Some(branch) => self.leave(repository, result, base, branch).await,
            None => self.land(repository, result, base).await.map(Done::Landed),
        }
    }

    /// Merges and verifies a result, and leaves it on a branch. Nobody else puts anything there, so no turn is waited for.
    async fn leave(
        &mut self,
        repository: &Repository,
        result: &Candidate,
        base: &str,
        branch: &str,
    ) -> Result<Done, Failure> {
        let (job, folders) = (self.job, self.folders);
        let tip = match self.cancellable(repository.tip(job)).await? {
            Standing::Tip(tip) => tip,
            Standing::Landed(commit) => return Ok(Done::Landed(self.already_landed(commit))),
        };
        let Candidate { commit, .. } = self.rebased(repository, result, base, &tip).await?;
        self.verify(repository, &commit).await?;
        self.enter(Phase::Landing).await?;
        let goes_on = self.in_hand.as_ref().is_some_and(|in_hand| in_hand.delivered);
        if let Some(replaced) = self.left.as_ref().filter(|left| !goes_on && **left != commit) {
            let kept = publish::keep_replaced(repository, folders, job, branch, replaced).await?;
            self.evidence.notes.push(format!("`{branch}` was at {replaced} before, which is kept as `{kept}`"));
        }
        let moved = publish::move_from(repository, folders, job, &commit, branch, self.left.as_deref());
        moved.instrument(trace::stage(Stage::Land)).await?;
        self.control.say(format!("left on `{branch}` as {commit}, to be merged into `{}`", job.target_branch));
        self.has_landed(repository, &commit).await;
        Ok(Done::Delivered { branch: branch.to_owned(), commit })
    }

    /// The result on top of `tip`. One that conflicts is kept for the next attempt.
    async fn rebased(
        &self,
        repository: &Repository,
        result: &Candidate,
        base: &str,
        tip: &str,
    ) -> Result<Candidate, Failure> {
        if tip == base {
            return Ok(result.clone());
        }
        let (job, folders) = (self.job, self.folders);
        let rebased = self.cancellable(candidate::rebase(repository, folders, job, result, base, tip)).await;
        if rebased.as_ref().is_err_and(|failure| failure.class == FailureClass::MergeConflict) {
            conflict::keep(repository, folders, job, result).await;
        }
        rebased
    }

    /// Proves a result that a person has to look at, and puts it where one can. Nothing lands.
    pub(super) async fn hold(
        &mut self,
        repository: &Repository,
        result: &Candidate,
        flags: &[Flag],
    ) -> Result<Done, Failure> {
        let (job, folders) = (self.job, self.folders);
        let flags: Vec<String> = flags.iter().map(Flag::to_string).collect();
        self.evidence.flags.clone_from(&flags);
        // What fails is no question for a person; the next attempt is told of both.
        self.verify(repository, &result.commit).await.map_err(|mut failure| {
            if failure.class == FailureClass::VerificationFailed {
                failure.message = format!("{}\nBeside that: {}", failure.message, flags.join("; "));
            }
            failure
        })?;
        let branch = proof::held::branch(job);
        self.cancellable(publish::publish(repository, folders, job, &result.commit, &branch)).await?;
        self.evidence.held_on = Some(branch.clone());
        self.control.say(format!("held for a person on the branch `{branch}`: {}", flags.join("; ")));
        Ok(Done::Held { branch, commit: result.commit.clone(), flags })
    }

    /// Verifies and lands a result that a person has approved.
    pub(super) async fn approved(&mut self, repository: &Repository, approved: &Approved) -> Result<Done, Failure> {
        let (job, folders) = (self.job, self.folders);
        let Approved { commit, branch, by, flags } = approved;
        self.control.say(format!("no agent runs: {by} has approved {commit} on `{branch}`"));
        self.evidence.notes.push(format!("{by} has approved {commit} as it is; no agent ran"));
        self.evidence.flags.clone_from(flags);
        let fetched = self.cancellable(proof::held::fetch(repository, folders, approved)).await?;
        let described =
            candidate::describe(repository, folders, &fetched.base, &fetched.candidate.commit, &mut self.evidence);
        cancellable(self.cancel, described).await?;
        self.evidence.commit = Some(fetched.candidate.commit.clone());
        self.enter(Phase::Verifying).await?;
        let done = self.finish(repository, &fetched.candidate, &fetched.base).await?;
        if let Err(error) = proof::held::withdraw(repository, folders, job, approved).await {
            tracing::debug!(%error, branch, "the branch of an approved result could not be removed");
        }
        Ok(done)
    }

    /// Completes a task that changes nothing: what is on the target branch is proved, and marked as this task's.
    pub(super) async fn nothing(
        &mut self,
        repository: &Repository,
        left: Option<Candidate>,
    ) -> Result<String, Failure> {
        let (job, folders) = (self.job, self.folders);
        if left.is_some() {
            let files = std::mem::take(&mut self.evidence.files).join(", ");
            self.evidence
                .notes
                .push(format!("the plan says that the task changes nothing; what it changed is left behind: {files}"));
        }
        self.enter(Phase::Verifying).await?;
        let tip = match self.cancellable(repository.tip(job)).await? {
            Standing::Tip(tip) => tip,
            Standing::Landed(commit) => return Ok(self.already_landed(commit)),
        };
        self.evidence.diff_stat = "nothing changed".to_owned();
        self.evidence.commit = Some(tip.clone());
        self.verify(repository, &tip).await?;
        self.enter(Phase::Landing).await?;
        // No commit carries the task; the mark alone says that this generation is done.
        let mark = RefChange::create(job.landed_ref(), tip.as_str());
        if let Err(error) = refs::change(repository, folders, job, &[mark], "coditect: nothing to land").await {
            return match repository.refs(job).await?.landed {
                Some(commit) if commit == tip => Ok(commit),
                Some(commit) => Ok(self.already_landed(commit)),
                None => Err(error.into()),
            };
        }
        self.control.say(format!("nothing to land: proved on {tip}"));
        Ok(tip)
    }

    /// Merges, verifies and lands when it is this attempt's turn, and again if somebody elsewhere came first.
    async fn land(&mut self, repository: &Repository, result: &Candidate, base: &str) -> Result<String, Failure> {
        let (job, folders) = (self.job, self.folders);
        let control = self.control;
        let member = Member {
            job: job.clone(),
            folders: folders.clone(),
            control: control.clone(),
            cancel: self.cancel.clone(),
            result: result.clone(),
            base: base.to_owned(),
        };
        let turn = match repository.waiting().wait(&member).await? {
            Come::Landed(together) => return Ok(self.landed_together(repository, together).await),
            Come::Turn(turn) => turn,
        };
        let line = format!("landing:{}", job.target_branch);
        let _shared = self.cancellable(async { Ok(control.turn(line).await) }).await?;
        if let Some(together) = turn.together(self.host, repository, &member, &self.secrets).await {
            return Ok(self.landed_together(repository, together).await);
        }
        let (mut last, mut proved) = (String::new(), None::<String>);
        for attempt in 1..=LANDING_TRIES {
            let tip = match self.cancellable(repository.tip(job)).await? {
                Standing::Tip(tip) => tip,
                Standing::Landed(commit) => return Ok(self.already_landed(commit)),
            };
            let candidate = self.rebased(repository, result, base, &tip).await?;
            let holds = match &proved {
                Some(at) => candidate::only_plans_differ(repository, folders, job, at, &tip).await?,
                None => false,
            };
            if holds {
                control
                    .say(format!("only plan files have changed on `{}`: what was verified holds", job.target_branch));
            } else {
                self.verify(repository, &candidate.commit).await?;
                proved = Some(tip.clone());
            }
            self.enter(Phase::Landing).await?;
            let landing = land::land(repository, folders, job, &tip, &candidate);
            match landing.instrument(trace::stage(Stage::Land)).await? {
                Landing::Landed => {
                    self.control.say(format!("landed on `{}` as {}", job.target_branch, candidate.commit));
                    self.has_landed(repository, &candidate.commit).await;
                    return Ok(candidate.commit);
                }
                Landing::AlreadyLanded(commit) => return Ok(self.already_landed(commit)),
                Landing::Lost { reason } => {
                    last = reason;
                    self.control.say(format!("`{}` moved first; merging again", job.target_branch));
                    let pause = tokio::time::sleep(Duration::from_millis(20 * u64::from(attempt)));
                    self.cancellable(async {
                        pause.await;
                        Ok(())
                    })
                    .await?;
                }
            }
        }
        // A lock that stays is not a race: a git that was killed has left it.
        let class = if last.contains("File exists") { FailureClass::Config } else { FailureClass::MergeConflict };
        let message = format!("could not land on `{}` in {LANDING_TRIES} tries; the last: {last}", job.target_branch);
        Err(Failure::new(class, message))
    }

    async fn landed_together(&mut self, repository: &Repository, together: Together) -> String {
        let Together { commit, verify, count } = together;
        self.control.say(format!("landed on `{}` as {commit}, one of {count} at once", self.job.target_branch));
        self.evidence.notes.push(format!("verified and landed together with {} others", count.saturating_sub(1)));
        self.evidence.no_verify = verify.is_empty();
        self.evidence.verify = verify;
        self.has_landed(repository, &commit).await;
        commit
    }

    async fn has_landed(&mut self, repository: &Repository, commit: &str) {
        let (job, folders) = (self.job, self.folders);
        self.evidence.commit = Some(commit.to_owned());
        if let Some(had) = &self.in_hand
            && let Err(error) = conflict::forget(repository, folders, job, had).await
        {
            tracing::debug!(%error, task = job.task, "an earlier result could not be forgotten");
        }
    }

    pub(super) fn already_landed(&mut self, commit: String) -> String {
        self.evidence.notes.push(format!("already landed as {commit}; nothing of this attempt was"));
        self.evidence.commit = Some(commit.clone());
        commit
    }
}
