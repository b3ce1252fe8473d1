//! The line of results that wait to land on one branch, and those that land together.
//!
//! One attempt at a time leads: it has the branch's turn. Where many wait, the leader takes some of them along: it puts their results on
//! top of each other, verifies the last of them with everybody's commands, and moves the branch once. Where that fails it halves them
//! and tries again, so that what breaks the proof is found in few steps and the others still land. Whoever could not be taken along (it
//! conflicts, it breaks the proof, it is fenced) lands alone, and finds out for itself why it cannot.
//!
//! Every task keeps a commit of its own, in one line. Of results that land together the last is what was verified; `landing.batch_max` 1 has
//! every commit verified by itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};
use tokio_util::sync::CancellationToken;

use crate::candidate::{self, Candidate};
use crate::control::{Control, Phase};
use crate::job::{Evidence, Failure, Job, VerifyResult};
use crate::pipeline::Host;
use crate::refs::{self, RefChange, give_objects};
use crate::repository::{Repository, Standing};
use crate::verify::{self, Verifier};
use crate::workspace::Folders;

/// The lines of a repository, by branch.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<HashMap<String, Arc<Line>>>);

#[derive(Debug, Default)]
struct Line {
    turn: Arc<AsyncMutex<()>>,
    waiting: Mutex<VecDeque<Waiting>>,
}

/// A result that is to land.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) job: Job,
    pub(crate) folders: Folders,
    pub(crate) control: Control,
    pub(crate) cancel: CancellationToken,
    pub(crate) result: Candidate,
    /// The commit that the result was made on.
    pub(crate) base: String,
}

#[derive(Debug)]
struct Waiting {
    member: Member,
    reply: oneshot::Sender<Option<Together>>,
}

/// A result that has landed with others.
#[derive(Debug, Clone)]
pub(crate) struct Together {
    /// The commit.
    pub(crate) commit: String,
    /// What proved it.
    pub(crate) verify: Vec<VerifyResult>,
    /// How many landed at once.
    pub(crate) count: usize,
}

/// What the line has come to for one of those in it.
#[derive(Debug)]
pub(crate) enum Come {
    /// It has the turn, until this is dropped.
    Turn(Turn),
    /// It has landed, with others.
    Landed(Together),
}

/// The turn of a branch.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Arc<Line>,
    /// It was taken along before, and could not land with the others.
    alone: bool,
    _turn: OwnedMutexGuard<()>,
}

impl Lines {
    /// Waits in the branch's line.
    pub(crate) async fn wait(&self, member: &Member) -> Result<Come, Failure> {
        let line = {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lines.entry(member.job.target_branch.clone()).or_default())
        };
        let (reply, mut answer) = oneshot::channel();
        line.lock().push_back(Waiting { member: member.clone(), reply });
        if line.turn.try_lock().is_err() {
            member.control.say(format!("waits for its turn to land on `{}`", member.job.target_branch));
        }
        let place = Place { line: &line, attempt: &member.job.attempt_id };
        let answered = tokio::select! {
            biased;
            answered = &mut answer => answered,
            turn = Arc::clone(&line.turn).lock_owned() => {
                // It leads, so nobody takes it along any more.
                drop(place);
                return Ok(Come::Turn(Turn { line, alone: false, _turn: turn }));
            }
            () = member.cancel.cancelled() => {
                if place.leave() {
                    return Err(Failure::cancelled("the attempt was cancelled"));
                }
                // It is taken along already, and may be landing.
                answer.await
            }
        };
        if let Ok(Some(landed)) = answered {
            return Ok(Come::Landed(landed));
        }
        tokio::select! {
            biased;
            () = member.cancel.cancelled() => Err(Failure::cancelled("the attempt was cancelled")),
            turn = Arc::clone(&line.turn).lock_owned() => {
                drop(place);
                Ok(Come::Turn(Turn { line, alone: true, _turn: turn }))
            }
        }
    }
}

impl Line {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line, until this is dropped.
struct Place<'a> {
    line: &'a Line,
    attempt: &'a str,
}

impl Place<'_> {
    /// Gives the place up; false: it was taken along meanwhile.
    fn leave(&self) -> bool {
        let mut waiting = self.line.lock();
        let before = waiting.len();
        waiting.retain(|waiting| waiting.member.job.attempt_id != self.attempt);
        waiting.len() < before
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Turn {
    /// Lands the leader's own result together with others that wait, where enough do. None: it has to land alone.
    pub(crate) async fn together(
        &self,
        host: &Host,
        repository: &Repository,
        own: &Member,
        secrets: &[String],
    ) -> Option<Together> {
        let (from, most) = own.job.limits.batch;
        let others: Vec<Waiting> = {
            let mut waiting = self.line.lock();
            if self.alone || most < 2 || waiting.len() + 1 < from {
                return None;
            }
            let count = waiting.len().min(most - 1);
            waiting.drain(..count).collect()
        };
        let (members, mut replies): (Vec<_>, Vec<_>) =
            others.into_iter().map(|one| (one.member, Some(one.reply))).unzip();
        let mut batch = Batch { host, repository, leader: own, secrets, landed: HashMap::new() };
        let all: Vec<&Member> = std::iter::once(own).chain(&members).collect();
        let given = members.iter().try_for_each(|member| give_objects(&member.folders.objects, &own.folders.objects));
        match given {
            Ok(()) => batch.land(&all).await,
            Err(error) => tracing::warn!(%error, "results could not be put together; each lands alone"),
        }
        let mut landed = batch.landed;
        for (member, reply) in members.iter().zip(&mut replies) {
            if let Some(reply) = reply.take() {
                let _ = reply.send(landed.remove(&member.job.attempt_id));
            }
        }
        landed.remove(&own.job.attempt_id)
    }
}

/// Results that are tried together.
struct Batch<'a> {
    host: &'a Host,
    repository: &'a Repository,
    leader: &'a Member,
    secrets: &'a [String],
    /// What has landed, by attempt.
    landed: HashMap<String, Together>,
}

impl Batch<'_> {
    /// Lands those that can be landed together.
    async fn land(&mut self, members: &[&Member]) {
        let mut members = members.to_vec();
        while members.len() > 1 && !self.leader.cancel.is_cancelled() {
            let Some((tip, stack)) = self.stack(&members).await else { return };
            let Some((_, top)) = stack.last().filter(|_| stack.len() > 1) else { return };
            members = stack.iter().map(|(member, _)| *member).collect();
            let verify = match self.verify(&members, &top.commit).await {
                Ok(verify) => verify,
                Err(_) if self.leader.cancel.is_cancelled() => return,
                Err(failure) => {
                    self.leader.control.say(format!("{} results together: {failure}; halved", members.len()));
                    let (first, second) = members.split_at(members.len().div_ceil(2));
                    Box::pin(self.land(first)).await;
                    return Box::pin(self.land(second)).await;
                }
            };
            let before = members.len();
            let mut may = Vec::with_capacity(before);
            for member in members {
                let leave = !member.cancel.is_cancelled() && member.control.enter(Phase::Landing).await.is_ok();
                may.extend(leave.then_some(member));
            }
            members = may;
            if members.len() == before {
                return self.push(&tip, &stack, &verify).await;
            }
        }
    }

    /// The results one on top of the other, without those that do not fit.
    async fn stack<'m>(&self, members: &[&'m Member]) -> Option<(String, Vec<(&'m Member, Candidate)>)> {
        let Member { job, folders, .. } = self.leader;
        let Ok(Standing::Tip(tip)) = self.repository.tip(job).await else { return None };
        let (mut at, mut stack) = (tip.clone(), Vec::new());
        for &member in members {
            let Member { job, result, base, .. } = member;
            let fits = if at == *base {
                Ok(result.clone())
            } else {
                candidate::rebase(self.repository, folders, job, result, base, &at).await
            };
            if let Ok(fits) = fits {
                at.clone_from(&fits.commit);
                stack.push((member, fits));
            }
        }
        Some((tip, stack))
    }

    /// Proves the last of them with the commands of all.
    async fn verify(&self, members: &[&Member], commit: &str) -> Result<Vec<VerifyResult>, Failure> {
        let Member { folders, control, cancel, .. } = self.leader;
        let mut job = self.leader.job.clone();
        // The leader may not be among them.
        (job.verify, job.proof.sources) = (Vec::new(), Vec::new());
        for member in members {
            for (at, command) in member.job.verify.iter().enumerate() {
                if !job.verify.contains(command) {
                    job.verify.push(command.clone());
                    job.proof.sources.push(member.job.proof.sources.get(at).cloned().unwrap_or_default());
                }
            }
        }
        let Self { host, repository, secrets, .. } = self;
        let mut evidence = Evidence::default();
        let verifier = Verifier { host, repository, folders, job: &job, control, cancel, secrets };
        verify::verify(verifier, commit, &mut evidence).await?;
        Ok(evidence.verify)
    }

    /// Moves the branch to the last of them, and marks each as landed. Where that fails nothing has moved.
    async fn push(&mut self, tip: &str, stack: &[(&Member, Candidate)], verify: &[VerifyResult]) {
        let Some((_, top)) = stack.last() else { return };
        let Member { job, folders, .. } = self.leader;
        // Each is told so when it lands alone.
        if self.repository.checked_out_at(&job.target_branch).is_some() {
            return;
        }
        let target = RefChange { name: job.target_ref(), from: Some(tip.to_owned()), to: top.commit.clone() };
        let marks = stack.iter().map(|(member, fits)| RefChange::create(member.job.landed_ref(), &fits.commit));
        let changes: Vec<_> = std::iter::once(target).chain(marks).collect();
        let reason = format!("coditect: {} tasks landed", stack.len());
        if let Err(error) = refs::change(self.repository, folders, job, &changes, &reason).await {
            // The refs tell each of them what has become of it.
            tracing::debug!(%error, "results did not land together");
            self.repository.forget_tip(job);
            return;
        }
        let mut parent = tip;
        for (member, fits) in stack {
            self.repository.saw_landing(&member.job, parent, fits);
            self.repository.landed_one_more().await;
            parent = &fits.commit;
            let verify = verify.iter().filter(|proof| member.job.verify.contains(&proof.command)).cloned().collect();
            let together = Together { commit: fits.commit.clone(), verify, count: stack.len() };
            self.landed.insert(member.job.attempt_id.clone(), together);
        }
    }
}
