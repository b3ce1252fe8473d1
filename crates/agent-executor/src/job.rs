//! What one attempt has to do, and what came of it.

use std::path::PathBuf;
use std::time::Duration;

use coditect_core::FailureClass;
use coditect_prompt::Brief;
use serde::{Deserialize, Serialize};

use crate::proof::Demands;
use crate::runtime::{claude, codex, gemini, opencode};

/// One attempt of a task, completely specified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The task's id, `<document>/<key>`; every part of it may stand in the name of a git ref.
    pub task: String,
    /// The task's key in its plan, as people know it: `1.2`.
    pub key: String,
    /// The task's title.
    pub title: String,
    /// How many times the task has been opened; each generation lands at most once.
    pub generation: i64,
    /// The attempt's id (a UUID); it names everything the attempt puts on disk.
    pub attempt_id: String,
    /// Which attempt of the task this is: 1, 2, 3…
    pub attempt_number: i64,
    /// The agent the task was given to.
    pub agent: String,
    /// The repository: a path on this machine or a URL git understands.
    pub repository: String,
    /// The branch results land on; made from the repository's current branch if it is not there.
    pub target_branch: String,
    /// The branch that the result is left on, to be merged by others; none: it lands on the target branch.
    pub leave_on: Option<String>,
    /// What was left on a branch before, and is gone on with.
    pub start_from: Option<Earlier>,
    /// What to start in the worktree.
    pub runtime: Runtime,
    /// The conversation of an earlier attempt that is to go on; none: a new one begins. A runtime that cannot go on begins a new
    /// one, too, and says so.
    pub resume: Option<Resume>,
    /// What an agent is told of its task.
    pub brief: Brief,
    /// Files of the repository that are passed on to agents, where they are there.
    pub conventions: Vec<String>,
    /// Commands that make a fresh checkout ready, each run with `sh -ec`.
    pub setup: Vec<String>,
    /// The account that the attempt is charged to; none for runtimes that use no model's API.
    pub account: Option<Account>,
    /// Commands that must all succeed on a clean checkout of the result, each run with `sh -ec`.
    pub verify: Vec<String>,
    /// What is asked of the result beside these commands.
    pub proof: Demands,
    /// Paths (files or folders, relative to the repository) no change to which lands: the plan files.
    pub protected: Vec<String>,
    /// The bounds of the attempt.
    pub limits: Limits,
    /// Names of the executor's environment variables the agent may see beside [`DEFAULT_ENV`]; a `*` at the end stands for any ending.
    pub env_allow: Vec<String>,
    /// The same for the verify commands. They are kept apart so that these need not see what the agent's program
    /// needs, such as the key of its account.
    pub verify_env_allow: Vec<String>,
    /// Who the commit says made it.
    pub author: Author,
}

/// The default of [`Job::target_branch`].
pub const DEFAULT_TARGET_BRANCH: &str = "coditect/integration";

/// The variables every agent may see if the executor has them.
pub const DEFAULT_ENV: [&str; 6] = ["PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR"];

/// What is started in the worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// A shell script, run with `sh -ec`.
    Script {
        /// The script's text.
        body: String,
    },
    /// Any program: it reads the prompt on its standard input and ends with 0 when it thinks it is done. The last
    /// line it prints may be a JSON object with `summary`, `cost_usd`, `tokens_in`, `tokens_out`.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// Claude Code.
    Claude(Box<claude::Settings>),
    /// Codex.
    Codex(Box<codex::Settings>),
    /// Gemini CLI.
    Gemini(Box<gemini::Settings>),
    /// opencode.
    Opencode(Box<opencode::Settings>),
}

/// A result that an earlier attempt has left on a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The branch of the repository; what people have added there since is part of it.
    pub branch: String,
    /// The commit, should the branch be gone.
    pub commit: String,
}

/// A conversation with a model that an earlier attempt has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Its id, as that attempt's [`crate::runtime::Conclusion::session_id`] said it.
    pub session_id: String,
    /// A folder with what [`Runtime::session_state`] names: each path is below it as it was below that attempt's home. It is
    /// only read.
    pub state: PathBuf,
}

/// The account an attempt is charged to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// The name of the executor's environment variable with its credential.
    pub credential: String,
    /// Where its API is, if it is not where the API usually is.
    pub base_url: Option<String>,
    /// The agent itself is given the credential.
    pub pass_to_agent: bool,
    /// The most the attempt may cost, in millionths of a US dollar.
    pub budget_micros: i64,
}

/// The bounds of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest the agent may run.
    pub wall: Duration,
    /// The longest the agent may print nothing.
    pub silence: Duration,
    /// Between asking a process tree to end and killing it.
    pub kill_grace: Duration,
    /// How much of the output is kept; what comes after it is read and dropped.
    pub log_bytes: usize,
    /// The longest each setup command may run.
    pub setup_wall: Duration,
    /// The longest each verify command may run.
    pub verify_wall: Duration,
    /// From how many waiting results on they land together, and how many at most.
    pub batch: (usize, usize),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60 * 60),
            silence: Duration::from_secs(15 * 60),
            kill_grace: Duration::from_secs(3),
            log_bytes: 8 * 1024 * 1024,
            setup_wall: Duration::from_secs(15 * 60),
            verify_wall: Duration::from_secs(30 * 60),
            batch: (3, 8),
        }
    }
}

/// The name and address a commit carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl Default for Author {
    fn default() -> Self {
        Self { name: "coditect".to_owned(), email: "coditect@localhost".to_owned() }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The result is verified and on the target branch.
    Landed {
        /// The commit on the target branch.
        commit: String,
        /// What proves it.
        evidence: Evidence,
    },
    /// The result is verified, and left on a branch to be merged by others.
    Delivered {
        /// The branch of the repository.
        branch: String,
        /// The commit.
        commit: String,
        /// What proves it.
        evidence: Evidence,
    },
    /// The result is verified, and waits on a branch for a person's word because of what it changes.
    Held {
        /// The branch of the repository it was published on.
        branch: String,
        /// The commit.
        commit: String,
        /// What was flagged, as sentences.
        flags: Vec<String>,
        /// What proves it.
        evidence: Evidence,
    },
    /// Nothing of this attempt took effect.
    Failed {
        /// What the failure means for the task.
        class: FailureClass,
        /// What happened and, where there is something, what to do; the next attempt is told this.
        message: String,
        /// For a quota that is used up: when it is there again, in milliseconds since 1970, where that is known.
        #[serde(default)]
        reset_at_ms: Option<i64>,
        /// What was seen until then.
        evidence: Evidence,
    },
}

impl Outcome {
    /// What was seen, whichever way it ended.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        match self {
            Self::Landed { evidence, .. }
            | Self::Delivered { evidence, .. }
            | Self::Held { evidence, .. }
            | Self::Failed { evidence, .. } => evidence,
        }
    }
}

/// What the harness saw itself, and what the agent said about its costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Every verify command that ran on the tree that landed or would have.
    pub verify: Vec<VerifyResult>,
    /// The squashed commit of the attempt, once there is one.
    pub commit: Option<String>,
    /// A sentence like `2 files changed, 10 insertions(+), 1 deletion(-)`.
    pub diff_stat: String,
    /// The paths the attempt changed (at most [`MAX_FILES`] of them).
    pub files: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// The agent's own summary.
    pub summary: Option<String>,
    /// What the run cost, as the agent said.
    pub cost_usd: Option<f64>,
    /// Tokens read, as the agent said.
    pub tokens_in: Option<i64>,
    /// Tokens written, as the agent said.
    pub tokens_out: Option<i64>,
    /// There were no verify commands, so nothing but the merge was proved.
    pub no_verify: bool,
    /// What a person is, or was, to look at before the result lands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// The branch that the result waits on for a person's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_on: Option<String>,
    /// The agent's program and its version, as it said itself.
    #[serde(default)]
    pub runtime_version: Option<String>,
}

/// How many changed paths the evidence names.
pub const MAX_FILES: usize = 1_000;

/// One verify command that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyResult {
    /// The command.
    pub command: String,
    /// Where it comes from: `task`, `plan`, `project`.
    #[serde(default)]
    pub source: String,
    /// Its exit code; none if a signal or a limit ended it.
    pub exit_code: Option<i32>,
    /// The end of what it printed.
    pub tail: String,
    /// How long it ran.
    pub duration_ms: u64,
}

/// Why an attempt stops before it has landed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What it means for the task.
    pub class: FailureClass,
    /// What happened and what to do.
    pub message: String,
    /// For a quota that is used up: when it is there again, in milliseconds since 1970, where that is known.
    pub reset_at_ms: Option<i64>,
}

impl Failure {
    /// A failure of a class, with its message.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), reset_at_ms: None }
    }

    /// The attempt cannot be started as it is configured.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Config, message)
    }

    /// The account is refused.
    pub fn auth(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Auth, message)
    }

    /// The attempt was stopped from outside.
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Cancelled, message)
    }
}

impl Job {
    /// The ref that exists in the repository once this generation of the task has landed.
    #[must_use]
    pub fn landed_ref(&self) -> String {
        landed_ref(&self.task, self.generation)
    }

    /// The ref that keeps a result of this generation which conflicts with what landed meanwhile.
    #[must_use]
    pub fn conflict_ref(&self) -> String {
        format!("refs/coditect/conflict/{}/{}", self.task, self.generation)
    }

    /// The target branch as a full ref name.
    #[must_use]
    pub fn target_ref(&self) -> String {
        format!("refs/heads/{}", self.target_branch)
    }

    /// Refuses names that could not stand in a ref or a path.
    pub fn check(&self) -> Result<(), Failure> {
        let id_ok = !self.attempt_id.is_empty()
            && self.attempt_id.len() <= 64
            && self.attempt_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !id_ok {
            return Err(Failure::config(format!(
                "`{}` is no attempt id: letters, digits and `-` only",
                self.attempt_id
            )));
        }
        if !ref_safe(&self.task) {
            return Err(Failure::config(format!("the task id `{}` cannot stand in a git ref name", self.task)));
        }
        if !ref_safe(&self.target_branch) {
            return Err(Failure::config(format!(
                "`{}` is no branch name; set `target_branch` to a valid one",
                self.target_branch
            )));
        }
        if let Some(branch) = self.leave_on.as_deref().filter(|branch| !ref_safe(branch)) {
            let prefix = "set `landing.branch_prefix` to what one can begin with";
            return Err(Failure::config(format!("`{branch}` is no branch name; {prefix}")));
        }
        Ok(())
    }
}

/// The ref that marks a generation of a task as landed.
#[must_use]
pub fn landed_ref(task: &str, generation: i64) -> String {
    format!("refs/coditect/landed/{task}/{generation}")
}

/// Whether git takes the text as part of a ref name (the rules of `git check-ref-format`).
fn ref_safe(name: &str) -> bool {
    let bad = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('-')
        && name != "@"
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(bad)
        && name.split('/').all(|part| {
            let lock = part.rsplit_once('.').is_some_and(|(_, end)| end == "lock");
            !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !lock
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_would_refuse_are_not_ref_safe() {
        for bad in ["", "a b", "a..b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.", "-a", "a~1", "a@{1}", "a\n"] {
            assert!(!ref_safe(bad), "{bad:?}");
        }
        for good in ["plan/1.2", "coditect/integration", "a-b_c/x@y", "ä/1"] {
            assert!(ref_safe(good), "{good:?}");
        }
    }

    #[test]
    fn an_outcome_says_in_json_which_it_is() {
        let outcome = Outcome::Failed {
            class: FailureClass::NoChange,
            message: "nothing".to_owned(),
            reset_at_ms: None,
            evidence: Evidence::default(),
        };
        let json = serde_json::to_value(&outcome).unwrap();
        assert_eq!(json["outcome"], "failed");
        assert_eq!(json["class"], "no_change");
        assert_eq!(serde_json::from_value::<Outcome>(json).unwrap(), outcome);
    }
}
