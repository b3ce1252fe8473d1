//! The small process between the executor and one command: it outlives neither.
//!
//! The executor starts its own binary again as `agent-executor run-shim`, with one end of a socket pair as standard
//! input. Over the socket come first a [`Spec`] and then orders, one a line; the last thing that goes back is a
//! [`Report`]. The command's output goes straight through. When the command has ended, or `stop` comes, or the
//! socket closes (the executor is dead), or the lease has not been renewed in time (the executor is cut off), the
//! whole process tree is ended: asked, then killed, until nothing of it is left. The command never holds the socket, so
//! it cannot forge a report.
//!
//! Where the [`Confinement`] has a PID namespace, the shim stays outside of it and starts `agent-executor run-init`
//! as its first process (see [`init`]), which starts the command; with it the kernel ends all the others. Where there is
//! none, the shim is the reaper of orphans below it (on Linux), so processes that moved to a session of their own are
//! found too.

pub mod init;
#[cfg(target_os = "linux")]
mod relay;
mod supervise;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use serde::{Deserialize, Serialize};

use crate::sandbox::Confinement;

/// The hidden subcommand of the executor that is the shim.
pub const SUBCOMMAND: &str = "run-shim";

/// The most time a command has to end by itself when its executor is dead or cut off: another may be about to take its
/// place.
const ABANDONED_GRACE: Duration = Duration::from_secs(1);

/// What the shim runs; the first line it reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// What it reads on its standard input; nothing if none.
    pub stdin: Option<String>,
    /// For how long from now it may run without a renewal; without limit if none.
    pub lease_ms: Option<u64>,
    /// Between asking the tree to end and killing it.
    pub grace_ms: u64,
    /// What it may see and reach.
    pub confine: Confinement,
}

impl Spec {
    /// How long the tree has to end by itself.
    fn grace(&self, cause: Cause) -> Duration {
        let grace = Duration::from_millis(self.grace_ms);
        match cause {
            Cause::Exited | Cause::Stopped => grace,
            Cause::LeaseExpired | Cause::ExecutorLost => grace.min(ABANDONED_GRACE),
        }
    }

    fn failed(&self, error: &io::Error) -> Report {
        let program = self.argv.first().map_or("", String::as_str);
        Report::SpawnFailed { message: format!("`{program}`: {error}") }
    }
}

/// What the shim is told while the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The lease holds for so many milliseconds from now.
    Renew(u64),
    /// End the tree.
    Stop,
}

impl Order {
    /// The order as the line that carries it.
    #[must_use]
    pub fn line(self) -> String {
        match self {
            Self::Renew(ms) => format!("renew {ms}\n"),
            Self::Stop => "stop\n".to_owned(),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            Some(("renew", ms)) => ms.parse().ok().map(Self::Renew),
            None if line == "stop" => Some(Self::Stop),
            _ => None,
        }
    }
}

/// Why the command's run was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The command ended by itself.
    Exited,
    /// The executor said `stop`.
    Stopped,
    /// No renewal came in time.
    LeaseExpired,
    /// The executor is gone.
    ExecutorLost,
}

/// What became of the command; the last line the shim writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// It could not be started.
    SpawnFailed {
        /// Why.
        message: String,
    },
    /// It was started and nothing of it is running now.
    Ended {
        /// What ended it.
        cause: Cause,
        /// Its exit code, if it ended by itself or on being asked.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// How many processes had to be killed after it.
        left_behind: usize,
        /// How many could not be killed.
        survivors: usize,
    },
}

/// The shim's own `main`. Call it before any thread or runtime is started; it takes no arguments.
#[must_use]
pub fn main(_args: impl Iterator<Item = OsString>) -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("agent-executor {SUBCOMMAND}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    block_signals()?;
    let (socket, reader, line) = open()?;
    let spec: Spec = serde_json::from_str(&line)?;
    let report = supervise(spec, &line, &socket, reader);
    // The executor may be gone; then nobody wants to know.
    let _ = say(&socket, &report);
    Ok(())
}

#[cfg(target_os = "linux")]
fn supervise(spec: Spec, line: &str, socket: &UnixStream, orders: BufReader<UnixStream>) -> Report {
    if spec.confine.layers.processes {
        relay::run(&spec, line, socket, orders)
    } else {
        supervise::run(spec, orders, supervise::Whole::Descendants)
    }
}

#[cfg(not(target_os = "linux"))]
fn supervise(spec: Spec, _line: &str, _socket: &UnixStream, orders: BufReader<UnixStream>) -> Report {
    supervise::run(spec, orders, supervise::Whole::Descendants)
}

/// Only whoever holds the other end of the socket ends this process. Commands are started with no signal blocked.
fn block_signals() -> io::Result<()> {
    let mut blocked = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        blocked.add(signal);
    }
    Ok(blocked.thread_block()?)
}

/// The socket, which is standard input, what comes after the first line, and that line.
fn open() -> io::Result<(UnixStream, BufReader<UnixStream>, String)> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok((socket, reader, line))
}

fn say(mut socket: &UnixStream, report: &Report) -> io::Result<()> {
    let mut text = serde_json::to_string(report)?;
    text.push('\n');
    socket.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        for order in [Order::Renew(1500), Order::Stop] {
            assert_eq!(Order::parse(order.line().trim_end()), Some(order));
        }
        assert_eq!(Order::parse("renew soon"), None);
        assert_eq!(Order::parse(""), None);
    }
}
