//! The part of an attempt that is the agent's: what it is told, how it reaches its model, and what its run came to.

use coditect_core::FailureClass;
use coditect_prompt::Found;

use super::Attempt;
use crate::access;
use crate::conventions;
use crate::egress::{self, Egress};
use crate::git::tail;
use crate::job::{Failure, Resume, Runtime};
use crate::repository::Repository;
use crate::run::{self, SelfReport, Start};
use crate::runtime::{self, AccountNotice, AccountStanding, ApiAccess, Prepared};
use crate::sandbox::{self, Confinement};

/// How much of an agent's last words its failure repeats.
const MESSAGE_TAIL: usize = 2_000;

impl Attempt<'_> {
    /// Runs the agent; anything but success is a failure.
    pub(super) async fn agent(&mut self, repository: &Repository, resume: Option<&Resume>) -> Result<(), Failure> {
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
        let checked = self.host.versions.check(program, self.host.env());
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
    pub(super) fn unchanged(&self, mut failure: Failure) -> Failure {
        if failure.class == FailureClass::NoChange {
            for note in &self.evidence.notes {
                failure.message = format!("{}; {note}", failure.message);
            }
        }
        failure
    }
}
