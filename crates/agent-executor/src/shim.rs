//! The small process between the executor and one command: it outlives neither.
//!
//! The executor starts its own binary again as `agent-executor run-shim`, with one end of a socket pair as standard
//! input. Over the socket come first a [`Spec`] and then orders, one a line; the last thing that goes back is a
//! [`Report`]. The command's output goes straight through. When the command has ended, or `stop` comes, or the
//! socket closes (the executor is dead), or the lease has not been renewed in time (the executor is cut off), the
//! whole process tree is ended: asked, then killed, until nothing of it is left. On Linux the shim is the reaper of
//! orphans below it, so processes that moved to a session of their own are found too. The command never holds the
//! socket, so it cannot forge a report.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The hidden subcommand of the executor that is the shim.
pub const SUBCOMMAND: &str = "run-shim";

/// How long the shim goes on killing before it gives up on processes the kernel does not let die.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// Between two looks at what is left of the tree.
const KILL_TICK: Duration = Duration::from_millis(10);

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

enum Event {
    Order(Order),
    Hangup,
    Reaped(Pid, Option<i32>, Option<i32>),
    NoChildren,
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

fn run() -> std::io::Result<()> {
    // Only the executor ends the shim, through the socket. The command is started with no signal blocked.
    let mut blocked = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        blocked.add(signal);
    }
    blocked.thread_block()?;

    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let spec: Spec = serde_json::from_str(&line)?;
    drop(line);

    let report = supervise(spec, reader);
    let mut text = serde_json::to_string(&report)?;
    text.push('\n');
    // The executor may be gone; then nobody wants to know.
    let _ = (&socket).write_all(text.as_bytes());
    Ok(())
}

fn supervise(spec: Spec, orders: BufReader<UnixStream>) -> Report {
    let agent = match become_reaper().and_then(|()| spawn(&spec)) {
        Ok(agent) => agent,
        Err(error) => {
            let program = spec.argv.first().map_or("", String::as_str);
            return Report::SpawnFailed { message: format!("`{program}`: {error}") };
        }
    };
    let (sender, events) = channel();
    let to_main = sender.clone();
    std::thread::spawn(move || read_orders(orders, &to_main));
    std::thread::spawn(move || reap(&sender));

    let mut exit = None;
    let cause = watch(agent, &events, spec.lease_ms.map(Duration::from_millis), &mut exit);
    let tree = Tree { agent, events: &events };
    let ended = match cause {
        Cause::Exited => tree.wait(Duration::from_millis(2), &mut exit),
        Cause::Stopped | Cause::LeaseExpired | Cause::ExecutorLost => {
            tree.signal(Signal::SIGTERM);
            tree.wait(Duration::from_millis(spec.grace_ms), &mut exit)
        }
    };
    let (left_behind, survivors) = if ended { (0, 0) } else { tree.kill(&mut exit) };
    let (code, signal) = exit.unwrap_or((None, None));
    Report::Ended { cause, code, signal, left_behind, survivors }
}

#[cfg(target_os = "linux")]
fn become_reaper() -> std::io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

#[cfg(not(target_os = "linux"))]
fn become_reaper() -> std::io::Result<()> {
    Ok(())
}

fn spawn(spec: &Spec) -> std::io::Result<Pid> {
    let (program, args) = spec.argv.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(args).current_dir(&spec.cwd).env_clear().envs(spec.env.iter().map(|(name, value)| (name, value)));
    command.stdin(if spec.stdin.is_some() { Stdio::piped() } else { Stdio::null() }).process_group(0);
    let mut child = command.spawn()?;
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), spec.stdin.clone()) {
        // A command need not read its prompt.
        std::thread::spawn(move || {
            let _ = pipe.write_all(text.as_bytes());
        });
    }
    i32::try_from(child.id()).map(Pid::from_raw).map_err(std::io::Error::other)
}

fn read_orders(orders: BufReader<UnixStream>, events: &Sender<Event>) {
    for line in orders.lines() {
        let Ok(line) = line else { break };
        if let Some(order) = Order::parse(&line)
            && events.send(Event::Order(order)).is_err()
        {
            return;
        }
    }
    let _ = events.send(Event::Hangup);
}

fn reap(events: &Sender<Event>) {
    loop {
        let event = match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) => Event::Reaped(pid, Some(code), None),
            Ok(WaitStatus::Signaled(pid, signal, _)) => Event::Reaped(pid, None, Some(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(_) => Event::NoChildren,
        };
        let last = matches!(event, Event::NoChildren);
        if events.send(event).is_err() || last {
            return;
        }
    }
}

type Exit = (Option<i32>, Option<i32>);

/// Waits until the run is over, one way or another.
fn watch(agent: Pid, events: &Receiver<Event>, lease: Option<Duration>, exit: &mut Option<Exit>) -> Cause {
    let mut expires = lease.map(|lease| Instant::now() + lease);
    loop {
        let event = match expires {
            Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Reaped(pid, code, signal)) if pid == agent => {
                *exit = Some((code, signal));
                return Cause::Exited;
            }
            Ok(Event::Reaped(..)) => {}
            Ok(Event::NoChildren) => return Cause::Exited,
            Ok(Event::Order(Order::Renew(ms))) => expires = Some(Instant::now() + Duration::from_millis(ms)),
            Ok(Event::Order(Order::Stop)) => return Cause::Stopped,
            Ok(Event::Hangup) | Err(RecvTimeoutError::Disconnected) => return Cause::ExecutorLost,
            Err(RecvTimeoutError::Timeout) => return Cause::LeaseExpired,
        }
    }
}

/// The command and everything that came of it.
struct Tree<'a> {
    agent: Pid,
    events: &'a Receiver<Event>,
}

impl Tree<'_> {
    /// Waits for the last process of the tree to be reaped; false if that takes longer.
    fn wait(&self, limit: Duration, exit: &mut Option<Exit>) -> bool {
        let until = Instant::now() + limit;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::NoChildren) => return true,
                Ok(Event::Reaped(pid, code, signal)) if pid == self.agent => *exit = Some((code, signal)),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                // The threads that send end only after the last child.
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Kills until nothing is left: how many were killed, and how many did not die.
    fn kill(&self, exit: &mut Option<Exit>) -> (usize, usize) {
        let until = Instant::now() + KILL_LIMIT;
        let mut killed = std::collections::HashSet::new();
        loop {
            let targets = self.signal(Signal::SIGKILL);
            killed.extend(targets.iter().copied().filter(|pid| *pid != self.agent));
            if self.wait(KILL_TICK, exit) {
                return (killed.len(), 0);
            }
            if Instant::now() > until {
                return (killed.len(), targets.len());
            }
        }
    }

    /// Signals every process of the tree that is alive.
    #[cfg(target_os = "linux")]
    fn signal(&self, signal: Signal) -> Vec<Pid> {
        let targets = crate::processes::descendants(Pid::this());
        for pid in &targets {
            let _ = nix::sys::signal::kill(*pid, signal);
        }
        targets
    }

    /// Signals the process group of the command; what left the group is out of reach on this system.
    #[cfg(not(target_os = "linux"))]
    fn signal(&self, signal: Signal) -> Vec<Pid> {
        match nix::sys::signal::killpg(self.agent, signal) {
            Ok(()) => vec![self.agent],
            Err(_) => Vec::new(),
        }
    }
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
