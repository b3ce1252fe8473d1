//! Gemini CLI, headless: `gemini --output-format stream-json`.
//!
//! [`command`] has the command line and the environment, [`session`] follows the events of a run. Written for and measured with
//! version 0.61.0.

pub mod command;
pub mod session;

pub use command::prepare;
pub use session::Session;

use super::{Definition, Version};

/// Where its settings are, below the home.
pub(crate) const FOLDER: &str = ".gemini";

/// The oldest version that was measured.
pub const MINIMUM: Version = Version([0, 61, 0]);

/// Its conversations: a file each, `<project>/chats/session-<time>-<the id's beginning>.jsonl`.
pub const SESSION_STATE: &[&str] = &[".gemini/tmp"];

/// What a run of Gemini CLI is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The program.
    pub program: String,
    /// The model; none: the definition's, else the program's own choice.
    pub model: Option<String>,
    /// The most calls of the model.
    pub max_turns: u32,
    /// The tools that need no permission. Others are not there.
    pub allowed_tools: Vec<String>,
    /// The agent.
    pub definition: Option<Definition>,
}
