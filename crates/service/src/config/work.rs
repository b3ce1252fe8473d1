//! The sections about the work: project, plans, repository, execution, verification, retries.

use std::time::Duration;

use coditect_core::{InvalidRetryPolicy, RetryPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan_path::PlanPath;
use super::{CodexConfig, GeminiConfig, OpencodeConfig, SandboxConfig, SecretText};
use crate::guarded;

/// The project that is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectConfig {
    /// The name of the project: lower-case letters, digits and hyphens. It is part of every key in Redis, so that
    /// projects can share one.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub name: String,
}

impl Default for ProjectConfig {
    fn default() -> Self {
        Self { name: "default".into() }
    }
}

/// What becomes of tasks that the plan can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptionalTasks {
    /// They are left out, which meets what depends on them, until a person asks for them.
    #[default]
    Skip,
    /// They are done like all others.
    Run,
}

/// The plan files.
///
/// With `source` "git", the host of the repository can tell of pushes: `POST /hooks/plan` on the sync-daemon's admin port
/// is there if a secret of at least 16 characters is in the environment variable `CODITECT_PLAN_WEBHOOK_SECRET`, or in a
/// file that `CODITECT_PLAN_WEBHOOK_SECRET_FILE` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConfig {
    /// The plan files, relative to the repository: files, folders (all plans below them) or patterns such as
    /// `docs/**/*.md`. An entry can also be `{"path": …, "format": …}` with the name of a plan format.
    pub paths: Vec<PlanPath>,
    /// How long a plan file must stay unchanged before it is read, in milliseconds.
    #[schemars(range(max = 60_000))]
    pub debounce_ms: u64,
    /// Whether tasks that are being worked on are marked as such in the plan, where its format can say it.
    pub mark_in_progress: bool,
    /// Whether a tick is followed by who did it, when, and in which commit, where the format's own tools accept that.
    pub annotate: bool,
    /// What becomes of optional tasks once they could start: `skip` leaves them out, `run` does them.
    pub optional: OptionalTasks,
    /// Where the plan files are read and written.
    pub source: PlanSource,
    /// With `source` "git": the branch that the plan is on; without one, the repository's default branch.
    pub branch: Option<String>,
    /// With `source` "git": how often the branch is looked at, in milliseconds.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub poll_interval_ms: u64,
    /// With `source` "git": the folder for the sync-daemon's own clone.
    pub data_dir: String,
    /// With `source` "git": what whoever calls `/hooks/plan` has to know; without one, nobody can. Only from the
    /// environment; the configuration file refuses it.
    #[schemars(skip)]
    pub webhook_secret: Option<SecretText>,
}

/// Where plan files are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanSource {
    /// In the working tree at `repository.path`.
    #[default]
    WorkingTree,
    /// On a branch of the repository at `repository.path`, which may be a URL: it is fetched, and what is written is
    /// pushed as commits.
    Git,
}

impl Default for PlanConfig {
    fn default() -> Self {
        Self {
            paths: vec!["PLAN.md".into()],
            debounce_ms: 2_000,
            mark_in_progress: false,
            annotate: false,
            optional: OptionalTasks::Skip,
            source: PlanSource::WorkingTree,
            branch: None,
            poll_interval_ms: 15_000,
            data_dir: ".coditect/plan".into(),
            webhook_secret: None,
        }
    }
}

impl PlanConfig {
    /// How long a plan file must stay unchanged before it is read.
    #[must_use]
    pub const fn debounce(&self) -> Duration {
        Duration::from_millis(self.debounce_ms)
    }

    /// How often the plan's branch is looked at.
    #[must_use]
    pub const fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }
}

/// The git repository that agents change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepositoryConfig {
    /// The repository: a local path, or a URL that git can clone.
    pub path: String,
    /// The branch that verified work lands on. It is created where it does not exist.
    pub target_branch: String,
    /// Paths that no result changes without a person's word: globs from the root of the repository, where `*` is a part of a
    /// name and `**` any number of folders. One without a `/` holds in every folder, a folder for all in it, and one that
    /// begins with `!` takes out what those before it have. A path that a task's own `Files` field names is free for it.
    pub protected: Vec<String>,
}

impl Default for RepositoryConfig {
    fn default() -> Self {
        Self {
            path: ".".into(),
            target_branch: "coditect/integration".into(),
            protected: guarded::DEFAULT.map(str::to_owned).to_vec(),
        }
    }
}

/// How ready tasks are given to agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DispatchConfig {
    /// How many tasks may be under way at once, on all executors together.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_concurrent: u32,
    /// For each so many milliseconds that a task has been ready, it counts as one level more urgent, so that none waits
    /// for ever behind more urgent ones that keep coming; 0: never.
    #[schemars(range(max = 31_536_000_000_u64))]
    pub aging_ms: u64,
    /// The agent for tasks that name none and that no other agent fits.
    pub default_agent: String,
    /// The pool of executors that tasks go to.
    pub pool: String,
}

impl Default for DispatchConfig {
    fn default() -> Self {
        Self { max_concurrent: 5, aging_ms: 3_600_000, default_agent: "general-purpose".into(), pool: "default".into() }
    }
}

/// Tasks that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CyclesConfig {
    /// What to do about them.
    pub policy: CyclePolicy,
}

/// What to do about tasks that wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CyclePolicy {
    /// They are held, and shown, until somebody mends the plan. Everything else goes on.
    #[default]
    Hold,
    /// Of each way round, the dependency of the least urgent task is set aside (among equals the one added last), and
    /// shown as such.
    BreakLowestPriority,
}

/// The program that does the work of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// The task's own fenced `sh` block, else `executor.script`.
    #[default]
    Script,
    /// `executor.command`, with the task on its standard input.
    Command,
    /// Claude Code, as `executor.claude` has it.
    ClaudeCode,
    /// Codex, as `executor.codex` has it.
    Codex,
    /// Gemini CLI, as `executor.gemini` has it.
    Gemini,
    /// opencode, as `executor.opencode` has it.
    Opencode,
}

/// What Claude Code does when an agent wants to use a tool that is not allowed: nobody is there to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PermissionMode {
    /// It is refused, and the agent goes on without.
    #[default]
    DontAsk,
    /// As `dontAsk`, but files in the worktree may be changed.
    AcceptEdits,
    /// Everything is allowed. For executors that are a sandbox themselves.
    BypassPermissions,
}

impl PermissionMode {
    /// The name on Claude Code's command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DontAsk => "dontAsk",
            Self::AcceptEdits => "acceptEdits",
            Self::BypassPermissions => "bypassPermissions",
        }
    }
}

/// How Claude Code is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaudeConfig {
    /// The program: a name in the executor's `PATH`, or a path.
    pub program: String,
    /// The model for agents whose definition names none; without one, the program's own choice.
    pub model: Option<String>,
    /// How many times the model may be called in one attempt.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_turns: u32,
    /// What happens when an agent wants to use a tool that is not allowed.
    pub permission_mode: PermissionMode,
    /// The tools that agents may use.
    pub allowed_tools: Vec<String>,
}

impl Default for ClaudeConfig {
    fn default() -> Self {
        let tools = ["Read", "Edit", "Write", "Bash", "Glob", "Grep", "NotebookEdit", "TodoWrite"];
        Self {
            program: "claude".into(),
            model: None,
            max_turns: 50,
            permission_mode: PermissionMode::DontAsk,
            allowed_tools: tools.map(str::to_owned).into(),
        }
    }
}

/// How agents are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExecutorConfig {
    /// How many attempts this executor runs at once.
    #[schemars(range(min = 1, max = 1_000))]
    pub slots: u32,
    /// What does the work of a task.
    pub runtime: Runtime,
    /// For the `script` runtime: the shell script of tasks that carry no fenced `sh` block. Without one, such tasks
    /// fail.
    pub script: Option<String>,
    /// For the `command` runtime: the program and its arguments.
    pub command: Vec<String>,
    /// For the `claude-code` runtime.
    pub claude: ClaudeConfig,
    /// For the `codex` runtime.
    pub codex: CodexConfig,
    /// For the `gemini` runtime.
    pub gemini: GeminiConfig,
    /// For the `opencode` runtime.
    pub opencode: OpencodeConfig,
    /// How long an attempt may take, in milliseconds.
    #[schemars(range(min = 1_000, max = 604_800_000))]
    pub wall_limit_ms: u64,
    /// How long an attempt may say nothing, in milliseconds.
    #[schemars(range(min = 1_000, max = 604_800_000))]
    pub silence_limit_ms: u64,
    /// How long an attempt that is stopped has to end by itself before it is killed, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    pub kill_grace_ms: u64,
    /// How much of an attempt's output is kept, in bytes.
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub log_limit_bytes: u64,
    /// How long a claim on an attempt lasts unless renewed, in milliseconds. It is renewed three times in that span.
    #[schemars(range(min = 3_000, max = 3_600_000))]
    pub lease_ms: u64,
    /// Names of the environment variables that an agent gets from the executor's environment, beside the few that
    /// every program needs.
    pub env_allow: Vec<String>,
    /// What agents, and the setup and verify commands of a repository, may see and reach.
    pub sandbox: SandboxConfig,
    /// Agents reach the API of their model through the executor, with a token that is good for their attempt only; the
    /// account's key stays here. Without it they are given the key itself.
    pub gateway: bool,
    /// The folder for clones, worktrees and logs.
    pub data_dir: String,
    /// The orchestrator's gRPC server, as a URL; or those of several instances, separated by commas.
    pub orchestrator: String,
}

impl Default for ExecutorConfig {
    fn default() -> Self {
        Self {
            slots: 5,
            runtime: Runtime::Script,
            script: None,
            command: Vec::new(),
            claude: ClaudeConfig::default(),
            codex: CodexConfig::default(),
            gemini: GeminiConfig::default(),
            opencode: OpencodeConfig::default(),
            wall_limit_ms: 7_200_000,
            silence_limit_ms: 1_800_000,
            kill_grace_ms: 3_000,
            log_limit_bytes: 16 * 1_024 * 1_024,
            lease_ms: 15_000,
            env_allow: Vec::new(),
            sandbox: SandboxConfig::default(),
            gateway: true,
            data_dir: ".coditect/executor".into(),
            orchestrator: "http://127.0.0.1:7001".into(),
        }
    }
}

impl ExecutorConfig {
    /// How long an attempt may take.
    #[must_use]
    pub const fn wall_limit(&self) -> Duration {
        Duration::from_millis(self.wall_limit_ms)
    }

    /// How long an attempt may say nothing.
    #[must_use]
    pub const fn silence_limit(&self) -> Duration {
        Duration::from_millis(self.silence_limit_ms)
    }

    /// How long a stopped attempt has to end by itself.
    #[must_use]
    pub const fn kill_grace(&self) -> Duration {
        Duration::from_millis(self.kill_grace_ms)
    }

    /// How long a claim lasts unless renewed.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// The URLs of the orchestrator's instances.
    pub fn orchestrators(&self) -> impl Iterator<Item = &str> {
        self.orchestrator.split(',').map(str::trim).filter(|url| !url.is_empty())
    }

    /// How often a claim is renewed: two renewals may be lost without losing the claim.
    #[must_use]
    pub const fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.lease_ms / 3)
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// How many attempts a task has before a person is asked.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: i64,
    /// The pause before the second attempt, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub base_ms: i64,
    /// What the pause is multiplied by for each further attempt.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub factor: f64,
    /// The longest pause, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub cap_ms: i64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { max_attempts: 3, base_ms: 2_000, factor: 2.0, cap_ms: 60_000 }
    }
}

impl TryFrom<&RetryConfig> for RetryPolicy {
    type Error = InvalidRetryPolicy;

    fn try_from(config: &RetryConfig) -> Result<Self, Self::Error> {
        let RetryConfig { max_attempts, base_ms, factor, cap_ms } = *config;
        Self::try_new(base_ms, factor, cap_ms, max_attempts)
    }
}

/// The loops that repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReconcileConfig {
    /// How often every loop looks at the truth even if nothing wakes it, in milliseconds.
    #[schemars(range(min = 10, max = 3_600_000))]
    pub interval_ms: u64,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        Self { interval_ms: 2_000 }
    }
}

impl ReconcileConfig {
    /// How often every loop looks at the truth even if nothing wakes it.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }
}
