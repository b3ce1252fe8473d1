//! The whole way of one attempt: look, check out, run, squash, merge, verify, land, clean up.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coditect_core::FailureClass;
use coditect_prompt::{Found, Template};
use coditect_service::config::SandboxConfig;
use coditect_service::trace::{self, Stage};
use nix::fcntl::{Flock, FlockArg};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::access;
use crate::candidate::{self, Candidate};
use crate::conflict::{self, InHand};
use crate::control::now_ms;
use crate::conventions;
use crate::egress::{self, Egress, Policy};
use crate::git::{Git, tail};
use crate::job::{Evidence, Failure, Job, Outcome, Resume, Runtime};
use crate::kept::{self, Failed};
use crate::land::{self, Landing};
use crate::line::{Come, Member, Together};
use crate::mend;
use crate::proof::{self, Approved, Changes, Flag};
use crate::publish;
use crate::refs::{self, RefChange};
use crate::repository::{Repositories, Repository, Standing};
use crate::run::{self, SelfReport, Start};
use crate::runtime::{self, AccountNotice, AccountStanding, ApiAccess, Prepared, Versions};
use crate::sandbox::{self, Confinement, Sandbox, SandboxError};
use crate::setup::{self, Checkout};
use crate::verify::{self, Verifier};
use crate::workspace::{Folders, Root, Swept};

pub use crate::control::{Control, Fenced, Lease, LineKind, LogLine, Phase};

/// How often an attempt merges, verifies and tries to land before it gives way to the others.
const LANDING_TRIES: u32 = 10;

/// How much of an agent's last words its failure repeats.
const MESSAGE_TAIL: usize = 2_000;

/// What the attempts on one machine share. One process owns a root at a time.
#[derive(Debug)]
pub struct Host {
    root: Root,
    git: Git,
    repositories: Repositories,
    shim: PathBuf,
    env: Vec<(String, String)>,
    sandbox: Sandbox,
    versions: Versions,
    egress: Policy,
    template: Template,
    kept: kept::Store,
    _owned: Flock<File>,
}

/// Why a host cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The folder cannot be made or read.
    #[error("the executor's folder {} cannot be used", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// Commands cannot be confined as the configuration demands.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Nothing can be reached from here.
    #[error(transparent)]
    Egress(#[from] coditect_gateway::TlsError),
    /// It belongs to a process that is running.
    #[error("the executor's folder {} is in use by another executor; give each its own", .0.display())]
    InUse(PathBuf),
}

impl Host {
    /// Takes the folder over. `shim` is the executor's own binary; `git_env` is what git needs to reach remote
    /// repositories, and is shown to nothing else.
    pub fn open(root: &Path, shim: PathBuf, git_env: &[(OsString, OsString)]) -> Result<Self, HostError> {
        let failed = |error| HostError::Folder(root.to_owned(), error);
        let made = Root::create(root).map_err(failed)?;
        let file = File::create(made.path().join("lock")).map_err(failed)?;
        let owned =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| HostError::InUse(root.to_owned()))?;
        let git = Git::new(&made.path().join("git-home"), git_env);
        let repositories = Repositories::new(git.clone(), made.path().join("repositories"));
        let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let sandbox = Sandbox::open(&SandboxConfig::default(), &shim)?.hiding(made.path());
        let egress = Policy::new()?;
        let kept = kept::Store::new(made.path().join("kept"), kept::Bounds::default());
        Ok(Self {
            root: made,
            git,
            repositories,
            shim,
            env: env.collect(),
            sandbox,
            egress,
            versions: Versions::default(),
            template: Template::default(),
            kept,
            _owned: owned,
        })
    }

    /// Takes this for the executor's environment, of which agents see what is allowed.
    #[must_use]
    pub fn with_env(mut self, env: Vec<(String, String)>) -> Self {
        self.env = env;
        self
    }

    /// Confines commands in this way.
    #[must_use]
    pub fn with_sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox.hiding(self.root.path());
        self
    }

    /// Lets commands reach this.
    #[must_use]
    pub fn with_egress(mut self, egress: Policy) -> Self {
        self.egress = egress;
        self
    }

    /// Tells agents of their task in these words.
    #[must_use]
    pub fn with_template(mut self, template: Template) -> Self {
        self.template = template;
        self
    }

    /// Keeps no more than this of failed attempts.
    #[must_use]
    pub fn with_kept(mut self, bounds: kept::Bounds) -> Self {
        self.kept = kept::Store::new(self.root.path().join("kept"), bounds);
        self
    }

    /// Kills and removes whatever belongs to none of the live attempts.
    pub async fn sweep(&self, live: &[String]) -> Result<Swept, HostError> {
        let (root, live, kept) = (self.root.clone(), live.to_vec(), self.kept.clone());
        let swept = tokio::task::spawn_blocking(move || {
            kept.prune(now_ms());
            root.sweep(&live)
        });
        let swept = swept.await.map_err(std::io::Error::other);
        swept.flatten().map_err(|error| HostError::Folder(self.root.path().to_owned(), error))
    }

    /// The commit that a generation of a task landed as, if it has.
    pub async fn landed_commit(
        &self,
        repository: &str,
        task: &str,
        generation: i64,
    ) -> Result<Option<String>, Failure> {
        land::landed_commit(&self.git, repository, task, generation).await
    }

    /// The executor's folder.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The git that reaches repositories.
    #[must_use]
    pub const fn git(&self) -> &Git {
        &self.git
    }

    /// How commands are confined here.
    #[must_use]
    pub const fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// What commands may reach.
    #[must_use]
    pub const fn egress(&self) -> &Policy {
        &self.egress
    }

    pub(crate) fn shim(&self) -> &Path {
        &self.shim
    }

    pub(crate) fn env(&self) -> &[(String, String)] {
        &self.env
    }
}

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

    /// Lands a result, or leaves it on its branch, whichever is asked for.
    async fn finish(&mut self, repository: &Repository, result: &Candidate, base: &str) -> Result<Done, Failure> {
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

    /// Proves a result that a person has to look at, and puts it where one can. Nothing lands.
    async fn hold(&mut self, repository: &Repository, result: &Candidate, flags: &[Flag]) -> Result<Done, Failure> {
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
    async fn approved(&mut self, repository: &Repository, approved: &Approved) -> Result<Done, Failure> {
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
    async fn nothing(&mut self, repository: &Repository, left: Option<Candidate>) -> Result<String, Failure> {
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

    fn verifier<'v>(&'v self, repository: &'v Repository) -> Verifier<'v> {
        let Self { job, host, control, cancel, folders, secrets, .. } = self;
        Verifier { host, repository, folders, job, control, cancel, secrets }
    }

    async fn verify(&mut self, repository: &Repository, commit: &str) -> Result<(), Failure> {
        let Self { job, host, control, cancel, folders, evidence, secrets, in_hand: _, left: _, went: _ } = self;
        let verifier = Verifier { host, repository, folders, job, control, cancel, secrets };
        verify::verify(verifier, commit, evidence).instrument(trace::stage(Stage::Verify)).await
    }

    /// Runs the agent; anything but success is a failure.
    async fn agent(&mut self, repository: &Repository, resume: Option<&Resume>) -> Result<(), Failure> {
        let job = self.job;
        let folders = self.folders;
        let host_env = self.host.env();
        let version = self.version().await?;
        let confine = self.host.sandbox().confinement().reading(sandbox::borrowed(repository.objects()));
        let prompt = self.prompt(resume.is_some())?;
        let opened = self.way_out(&confine);
        let prepared = opened.and_then(|(egress, access)| {
            let prepared =
                runtime::prepare(job, &prompt, resume, access.as_ref(), host_env, &folders.worktree, &folders.home);
            prepared.map(|prepared| (egress, prepared))
        });
        let (mut egress, prepared) = prepared.inspect_err(|failure| {
            if failure.class == FailureClass::Auth {
                let message = failure.message.clone();
                self.control.account(AccountNotice { standing: AccountStanding::Auth, reset_at_ms: None, message });
            }
        })?;
        let Prepared { argv, stdin, env: own, secrets, mut reader, notes } = prepared;
        if let Some(in_hand) = &self.in_hand {
            self.control
                .say(format!("the worktree has an earlier result; files that conflict: {}", in_hand.files.len()));
        }
        if let Some(conflicts) = &self.went.taken.work {
            let conflicts = conflicts.len();
            self.control
                .say(format!("the worktree has what an earlier attempt left; files that conflict: {conflicts}"));
        }
        if resume.is_some() {
            self.control.say("the agent goes on with its earlier conversation".to_owned());
        }
        self.secrets.clone_from(&secrets);
        notes.iter().for_each(|note| self.control.say(note.clone()));
        self.evidence.notes.extend(notes);
        let mut env = run::environment(self.host.env(), &job.env_allow, job);
        env.retain(|(name, _)| own.iter().all(|(ours, _)| ours != name));
        env.extend(own);
        env.extend(egress.iter().flat_map(Egress::env));
        let confine = match &egress {
            Some(egress) => egress.confine(confine),
            None => confine,
        };
        let start = Start {
            shim: self.host.shim(),
            argv,
            stdin,
            cwd: &folders.worktree,
            home: &folders.home,
            env,
            wall: job.limits.wall,
            silence: job.limits.silence,
            grace: job.limits.kill_grace,
            log_bytes: job.limits.log_bytes,
            secrets: &secrets,
            confine: &confine,
            outlet: egress.as_mut().map(Egress::outlet),
            reader: reader.as_deref_mut().map(|reader| reader as &mut dyn runtime::Reader),
        };
        let ended = run::run(start, self.control, self.cancel).await?;
        let conclusion = match &mut reader {
            Some(reader) => reader.conclude(&ended),
            None => SelfReport::parse(&ended.last_line).into(),
        };
        if conclusion.resume_refused && resume.is_some() {
            self.control.say("the earlier conversation cannot go on; a new one begins".to_owned());
            self.evidence.notes.push("the earlier conversation could not go on, and a new one began".to_owned());
            return Box::pin(self.agent(repository, None)).await;
        }
        self.went.session.clone_from(&conclusion.session_id);
        self.evidence.summary = conclusion.summary;
        // What went through the gateway was counted there.
        let spent = egress.as_ref().and_then(Egress::spent).unwrap_or(conclusion.spent);
        self.evidence.cost_usd = spent.cost_usd;
        self.evidence.tokens_in = spent.tokens_in;
        self.evidence.tokens_out = spent.tokens_out;
        self.evidence.runtime_version = conclusion.runtime_version.or(version);
        self.evidence.notes.extend(conclusion.notes);
        if ended.left_behind > 0 {
            self.evidence
                .notes
                .push(format!("the agent left {} processes running, which were killed", ended.left_behind));
        }
        if let Some(egress) = &egress
            && let Some(failure) = egress.failure(&ended)
        {
            return Err(failure);
        }
        if let Some(failure) = run::failure_of(&ended, "the agent", job.limits.wall, job.limits.silence) {
            return Err(failure);
        }
        if reader.is_some() {
            let reset_at_ms = egress.as_ref().and_then(Egress::reset_at_ms);
            return conclusion.failure.map_or(Ok(()), |mut failure| {
                if failure.class == FailureClass::RateLimited {
                    failure.reset_at_ms = failure.reset_at_ms.or(reset_at_ms);
                }
                Err(failure)
            });
        }
        if ended.code == Some(0) {
            return Ok(());
        }
        let mut message = format!("the agent ended with {}", ended.status());
        let end = tail(ended.tail(), MESSAGE_TAIL);
        if !end.is_empty() {
            message = format!("{message}:\n{end}");
        }
        Err(Failure::new(FailureClass::AgentError, message))
    }

    /// What the agent is told. A script is told nothing.
    fn prompt(&self, resumes: bool) -> Result<String, Failure> {
        let (job, folders) = (self.job, self.folders);
        if matches!(job.runtime, Runtime::Script { .. }) {
            return Ok(String::new());
        }
        let names: Vec<_> = job.conventions.iter().filter(|name| !job.runtime.passes_on(name)).cloned().collect();
        let found = Found {
            conventions: conventions::conventions(&folders.worktree, &names),
            conflict: self
                .in_hand
                .as_ref()
                .map(|in_hand| in_hand.files.clone())
                .or_else(|| self.went.taken.work.clone()),
            continued: self.in_hand.as_ref().map_or(self.went.taken.work.is_some(), |in_hand| in_hand.delivered),
            moved_to: resumes.then(|| folders.worktree.display().to_string()),
        };
        let rendered = self.host.template.render(&job.brief, &found);
        rendered.map_err(|error| Failure::config(format!("the prompt cannot be made (prompt.template): {error}")))
    }

    /// The agent's program and its version, which is new enough; none where it is not known.
    async fn version(&mut self) -> Result<Option<String>, Failure> {
        let Some(program) = self.job.runtime.program() else { return Ok(None) };
        let checked = self.host.versions.check(program, self.host.env(), &self.folders.home);
        Ok(self.cancellable(checked).await?.map(|version| format!("{} {version}", program.name)))
    }

    /// Opens the agent's way out, and says how it reaches its model, where it has one.
    fn way_out(&self, confine: &Confinement) -> Result<(Option<Egress>, Option<ApiAccess>), Failure> {
        let (job, policy) = (self.job, self.host.egress());
        let (Some(account), Some(api)) = (&job.account, job.runtime.api()) else {
            let egress = Egress::of_command(policy, confine, self.control).map_err(egress::closed)?;
            return Ok((egress, None));
        };
        let way = access::way(account, api, policy.gateway, self.host.env())?;
        let opened = Egress::of_agent(policy, confine, self.control, account, way).map_err(egress::closed)?;
        Ok((opened.0, Some(opened.1)))
    }

    /// That nothing has changed is better understood with what was seen of the run.
    fn unchanged(&self, mut failure: Failure) -> Failure {
        if failure.class == FailureClass::NoChange {
            for note in &self.evidence.notes {
                failure.message = format!("{}; {note}", failure.message);
            }
        }
        failure
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

    fn already_landed(&mut self, commit: String) -> String {
        self.evidence.notes.push(format!("already landed as {commit}; nothing of this attempt was"));
        self.evidence.commit = Some(commit.clone());
        commit
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
