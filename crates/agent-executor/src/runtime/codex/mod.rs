//! Codex, headless: `codex exec --json`.
//!
//! [`command`] has the command line and the environment, [`session`] follows the events of a run. Written for and measured with
//! version 0.169.0.

pub mod command;
pub mod session;

pub use command::prepare;
pub use session::Session;

use super::{Definition, Version};

/// Where its settings are, below the home.
pub(crate) const FOLDER: &str = ".codex";

/// The oldest version that was measured.
pub const MINIMUM: Version = Version([0, 169, 0]);

/// Its conversations: a file each, `sessions/<year>/<month>/<day>/rollout-<time>-<id>.jsonl`.
pub const SESSION_STATE: &[&str] = &[".codex/sessions"];

/// What a run of Codex is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The program.
    pub program: String,
    /// The model; none: the definition's, else the program's own choice.
    pub model: Option<String>,
    /// The most turns: pieces of work that the agent does.
    pub max_turns: u32,
    /// What it lets its commands do: a mode of `--sandbox`.
    pub sandbox: String,
    /// The agent.
    pub definition: Option<Definition>,
}
