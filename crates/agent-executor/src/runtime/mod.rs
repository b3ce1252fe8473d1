//! The coding-agent CLIs: how each is started, and how what it says is understood.
//!
//! Each has its own command line and its own stream of events. Both end here: [`prepare`] makes a runtime's command
//! ready to run, a [`Reader`] turns what the command prints into [`Progress`], which people read in the log, and in
//! the end into a [`Conclusion`]. Another CLI is another variant of [`crate::job::Runtime`], and a folder beside
//! `claude`.

pub mod claude;
pub mod progress;
pub mod prompt;

use std::path::Path;

use crate::job::{Failure, Job, Runtime};
use crate::run::{self, Ended};

pub use progress::{AccountNotice, AccountStanding, Progress, Spent};

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
    /// What a person should know.
    pub notes: Vec<String>,
    /// Why the run is no success, if it is none.
    pub failure: Option<Failure>,
}

/// Makes the command of an attempt ready. `home` is the agent's own and exists, `worktree` is checked out.
pub fn prepare(job: &Job, host_env: &[(String, String)], worktree: &Path, home: &Path) -> Result<Prepared, Failure> {
    match &job.runtime {
        Runtime::Script { body } => Ok(Prepared { argv: run::shell(body), ..Prepared::default() }),
        Runtime::Command { argv, prompt } => {
            Ok(Prepared { argv: argv.clone(), stdin: Some(prompt.clone()), ..Prepared::default() })
        }
        Runtime::Claude(settings) => claude::prepare(settings, host_env, worktree, home),
    }
}
