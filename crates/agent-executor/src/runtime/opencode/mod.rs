//! opencode, headless: `opencode run --format json`.
//!
//! [`command`] has the command line and the environment, [`session`] follows the events of a run. Written for and measured with
//! version 1.18.33. It goes on with no earlier conversation: one belongs to the folder it began in, every attempt has a folder of its own,
//! and asked to go on elsewhere the program answers nothing and does not end.

pub mod command;
pub mod session;

use coditect_gateway::Api;

pub use command::prepare;
pub use session::Session;

use super::{Definition, Version};

/// Where its settings are, below the home.
pub(crate) const FOLDER: &str = ".config/opencode";

/// The oldest version that was measured.
pub const MINIMUM: Version = Version([1, 18, 33]);

/// What a run of opencode is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The program.
    pub program: String,
    /// The model; none: the definition's.
    pub model: Option<String>,
    /// The API that it speaks.
    pub api: Api,
    /// The most calls of the model.
    pub max_turns: u32,
    /// The tools, by the names of its permissions, that may be used. Others are refused.
    pub allowed_tools: Vec<String>,
    /// The agent.
    pub definition: Option<Definition>,
}
