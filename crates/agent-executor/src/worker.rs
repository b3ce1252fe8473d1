//! One entry of the work stream: claim it, run it, report it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coditect_core::FailureClass;
use coditect_prompt::{Brief, Check, Predecessor, Task};
use coditect_proto::v1::claim_attempt_response::Answer;
use coditect_proto::v1::orchestrator_client::OrchestratorClient;
use coditect_proto::v1::{
    self, ClaimAttemptRequest, EarlierResult, GetAttemptRequest, RenewLeaseRequest, Specification,
};
use coditect_queue::message::{LogLine as QueuedLine, ResultEntry, ResultKind, Work};
use coditect_queue::{Delivery, Queue, Stream};
use coditect_service::config::Live;
use coditect_service::{Config, trace};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;
use tracing::{debug, info, warn};

use crate::control::{Control, Fenced, LogLine, Phase};
use crate::job::{Account, Author, Earlier, Evidence, Job, Limits, Outcome};
use crate::outbox::{Kept, Outbox};
use crate::pipeline::{self, Host};
use crate::proof::{Approved, Changes, Demands};
use crate::runs::{LogTail, Runs, Worked};
use crate::runtime::{AccountNotice, Spent};
use crate::settings;

/// Between two tries to reach the orchestrator.
const AGAIN: Duration = Duration::from_millis(250);

/// The least an attempt can be allowed to cost, in US dollars.
const LEAST_COST_USD: f64 = 0.01;

/// How many log lines are sent on at once. As many more may wait; a line has 8 KiB at most, and there are many attempts.
const LOG_BATCH: usize = 64;

/// What the workers of an executor share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) name: String,
    /// That of the start; an attempt's is that of when it was taken up.
    pub(crate) config: Arc<Config>,
    pub(crate) live: Live,
    pub(crate) host: Arc<Host>,
    pub(crate) queue: Queue,
    pub(crate) orchestrator: OrchestratorClient<Channel>,
    pub(crate) outbox: Outbox,
    pub(crate) runs: Runs,
    pub(crate) worked: Worked,
    /// Everything is to be put down now.
    pub(crate) cut: CancellationToken,
}

impl Worker {
    /// Works one entry to its end. It is acknowledged when nothing more can come of it.
    pub(crate) async fn work(mut self, delivery: Delivery<Work>) {
        let work = delivery.message.clone();
        // An account that was added meanwhile is one that attempts are charged to.
        self.config = self.live.get();
        // For as long as it is worked: the orchestrator would refuse the claim of another entry of the same attempt, and it
        // would seem to have died here while the first one's claim is still being answered.
        let Some(_worked) = self.worked.take_up(&work.attempt) else {
            debug!(attempt = work.attempt, "a duplicate of what is worked here already");
            acknowledge(delivery).await;
            return;
        };
        let Some((specification, asked)) = self.claim(&work).await else {
            if !self.cut.is_cancelled() {
                acknowledge(delivery).await;
            }
            return;
        };
        info!(task = work.task, attempt = work.attempt, number = specification.number, agent = work.agent, "runs");
        let outcome = self.run(&specification, asked).await;
        match &outcome {
            Outcome::Landed { commit, .. } => info!(task = work.task, attempt = work.attempt, commit, "landed"),
            Outcome::Delivered { branch, .. } => {
                info!(task = work.task, attempt = work.attempt, branch, "left to be merged by others")
            }
            Outcome::Held { branch, .. } => {
                info!(task = work.task, attempt = work.attempt, branch, "held for a person")
            }
            Outcome::Failed { class, .. } => info!(task = work.task, attempt = work.attempt, %class, "failed"),
        }
        self.report(&work, outcome).await;
        self.runs.end(&work.attempt);
        acknowledge(delivery).await;
    }

    /// Claims the attempt, however long the orchestrator takes to be there; says also when it asked, as the lease counts
    /// from then. `None`: it is not to be had, or we stop.
    async fn claim(&mut self, work: &Work) -> Option<(Specification, Instant)> {
        loop {
            let asked = Instant::now();
            let request = ClaimAttemptRequest {
                task: work.task.clone(),
                attempt: work.attempt.clone(),
                token: work.token,
                executor: self.name.clone(),
            };
            match self
                .orchestrator
                .claim_attempt(trace::request(request))
                .await
                .map(|answer| answer.into_inner().answer)
            {
                Ok(Some(Answer::Specification(specification))) => return Some((specification, asked)),
                Ok(Some(Answer::Refused(why))) => {
                    debug!(task = work.task, attempt = work.attempt, why, "refused");
                    self.bury_own_dead(work).await;
                    return None;
                }
                Ok(None) => return None,
                Err(status) if matches!(status.code(), Code::InvalidArgument | Code::NotFound) => {
                    warn!(task = work.task, attempt = work.attempt, %status, "the entry names no attempt");
                    return None;
                }
                Err(status) => debug!(%status, "the orchestrator cannot be reached"),
            }
            tokio::select! {
                () = self.cut.cancelled() => return None,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    /// An attempt that this executor had claimed, does not run and has no result of, died with an earlier process.
    async fn bury_own_dead(&mut self, work: &Work) {
        let request = GetAttemptRequest { attempt: work.attempt.clone() };
        let Ok(attempt) = self.orchestrator.get_attempt(request).await else { return };
        let attempt = attempt.into_inner();
        if !attempt.open || attempt.executor != self.name || self.outbox.holds(&work.attempt).await {
            return;
        }
        info!(task = work.task, attempt = work.attempt, "was running when this executor died; reported as lost");
        let outcome = Outcome::Failed {
            class: FailureClass::ExecutorLost,
            message: format!("the executor {} died while it ran", self.name),
            reset_at_ms: None,
            evidence: Evidence::default(),
        };
        self.report(work, outcome).await;
    }

    async fn run(&self, specification: &Specification, asked: Instant) -> Outcome {
        let attempt = specification.attempt.clone();
        let lease = Duration::from_millis(u64::try_from(specification.lease_ms).unwrap_or_default());
        let (lease, cancel, tail) = self.runs.begin(&attempt, &specification.task, specification.token, lease, asked);
        if self.cut.is_cancelled() {
            cancel.cancel();
        }
        let job = match self.job(specification) {
            Ok(job) => job,
            Err(message) => {
                let (class, evidence) = (FailureClass::Config, Evidence::default());
                return Outcome::Failed { class, message, reset_at_ms: None, evidence };
            }
        };
        let (sender, lines) = mpsc::channel(LOG_BATCH);
        let log = tokio::spawn(forward(self.queue.clone(), attempt, tail, lines));
        let (notices, told) = mpsc::unbounded_channel();
        let telling = tokio::spawn(tell_of_account(self.queue.clone(), specification.clone(), told));
        let gate = {
            let (this, specification) = (self.clone(), specification.clone());
            move |phase| ask(this.clone(), specification.clone(), phase)
        };
        let turns = {
            // Two results of one executor are two in the line.
            let (queue, name) = (self.queue.clone(), format!("{}/{}", self.name, specification.attempt));
            move |line: String| {
                let (queue, name) = (queue.clone(), name.clone());
                async move {
                    let turn = queue.turn(&line, &name).await;
                    // Without Redis nobody is in line; what must not be done twice is fenced in git.
                    turn.inspect_err(|error| debug!(%error, line, "no turn can be had, and none is waited for")).ok()
                }
            }
        };
        let (counts, counted) = watch::channel(Spent::default());
        let counting = tokio::spawn(tell_of_spending(self.queue.clone(), specification.clone(), counted));
        let control = Control::new(sender)
            .with_lease(lease)
            .with_gate(gate)
            .with_turns(turns)
            .with_account(move |notice| {
                // The one who listens does so until the attempt is over.
                let _ = notices.send(notice);
            })
            .with_spent(move |spent| {
                counts.send_replace(spent);
            });
        let outcome = pipeline::run(&job, &self.host, &control, cancel).await;
        drop(control);
        if log.await.is_err() || telling.await.is_err() || counting.await.is_err() {
            debug!("the log's task failed");
        }
        outcome
    }

    /// What the specification and this executor's configuration make of it.
    fn job(&self, specification: &Specification) -> Result<Job, String> {
        let executor = &self.config.executor;
        let runtime = settings::runtime(executor, specification, self.host.sandbox().confines())?;
        let account = runtime.api().map(|_| self.account(specification)).transpose()?;
        Ok(Job {
            task: specification.task.clone(),
            key: specification.key.clone(),
            title: specification.title.clone(),
            generation: specification.generation,
            attempt_id: specification.attempt.clone(),
            attempt_number: specification.number,
            agent: specification.agent.clone(),
            repository: specification.repository.clone(),
            target_branch: specification.target_branch.clone(),
            leave_on: Some(specification.leave_on.clone()).filter(|branch| !branch.is_empty()),
            start_from: specification
                .start_from
                .clone()
                .map(|EarlierResult { branch, commit }| Earlier { branch, commit }),
            runtime,
            resume: None,
            account,
            brief: brief(specification),
            conventions: self.config.prompt.conventions.clone(),
            setup: self.config.worktree.setup.clone(),
            verify: specification.verify.clone(),
            proof: self.demands(specification)?,
            protected: specification.protected.clone(),
            limits: Limits {
                wall: executor.wall_limit(),
                silence: executor.silence_limit(),
                kill_grace: executor.kill_grace(),
                log_bytes: usize::try_from(executor.log_limit_bytes).unwrap_or(usize::MAX),
                setup_wall: self.config.worktree.setup_limit(),
                verify_wall: self.config.verify.wall_limit(),
                batch: self.config.landing.batch(),
            },
            env_allow: executor.env_allow.clone(),
            verify_env_allow: Vec::new(),
            author: Author::default(),
        })
    }

    /// What is asked of the result beside its verify commands.
    fn demands(&self, specification: &Specification) -> Result<Demands, String> {
        if self.config.verify.required && specification.verify.is_empty() {
            return Err(format!(
                "no command proves task {}, and verify.required asks for one: give the task a `**Verify:**` field, the plan \
                 a section `## Validation Commands`, or the project verify.commands",
                specification.key
            ));
        }
        let changes = match specification.changes.as_str() {
            "" | "required" => Changes::Required,
            "optional" => Changes::Optional,
            "none" => Changes::None,
            other => {
                return Err(format!(
                    "`{other}` does not say whether the task changes anything: expected required, optional or none; is \
                     this executor older than the orchestrator?"
                ));
            }
        };
        let approved = specification.approved.clone().map(|approved| Approved {
            commit: approved.commit,
            branch: approved.branch,
            by: approved.by,
            flags: approved.flags,
        });
        Ok(Demands {
            changes,
            guarded: specification.guarded.clone(),
            removed_tests: self.config.verify.removed_tests,
            sources: specification.verify_sources.clone(),
            approved,
        })
    }

    /// The account that the attempt is charged to.
    fn account(&self, specification: &Specification) -> Result<Account, String> {
        let name = match specification.account.as_str() {
            "" => "default",
            name => name,
        };
        let account = self.config.accounts.get(name).ok_or_else(|| {
            format!("account `{name}` is not in this executor's configuration: add it to `accounts`, as the orchestrator has it")
        })?;
        Ok(Account {
            name: name.to_owned(),
            credential: account.credential.clone(),
            base_url: account.base_url.clone(),
            pass_to_agent: account.pass_to_agent,
            budget_micros: coditect_service::config::micros(max_cost_usd(specification)),
        })
    }

    async fn report(&self, work: &Work, outcome: Outcome) {
        let kept = Kept {
            task: work.task.clone(),
            attempt: work.attempt.clone(),
            token: work.token,
            account: work.account.clone(),
            traceparent: work.traceparent.clone(),
            outcome,
        };
        self.outbox.put(&kept).await;
    }
}

/// What the agent is told of its task.
fn brief(specification: &Specification) -> Brief {
    let sources = specification.verify_sources.iter().cloned().chain(std::iter::repeat(String::new()));
    let check = |(command, source): (&String, String)| Check { command: command.clone(), source };
    Brief {
        task: Task {
            key: specification.key.clone(),
            title: specification.title.clone(),
            section: specification.section.clone(),
            description: specification.description.clone(),
            steps: specification.steps.clone(),
            acceptance: specification.acceptance.clone(),
        },
        target_branch: specification.target_branch.clone(),
        verify: specification.verify.iter().zip(sources).map(check).collect(),
        changes: specification.changes.clone(),
        earlier: specification.earlier_failures.clone(),
        answers: specification.answers.clone(),
        predecessors: specification
            .predecessors
            .iter()
            .cloned()
            .map(|v1::Predecessor { key, title, commit, summary, files }| Predecessor {
                key,
                title,
                commit,
                summary,
                files,
            })
            .collect(),
        protected: specification.protected.clone(),
    }
}

/// What the attempt may cost, in US dollars. Where nothing is left, the first answer of the model ends the run.
pub(crate) fn max_cost_usd(specification: &Specification) -> f64 {
    let cost = specification.max_cost_usd;
    if cost.is_finite() { cost.max(LEAST_COST_USD) } else { LEAST_COST_USD }
}

/// Asks the orchestrator for leave to enter a phase, for as long as the attempt's lease can be kept.
async fn ask(mut worker: Worker, specification: Specification, phase: Phase) -> Result<(), Fenced> {
    let name = match phase {
        Phase::Verifying => "verifying",
        Phase::Landing => "landing",
    };
    loop {
        let request = RenewLeaseRequest {
            task: specification.task.clone(),
            attempt: specification.attempt.clone(),
            token: specification.token,
            phase: name.to_owned(),
        };
        match worker.orchestrator.renew_lease(trace::request(request)).await {
            Ok(_) => {
                worker.runs.enter(&specification.attempt, name);
                return Ok(());
            }
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) => {
                debug!(task = specification.task, phase = name, %status, "no leave");
                return Err(Fenced);
            }
            Err(status) => debug!(%status, "the orchestrator cannot be reached"),
        }
        tokio::select! {
            () = worker.cut.cancelled() => return Err(Fenced),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// Sends log lines on in batches, until the attempt has ended.
async fn forward(queue: Queue, attempt: String, tail: LogTail, mut lines: mpsc::Receiver<LogLine>) {
    let mut batch = Vec::with_capacity(LOG_BATCH);
    while lines.recv_many(&mut batch, LOG_BATCH).await > 0 {
        tail.add(&batch);
        let queued: Vec<QueuedLine> = batch
            .drain(..)
            .map(|line| QueuedLine { at_ms: line.at_ms, kind: line.kind.as_str().to_owned(), text: line.text })
            .collect();
        if let Err(error) = queue.add_log(&attempt, &queued).await {
            debug!(%error, attempt, lines = queued.len(), "log lines were lost");
        }
    }
}

/// Tells the orchestrator what a run learns about its account, at once: other attempts need not learn it again.
async fn tell_of_account(
    queue: Queue,
    specification: Specification,
    mut notices: mpsc::UnboundedReceiver<AccountNotice>,
) {
    while let Some(AccountNotice { standing, reset_at_ms, message }) = notices.recv().await {
        let account = specification.account.clone();
        info!(
            task = specification.task,
            attempt = specification.attempt,
            account,
            standing = standing.as_str(),
            "account"
        );
        let entry = ResultEntry {
            task: specification.task.clone(),
            attempt: specification.attempt.clone(),
            token: specification.token,
            kind: ResultKind::Account,
            outcome: standing.as_str().to_owned(),
            account,
            reset_at_ms,
            message,
            traceparent: specification.traceparent.clone(),
            ..ResultEntry::default()
        };
        if let Err(error) = queue.add(&Stream::Results, &entry).await {
            debug!(%error, attempt = specification.attempt, "not told; the attempt's own result will tell it");
        }
    }
}

/// Tells the orchestrator what a run has used so far: should the executor be lost, at least that is known.
async fn tell_of_spending(queue: Queue, specification: Specification, mut counted: watch::Receiver<Spent>) {
    while counted.changed().await.is_ok() {
        let Spent { cost_usd, tokens_in, tokens_out } = *counted.borrow_and_update();
        let entry = ResultEntry {
            task: specification.task.clone(),
            attempt: specification.attempt.clone(),
            token: specification.token,
            kind: ResultKind::Progress,
            cost_usd,
            tokens_in,
            tokens_out,
            traceparent: specification.traceparent.clone(),
            ..ResultEntry::default()
        };
        if let Err(error) = queue.add(&Stream::Results, &entry).await {
            debug!(%error, attempt = specification.attempt, "not told; the attempt's own result will tell it");
        }
    }
}

async fn acknowledge(delivery: Delivery<Work>) {
    if let Err(error) = delivery.ack().await {
        debug!(%error, "not acknowledged; it will come again and be refused");
    }
}

/// Where an executor keeps what it must not forget.
pub(crate) fn outbox_folder(root: &std::path::Path) -> PathBuf {
    root.join("outbox")
}
