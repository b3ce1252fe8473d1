//! The sections about the programs of agents other than Claude Code: `executor.codex`, `executor.gemini`, `executor.opencode`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What Codex lets the commands of an agent do, beside what the executor lets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodexSandbox {
    /// They read files, and change none.
    ReadOnly,
    /// They change files in the worktree only, and reach no network.
    WorkspaceWrite,
    /// Everything that the executor lets them.
    DangerFullAccess,
}

impl CodexSandbox {
    /// The name on Codex's command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::WorkspaceWrite => "workspace-write",
            Self::DangerFullAccess => "danger-full-access",
        }
    }
}

/// How Codex is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CodexConfig {
    /// The program: a name in the executor's `PATH`, or a path.
    pub program: String,
    /// The model; without one, that of the agent's definition, else the program's own choice.
    pub model: Option<String>,
    /// How many commands and changes of files an attempt may consist of.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_turns: u32,
    /// What the program's own sandbox lets the commands of an agent do; without one, everything where the executor confines
    /// them itself, else "workspace-write". Within the executor's confinement the program's own runs no command.
    pub sandbox: Option<CodexSandbox>,
}

impl Default for CodexConfig {
    fn default() -> Self {
        Self { program: "codex".into(), model: None, max_turns: 200, sandbox: None }
    }
}

/// How Gemini CLI is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GeminiConfig {
    /// The program: a name in the executor's `PATH`, or a path.
    pub program: String,
    /// The model; without one, that of the agent's definition, else the program's own choice.
    pub model: Option<String>,
    /// How many times the model may be called in one attempt.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_turns: u32,
    /// The tools that agents may use beside those that only read.
    pub allowed_tools: Vec<String>,
}

impl Default for GeminiConfig {
    fn default() -> Self {
        let tools = ["write_file", "replace", "run_shell_command", "write_todos"];
        Self { program: "gemini".into(), model: None, max_turns: 50, allowed_tools: tools.map(str::to_owned).into() }
    }
}

/// An API that opencode speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpencodeApi {
    /// Anthropic's Messages.
    #[default]
    Anthropic,
    /// OpenAI's Responses.
    Openai,
    /// Gemini's.
    Gemini,
}

/// How opencode is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpencodeConfig {
    /// The program: a name in the executor's `PATH`, or a path.
    pub program: String,
    /// The API that the accounts are for.
    pub api: OpencodeApi,
    /// The model, by the API's name for it; without one, that of the agent's definition. It has none of its own.
    pub model: Option<String>,
    /// How many times the model may be called in one attempt.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_turns: u32,
    /// What agents may do, by the names of opencode's permissions.
    pub allowed_tools: Vec<String>,
}

impl Default for OpencodeConfig {
    fn default() -> Self {
        let tools =
            ["read", "edit", "bash", "glob", "grep", "list", "todowrite", "task", "skill", "external_directory"];
        Self {
            program: "opencode".into(),
            api: OpencodeApi::default(),
            model: None,
            max_turns: 50,
            allowed_tools: tools.map(str::to_owned).into(),
        }
    }
}
