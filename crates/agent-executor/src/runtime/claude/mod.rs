//! Claude Code, headless: `claude -p --output-format stream-json`.
//!
//! [`command`] has the command line and the environment, [`session`] follows the events of a run, [`classify`] says
//! in the end what the run means. Written for and measured with version 2.1.330; older ones of 2.1 differ in what
//! they report, not in what is asked of them.

pub mod classify;
pub mod command;
pub mod event;
mod instructions;
pub mod session;

pub use command::prepare;
pub use session::Session;

pub use super::Definition;
use super::Version;

/// Where its settings are, below the home.
pub(crate) const FOLDER: &str = ".claude";

/// The oldest version that was measured.
pub const MINIMUM: Version = Version([2, 1, 197]);

/// Its conversations: a file each, `projects/<folder>/<session>.jsonl`. It finds one by its id, whatever the folder.
pub const SESSION_STATE: &[&str] = &[".claude/projects"];

/// What a run of Claude Code is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The program.
    pub program: String,
    /// The model where the definition names none; none: the program's own choice.
    pub model: Option<String>,
    /// The most calls of the model.
    pub max_turns: u32,
    /// The most it may cost, in US dollars and as a decimal number.
    pub max_cost_usd: String,
    /// What happens when a tool is not allowed: a mode of `--permission-mode`.
    pub permission_mode: String,
    /// The tools that need no permission.
    pub allowed_tools: Vec<String>,
    /// The agent.
    pub definition: Option<Definition>,
}
