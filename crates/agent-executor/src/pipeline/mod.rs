//! The whole way of one attempt: look, check out, run, squash, merge, verify, land, clean up.

mod agent;
mod finish;
mod host;

use std::sync::Arc;

use coditect_core::FailureClass;
use coditect_service::trace::{self, Stage};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::candidate;
use crate::conflict::{self, InHand};
use crate::job::{Evidence, Failure, Job, Outcome};
use crate::kept::{self, Failed};
use crate::mend;
use crate::proof::{self, Changes, Flag};
use crate::publish;
use crate::repository::{Repository, Standing};
use crate::sandbox;
use crate::setup::{self, Checkout};
use crate::verify::{self, Verifier};
use crate::workspace::Folders;

pub use crate::control::{Control, Fenced, Lease, LineKind, LogLine, Phase};
pub use host::{Host, HostError};

/// Runs the attempt to its end. Whatever the end, nothing of it is left on disk or running; once
/// [`Phase::Landing`] was granted, a cancellation waits for the push.
pub async fn run(job: &Job, host: &Host, control: &Control, cancel: CancellationToken) -> Outcome {
    let folders = host.root.folders(&job.attempt_id);
    let (evidence, secrets) = (Evidence::default(), Vec::new());
    let mut attempt = Attempt {
        job,
        host,
        control,
        cancel: &cancel,
        folders: &folders,
        evidence,
        secrets,
        in_hand: None,
        left: None,
        went: Went::default(),
    };
    let result = match job.check() {
        Ok(()) => {
            let result = attempt.go().await;
            match &result {
                Ok(_) => host.kept.forget(&job.task).await,
                Err(failure) => attempt.keep(failure).await,
            }
            if let Err(error) = folders.remove().await {
                tracing::warn!(%error, attempt = job.attempt_id, "the attempt's folders could not all be removed");
            }
            result
        }
        Err(failure) => Err(failure),
    };
    let mut evidence = attempt.evidence;
    proof::evidence::bound(&mut evidence);
    match result {
        Ok(Done::Landed(commit)) => Outcome::Landed { commit, evidence },
        Ok(Done::Delivered { branch, commit }) => Outcome::Delivered { branch, commit, evidence },
        Ok(Done::Held { branch, commit, flags }) => Outcome::Held { branch, commit, flags, evidence },
        Err(Failure { class, message, reset_at_ms }) => Outcome::Failed { class, message, reset_at_ms, evidence },
    }
}

/// What an attempt that has not failed came to.
enum Done {
    Landed(String),
    Delivered { branch: String, commit: String },
    Held { branch: String, commit: String, flags: Vec<String> },
}

struct Attempt<'a> {
    job: &'a Job,
    host: &'a Host,
    control: &'a Control,
    cancel: &'a CancellationToken,
    folders: &'a Folders,
    evidence: Evidence,
    /// What must not be seen in anything that is kept.
    secrets: Vec<String>,
    /// What the worktree has of an earlier attempt.
    in_hand: Option<InHand>,
    /// Where the branch that the result is to be left on was, if there was one.
    left: Option<String>,
    went: Went,
}

/// How far an attempt has come that may have to leave something to the next.
#[derive(Default)]
struct Went {
    /// Its agent has begun, in this repository, from this commit.
    begun: Option<(Arc<Repository>, String)>,
    /// What it goes on with.
    taken: kept::Taken,
    /// The id of its agent's conversation.
    session: Option<String>,
}

impl Attempt<'_> {
    async fn go(&mut self) -> Result<Done, Failure> {
        let (job, folders) = (self.job, self.folders);
        let repository = self.cancellable(self.host.repositories.open(&job.repository)).await?;
        let mut prepared = self.prepare(&repository).await;
        if let Err(failure) = &prepared
            && self.cancellable(mend::mend(&repository, job, failure)).await?
        {
            self.control.say("the cached clone was broken, and has been fetched anew".to_owned());
            let removed = folders.remove().await;
            removed.map_err(|error| Failure::config(format!("a broken checkout could not be removed: {error}")))?;
            prepared = self.prepare(&repository).await;
        }
        let base = match prepared? {
            Standing::Tip(tip) => tip,
            Standing::Landed(commit) => return Ok(Done::Landed(self.already_landed(commit))),
        };
        self.control.say(format!("worktree of `{}` at {base}", job.target_branch));
        if let Some(off) = self.host.sandbox().off() {
            self.control.say(off.to_owned());
        }
        if let Some(branch) = &job.leave_on {
            let name = format!("refs/heads/{branch}");
            self.left = self.cancellable(async { Ok(publish::tip_of(&repository, &name).await?) }).await?;
        }
        if let Some(approved) = &job.proof.approved {
            return self.approved(&repository, approved).await;
        }
        self.in_hand = self.cancellable(conflict::take(&repository, folders, job, &base)).await?;
        if let (None, Some(earlier)) = (&self.in_hand, &job.start_from) {
            self.in_hand = self.cancellable(conflict::go_on(&repository, folders, job, &base, earlier)).await?;
        }
        let earlier = self.host.kept.take(&repository, folders, job, &base, self.in_hand.is_none());
        self.went.taken = self.cancellable(earlier).await?;
        if !job.setup.is_empty() {
            let confine = self.host.sandbox().confinement().reading(sandbox::borrowed(repository.objects()));
            let place = (folders.worktree.as_path(), folders.home.as_path());
            setup::set_up(self.verifier(&repository), Checkout::Agents, place, &confine).await?;
        }
        self.went.begun = Some((Arc::clone(&repository), base.clone()));
        let resume = job.resume.clone().or_else(|| self.went.taken.resume.clone());
        self.agent(&repository, resume.as_ref()).instrument(trace::stage(Stage::Agent)).await?;
        let cancel = self.cancel;
        let squash = candidate::squash(&repository, folders, job, &base, &mut self.evidence);
        let squashed = cancellable(cancel, squash).await.map_err(|failure| self.unchanged(failure));
        let commit = match (job.proof.changes, squashed) {
            (Changes::None, squashed) => return self.nothing(&repository, squashed.ok()).await.map(Done::Landed),
            (Changes::Optional, Err(failure)) if failure.class == FailureClass::NoChange => {
                return self.nothing(&repository, None).await.map(Done::Landed);
            }
            (_, squashed) => squashed?,
        };
        self.evidence.commit = Some(commit.commit.clone());
        let changed =
            self.cancellable(async { Ok(proof::changed(&repository, folders, &base, &commit.commit).await?) });
        let judged = proof::judge(&changed.await?, &job.proof)?;
        self.evidence.notes.extend(judged.notes);
        self.enter(Phase::Verifying).await?;
        if job.leave_on.is_some() {
            // People look at it before it is merged, and are told of this.
            self.evidence.flags = judged.hold.iter().map(Flag::to_string).collect();
        } else if !judged.hold.is_empty() {
            return self.hold(&repository, &commit, &judged.hold).await;
        }
        match self.finish(&repository, &commit, &base).await {
            Err(failure) if failure.class == FailureClass::NoChange && job.proof.changes == Changes::Optional => {
                self.nothing(&repository, None).await.map(Done::Landed)
            }
            done => done,
        }
    }

    /// Checks out what the attempt begins with.
    async fn prepare(&self, repository: &Repository) -> Result<Standing, Failure> {
        let (job, folders) = (self.job, self.folders);
        let standing = self.cancellable(repository.standing(job)).await?;
        if let Standing::Tip(tip) = &standing {
            let prepare = folders.prepare(repository, job, tip);
            self.cancellable(prepare).instrument(trace::stage(Stage::Prepare)).await?;
        }
        Ok(standing)
    }

    /// Leaves to the next attempt what of this one is worth going on with.
    async fn keep(&self, failure: &Failure) {
        let Went { begun, taken, session } = &self.went;
        let Some((repository, base)) = begun else { return };
        let (job, folders, class) = (self.job, self.folders, failure.class);
        let went_on = taken.work.is_some() || taken.resume.is_some();
        let failed = Failed { job, repository, folders, base, class, session: session.as_deref(), went_on };
        self.host.kept.keep(failed).await;
    }

    fn verifier<'v>(&'v self, repository: &'v Repository) -> Verifier<'v> {
        let Self { job, host, control, cancel, folders, secrets, .. } = self;
        Verifier { host, repository, folders, job, control, cancel, secrets }
    }

    async fn verify(&mut self, repository: &Repository, commit: &str) -> Result<(), Failure> {
        let Self { job, host, control, cancel, folders, evidence, secrets, in_hand: _, left: _, went: _ } = self;
        let verifier = Verifier { host, repository, folders, job, control, cancel, secrets };
        verify::verify(verifier, commit, evidence).instrument(trace::stage(Stage::Verify)).await
    }

    /// Waits for leave to go on.
    async fn enter(&self, phase: Phase) -> Result<(), Failure> {
        let asked = async {
            self.control
                .enter(phase)
                .await
                .map_err(|fenced| Failure::cancelled(format!("{fenced}: it stopped before {phase:?}")))
        };
        self.cancellable(asked).await
    }

    async fn cancellable<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        cancellable(self.cancel, work).await
    }
}

/// Gives up the work when the attempt is cancelled.
async fn cancellable<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Failure::cancelled("the attempt was cancelled")),
        done = work => done,
    }
}
