//! Recorded event streams of agent CLIs, and what each of them means.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_executor::run::{End, Ended};
use agent_executor::runtime::{
    AccountNotice, AccountStanding, Conclusion, Progress, Reader, Spent, claude, codex, gemini, opencode,
};
use coditect_core::FailureClass::{self, AgentError, Auth, BudgetExceeded, Config, Overloaded, RateLimited, TurnLimit};

mod junk;
mod others;
mod own;
mod recorded;

/// A run whose events were read to the end, or to where it would have been stopped.
struct Replay {
    conclusion: Conclusion,
    accounts: Vec<AccountNotice>,
    log: Vec<String>,
    stopped_after: Option<usize>,
}

impl Replay {
    #[track_caller]
    fn failed(&self, class: FailureClass) -> &str {
        let failure = self.conclusion.failure.as_ref().unwrap_or_else(|| panic!("a success: {:?}", self.conclusion));
        assert_eq!(failure.class, class, "{}", failure.message);
        &failure.message
    }

    fn standings(&self) -> Vec<AccountStanding> {
        self.accounts.iter().map(|notice| notice.standing).collect()
    }
}

fn ended(code: Option<i32>, stderr: &str) -> Ended {
    Ended {
        held: false,
        end: End::Exited,
        code,
        signal: None,
        last_line: String::new(),
        stdout_tail: String::new(),
        stderr_tail: stderr.to_owned(),
        left_behind: 0,
        duration: Duration::from_secs(1),
    }
}

/// A reader for a run of each program.
fn claude() -> Box<dyn Reader> {
    Box::new(claude::Session::default())
}

fn codex() -> Box<dyn Reader> {
    Box::new(codex::Session::new(50, false, Spent::default()))
}

fn gemini() -> Box<dyn Reader> {
    Box::new(gemini::Session::new(false))
}

fn opencode() -> Box<dyn Reader> {
    Box::new(opencode::Session::new(50))
}

/// Reads a stream of Claude Code as the executor does: what asks for a stop ends it.
fn replay(stream: &[u8], code: i32, stderr: &str) -> Replay {
    replay_to(claude(), stream, code, stderr)
}

/// The same with another program's reader.
fn replay_to(mut reader: Box<dyn Reader>, stream: &[u8], code: i32, stderr: &str) -> Replay {
    let (mut accounts, mut log, mut stopped_after) = (Vec::new(), Vec::new(), None);
    for (at, line) in stream.split(|byte| *byte == b'\n').enumerate() {
        let heard = reader.hear(line, true);
        accounts.extend(heard.account);
        log.extend(
            heard.progress.iter().flat_map(Progress::lines).map(|(kind, text)| format!("{}: {text}", kind.as_str())),
        );
        if heard.stop {
            stopped_after = Some(at + 1);
            break;
        }
    }
    let ended = match stopped_after {
        Some(_) => Ended { end: End::Settled, ..ended(Some(143), stderr) },
        None => ended(Some(code), stderr),
    };
    Replay { conclusion: reader.conclude(&ended), accounts, log, stopped_after }
}
