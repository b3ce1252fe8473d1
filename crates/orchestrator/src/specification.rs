//! What an executor is told of an attempt when it claims it.

use coditect_catalog::parse;
use coditect_core::{FailureClass, TaskId};
use coditect_proto::v1::{AgentDefinition, ApprovedResult, EarlierResult, Predecessor, Specification};
use coditect_service::config::{LandingConfig, LandingMode};
use coditect_service::guarded::Guarded;
use coditect_store::{AttemptRow, Delivered, Delivery, HeldResult, StoreError, TaskRow};
use tracing::warn;

use crate::Orchestrator;

impl Orchestrator {
    /// The specification of an attempt that was just claimed.
    pub(crate) async fn specification(&self, attempt: AttemptRow, task: &TaskRow) -> Result<Specification, StoreError> {
        let documents = self.store.documents().await?;
        let (verify, verify_sources) = proofs(task, &self.config().verify.commands).into_iter().unzip();
        let failures = self.store.earlier_failures(&task.id, attempt.generation, attempt.number).await?;
        let earlier_failures = failures.into_iter().map(|failure| match failure.message.trim() {
            "" => failure.class.to_string(),
            message if failure.class == FailureClass::Held => {
                format!("it was not accepted, though verified, because of what it changed: {message}")
            }
            message if failure.class == FailureClass::NotMerged => {
                format!("its result was verified and not merged as it was: {message}")
            }
            message => format!("{}: {message}", failure.class),
        });
        let approved = self.store.held(&task.id, attempt.generation).await?.filter(HeldResult::is_approved);
        let earlier = self.store.delivered(&task.id, attempt.generation).await?.filter(Delivered::goes_on);
        let answers = self.store.answers_given(&task.id).await?.into_iter().map(|said| said.answer);
        let left = self.config().budget.per_task_micros() - self.store.task_spent(&task.id, &task.life).await?;
        Ok(Specification {
            task: task.id.to_string(),
            key: task.key.clone(),
            title: task.title.clone(),
            generation: attempt.generation,
            attempt: attempt.id.to_string(),
            number: attempt.number,
            token: attempt.token,
            repository: self.config().repository.path.clone(),
            target_branch: self.config().repository.target_branch.clone(),
            script: task.script.clone(),
            section: task.section.clone(),
            description: task.description.clone(),
            steps: task.steps.clone(),
            acceptance: task.acceptance.clone(),
            predecessors: self.store.deliveries(&task.id).await?.into_iter().map(predecessor).collect(),
            verify,
            verify_sources,
            changes: task.changes.as_str().to_owned(),
            guarded: guarded(&self.config().repository.protected, task),
            approved: approved.map(|held| ApprovedResult {
                commit: held.result.commit,
                branch: held.result.branch,
                by: held.decided_by.unwrap_or_default(),
                flags: held.result.flags,
            }),
            start_from: earlier
                .map(|earlier| EarlierResult { branch: earlier.result.branch, commit: earlier.result.commit }),
            leave_on: leave_on(&self.config().landing, &task.id, attempt.generation),
            protected: documents.into_iter().map(|document| document.path).collect(),
            lease_ms: self.lease_ms(),
            traceparent: attempt.id.traceparent(),
            definition: self.definition(&attempt.agent).await?,
            agent: attempt.agent,
            account: attempt.account,
            earlier_failures: earlier_failures.collect(),
            answers: answers.collect(),
            max_cost_usd: dollars(left.max(0)),
        })
    }

    /// The definition of an agent, from where the dispatcher found it. `None`: there is none, or no longer.
    async fn definition(&self, agent: &str) -> Result<Option<AgentDefinition>, StoreError> {
        let Some(row) = self.store.agents().await?.into_iter().find(|row| row.name == agent) else { return Ok(None) };
        let text = match tokio::fs::read_to_string(&row.path).await {
            Ok(text) => text,
            Err(error) => {
                warn!(agent, path = row.path, %error, "the agent's definition cannot be read; it runs without one");
                return Ok(None);
            }
        };
        let found = parse(&row.path, &text).0.filter(|found| found.name == agent);
        Ok(found.map(|found| AgentDefinition {
            name: found.name,
            description: found.description,
            prompt: found.prompt,
            model: found.model,
            tools: found.tools,
        }))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a task may cost less than 2^52 millionths of a dollar")]
fn dollars(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}

/// The branch that a task's result is left on; empty: it lands. A later generation has one of its own (`+` stands in no task's id).
fn leave_on(landing: &LandingConfig, task: &TaskId, generation: i64) -> String {
    match (landing.mode, generation) {
        (LandingMode::Merge, _) => String::new(),
        (LandingMode::Branch | LandingMode::PullRequest, ..=1) => format!("{}{task}", landing.branch_prefix),
        (LandingMode::Branch | LandingMode::PullRequest, _) => format!("{}{task}+{generation}", landing.branch_prefix),
    }
}

/// The commands that prove a task, each once, and where each comes from: `task`, `plan`, `project`.
pub(crate) fn proofs(task: &TaskRow, project: &[String]) -> Vec<(String, String)> {
    let mut proofs: Vec<(String, String)> = Vec::new();
    for (source, commands) in [("task", task.verify.as_slice()), ("plan", &task.verify_plan), ("project", project)] {
        for command in commands {
            if !proofs.iter().any(|(known, _)| known == command) {
                proofs.push((command.clone(), source.to_owned()));
            }
        }
    }
    proofs
}

/// The globs of what a task's result does not change without a person's word. What its own plan says that it changes has
/// a person's word.
fn guarded(globs: &[String], task: &TaskRow) -> Vec<String> {
    if globs.is_empty() {
        return Vec::new();
    }
    let named = task.touches.iter().filter(|path| !path.is_empty()).map(|path| format!("!/{}", path.trim_matches('/')));
    // A path with signs in it may be no glob.
    let named = named.filter(|glob| Guarded::new([glob.as_str()]).is_ok());
    globs.iter().cloned().chain(named).collect()
}

/// What a task has delivered, of which the evidence tells more than the commit.
fn predecessor(delivery: Delivery) -> Predecessor {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Evidence {
        summary: Option<String>,
        files: Vec<String>,
    }
    let Delivery { key, title, commit, evidence } = delivery;
    let Evidence { summary, files } = evidence.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Predecessor { key, title, commit: commit.unwrap_or_default(), summary: summary.unwrap_or_default(), files }
}
