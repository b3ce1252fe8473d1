//! The coding-agent CLIs: how each is started, and how what it says is understood.
//!
//! Each has its own command line and its own stream of events. Both end here: [`prepare`] makes a runtime's command
//! ready to run, a [`Reader`] turns what the command prints into [`Progress`], which people read in the log, and in
//! the end into a [`Conclusion`]. Another CLI is another variant of [`crate::job::Runtime`], and a folder beside
//! `claude`.

pub mod claude;
pub mod codex;
mod course;
pub mod gemini;
pub mod opencode;
mod program;
pub mod progress;
mod state;
mod trouble;

use std::path::Path;

use coditect_gateway::Api;

use crate::job::{Failure, Job, Resume, Runtime};
use crate::run::{self, Ended};

use state::{fresh, restore};

pub use program::{Program, Version, Versions};
pub(crate) use state::copy_state;

pub use progress::{AccountNotice, AccountStanding, Progress, Spent};

/// An agent definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its system prompt.
    pub prompt: String,
    /// The model it wants.
    pub model: Option<String>,
    /// The tools it may use; empty: all.
    pub tools: Vec<String>,
}

/// A command that is ready to run.
#[derive(Default)]
pub struct Prepared {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it reads.
    pub stdin: Option<String>,
    /// Its environment, beside what every agent gets.
    pub env: Vec<(String, String)>,
    /// What must not be seen in anything that is kept.
    pub secrets: Vec<String>,
    /// Understands what it prints; none: the lines speak for themselves.
    pub reader: Option<Box<dyn Reader>>,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// What the last event means, beside its lines in the log.
#[derive(Debug, Default)]
pub struct Heard {
    /// What happened.
    pub progress: Vec<Progress>,
    /// What it says about the account.
    pub account: Option<AccountNotice>,
    /// Nothing good can come any more: the command is to be stopped.
    pub stop: bool,
}

/// How an agent reaches its model's API. What is behind it is not the agent's matter: a gateway and a token that is good for this
/// attempt only, or, where a setting says so, the API itself and the account's own credential.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiAccess {
    /// Where the API is, as [`Api::usual_base_url`] has it for the usual place; none: where the CLI looks by itself.
    pub base_url: Option<String>,
    /// The key to present there.
    pub key: String,
    /// What kind of key it is.
    pub kind: KeyKind,
}

/// The kinds of keys that CLIs read from different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// An API key. The token of a gateway is one.
    ApiKey,
    /// A token that is sent as `Authorization: Bearer`, to a service that wants one.
    Bearer,
    /// The token of a subscription.
    Subscription,
}

impl std::fmt::Debug for ApiAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiAccess").field("base_url", &self.base_url).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Understands the events of one run.
pub trait Reader: Send + Sync {
    /// Takes a line of standard output; `whole` is false where it was too long to be kept.
    fn hear(&mut self, line: &[u8], whole: bool) -> Heard;

    /// What it all came to. Asked once, when nothing of the run is alive any more.
    fn conclude(&mut self, ended: &Ended) -> Conclusion;
}

/// What a run came to, as its own events have it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Conclusion {
    /// The agent's last words.
    pub summary: Option<String>,
    /// What it used.
    pub spent: Spent,
    /// The program and its version.
    pub runtime_version: Option<String>,
    /// The id of its conversation with the model, where a later attempt may go on with it.
    pub session_id: Option<String>,
    /// The conversation it was to go on with could not be taken up, and nothing was done: it is to begin a new one.
    pub resume_refused: bool,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Why the run is no success, if it is none.
    pub failure: Option<Failure>,
}

impl Runtime {
    /// What the configuration calls it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Script { .. } => "script",
            Self::Command { .. } => "command",
            Self::Claude(_) => "claude-code",
            Self::Codex(_) => "codex",
            Self::Gemini(_) => "gemini",
            Self::Opencode(_) => "opencode",
        }
    }

    /// The API that the command speaks with its model; none: it is not known to speak with any.
    #[must_use]
    pub const fn api(&self) -> Option<Api> {
        match self {
            Self::Script { .. } | Self::Command { .. } => None,
            Self::Claude(_) => Some(Api::Anthropic),
            Self::Codex(_) => Some(Api::OpenAi),
            Self::Gemini(_) => Some(Api::Gemini),
            Self::Opencode(settings) => Some(settings.api),
        }
    }

    /// Whether the command is told of the repository's `CLAUDE.md` in a way of its own, so that the prompt need not repeat it.
    #[must_use]
    pub const fn passes_on(&self, convention: &str) -> bool {
        match self {
            Self::Script { .. } | Self::Command { .. } => false,
            Self::Codex(_) | Self::Gemini(_) | Self::Opencode(_) => false,
            Self::Claude(_) => matches!(convention.as_bytes(), b"CLAUDE.md"),
        }
    }

    /// The folder below the agent's home in which its program looks for its own settings, and in which we write them.
    const fn own_folder(&self) -> Option<&'static str> {
        match self {
            Self::Script { .. } | Self::Command { .. } => None,
            Self::Claude(_) => Some(claude::FOLDER),
            Self::Codex(_) => Some(codex::FOLDER),
            Self::Gemini(_) => Some(gemini::FOLDER),
            Self::Opencode(_) => Some(opencode::FOLDER),
        }
    }

    /// The files and folders below an attempt's home, as relative paths, that a later attempt needs to go on with the
    /// conversation ([`crate::job::Resume`]). None: the runtime cannot go on.
    #[must_use]
    pub const fn session_state(&self) -> &'static [&'static str] {
        match self {
            Self::Script { .. } | Self::Command { .. } | Self::Opencode(_) => &[],
            Self::Claude(_) => claude::SESSION_STATE,
            Self::Codex(_) => codex::SESSION_STATE,
            Self::Gemini(_) => gemini::SESSION_STATE,
        }
    }

    /// The agent's program, where it is one whose versions are known.
    #[must_use]
    pub fn program(&self) -> Option<Program<'_>> {
        let (name, command, minimum) = match self {
            Self::Script { .. } | Self::Command { .. } => return None,
            Self::Claude(settings) => ("claude-code", &settings.program, claude::MINIMUM),
            Self::Codex(settings) => ("codex", &settings.program, codex::MINIMUM),
            Self::Gemini(settings) => ("gemini", &settings.program, gemini::MINIMUM),
            Self::Opencode(settings) => ("opencode", &settings.program, opencode::MINIMUM),
        };
        Some(Program { name, command, minimum })
    }
}

/// Makes the command of an attempt ready. `home` is the agent's own and exists, `worktree` is checked out; `access` is there for
/// runtimes with a [`Runtime::api`]. What every agent reads is the prompt. `resume` is usually the job's own; it is none where that was refused.
pub fn prepare(
    job: &Job,
    prompt: &str,
    resume: Option<&Resume>,
    access: Option<&ApiAccess>,
    host_env: &[(String, String)],
    worktree: &Path,
    home: &Path,
) -> Result<Prepared, Failure> {
    if let Some(folder) = job.runtime.own_folder() {
        fresh(home, folder)
            .map_err(|error| Failure::config(format!("{} could not be made: {error}", home.join(folder).display())))?;
    }
    let mut refused = None;
    let resume = match resume {
        Some(resume) if !job.runtime.session_state().is_empty() => {
            let restored = restore(resume, job.runtime.session_state(), home);
            refused = restored.err().map(|why| format!("the earlier conversation cannot go on: {why}"));
            refused.is_none().then_some(resume.session_id.as_str())
        }
        _ => None,
    };
    let access = || access.ok_or_else(|| Failure::config("the attempt has no account, and its runtime needs one"));
    let prepared = match &job.runtime {
        Runtime::Script { body } => Ok(Prepared { argv: run::shell(body), ..Prepared::default() }),
        Runtime::Command { argv } => {
            Ok(Prepared { argv: argv.clone(), stdin: Some(prompt.to_owned()), ..Prepared::default() })
        }
        Runtime::Claude(settings) => claude::prepare(settings, prompt, access()?, resume, host_env, worktree, home),
        Runtime::Codex(settings) => codex::prepare(settings, prompt, access()?, resume, host_env, worktree, home),
        Runtime::Gemini(settings) => gemini::prepare(settings, prompt, access()?, resume, host_env, home),
        Runtime::Opencode(settings) => opencode::prepare(settings, prompt, access()?, host_env, home),
    };
    prepared.map(|prepared| Prepared { notes: prepared.notes.into_iter().chain(refused).collect(), ..prepared })
}

/// The model a program is asked for: the one that is set, else the definition's, unless that is one of Claude Code's short names, or
/// otherwise none of the program's.
fn wanted_model(set: Option<&str>, definition: Option<&Definition>, foreign: impl Fn(&str) -> bool) -> Option<String> {
    let own = definition.and_then(|definition| definition.model.as_deref());
    let short = |model: &str| matches!(model, "opus" | "sonnet" | "haiku" | "inherit");
    set.or(own.filter(|model| !short(model) && !foreign(model))).map(str::to_owned)
}

/// What an agent is, for a program that reads it from a file of the user's.
fn role(definition: Option<&Definition>) -> Option<String> {
    let prompt = definition.map(|definition| definition.prompt.trim()).filter(|prompt| !prompt.is_empty());
    prompt.map(|prompt| format!("{prompt}\n"))
}
