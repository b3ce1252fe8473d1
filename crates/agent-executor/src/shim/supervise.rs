//! Starts the command, waits for its end or for an order, and ends everything that came of it.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{Cause, Order, Report, Spec};

/// How long killing goes on before it gives up on processes the kernel does not let die.
pub(super) const KILL_LIMIT: Duration = Duration::from_secs(10);

/// Between two looks at what is left of the tree.
pub(super) const KILL_TICK: Duration = Duration::from_millis(10);

/// What the whole of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// Everything below this process.
    Descendants,
    /// Everything in this PID namespace, of which this process is the first.
    #[cfg(target_os = "linux")]
    Namespace,
}

pub(super) enum Event {
    Order(Order),
    Hangup,
    Reaped(Pid, Option<i32>, Option<i32>),
    NoChildren,
}

pub(super) type Exit = (Option<i32>, Option<i32>);

/// Runs the command to its end.
pub(super) fn run(spec: Spec, orders: BufReader<UnixStream>, whole: Whole) -> Report {
    let agent = match become_reaper().and_then(|()| confined(&spec)) {
        Ok(agent) => agent,
        Err(error) => return spec.failed(&error),
    };
    let (sender, events) = channel();
    let to_main = sender.clone();
    std::thread::spawn(move || read_orders(orders, &to_main));
    std::thread::spawn(move || reap(&sender));

    let mut exit = None;
    let cause = watch(agent, &events, spec.lease_ms.map(Duration::from_millis), &mut exit);
    let tree = Tree { agent, whole, events: &events };
    let ended = match cause {
        Cause::Exited => tree.wait(Duration::from_millis(2), &mut exit),
        Cause::Stopped | Cause::LeaseExpired | Cause::ExecutorLost => {
            tree.signal(Signal::SIGTERM);
            tree.wait(spec.grace(cause), &mut exit)
        }
    };
    let (left_behind, survivors) = if ended { (0, 0) } else { tree.kill(&mut exit) };
    let (code, signal) = exit.unwrap_or((None, None));
    Report::Ended { cause, code, signal, left_behind, survivors }
}

#[cfg(target_os = "linux")]
fn become_reaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

#[cfg(not(target_os = "linux"))]
fn become_reaper() -> io::Result<()> {
    Ok(())
}

/// Starts the command from a thread that has given up what the command shall not have: the other threads keep the
/// means to end it, and it cannot turn against them.
#[cfg(target_os = "linux")]
fn confined(spec: &Spec) -> io::Result<Pid> {
    use crate::sandbox::{landlock, privileges};

    if !spec.confine.layers.any() {
        return spawn(spec);
    }
    let start = || {
        privileges::drop_all()?;
        if spec.confine.layers.landlock > 0 {
            landlock::restrict(&spec.confine).map_err(io::Error::other)?;
        }
        spawn(spec)
    };
    let started = std::thread::scope(|scope| scope.spawn(start).join());
    started.unwrap_or_else(|_| Err(io::Error::other("it could not be confined")))
}

#[cfg(not(target_os = "linux"))]
fn confined(spec: &Spec) -> io::Result<Pid> {
    spawn(spec)
}

fn spawn(spec: &Spec) -> io::Result<Pid> {
    let (program, args) = spec.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
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
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

pub(super) fn read_orders(orders: BufReader<UnixStream>, events: &Sender<Event>) {
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

/// Waits until the run is over, one way or another.
pub(super) fn watch(agent: Pid, events: &Receiver<Event>, lease: Option<Duration>, exit: &mut Option<Exit>) -> Cause {
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
    whole: Whole,
    events: &'a Receiver<Event>,
}

impl Tree<'_> {
    /// Waits for the last process of the tree to be reaped; false if that takes longer.
    fn wait(&self, limit: Duration, exit: &mut Option<Exit>) -> bool {
        self.reap(limit, exit, &mut HashSet::new())
    }

    /// The same, and keeps who was reaped.
    fn reap(&self, limit: Duration, exit: &mut Option<Exit>, reaped: &mut HashSet<Pid>) -> bool {
        let until = Instant::now() + limit;
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::NoChildren) => return true,
                Ok(Event::Reaped(pid, code, signal)) if pid == self.agent => *exit = Some((code, signal)),
                Ok(Event::Reaped(pid, ..)) => {
                    reaped.insert(pid);
                }
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
        let (mut killed, mut reaped) = (HashSet::new(), HashSet::new());
        loop {
            let targets = self.signal(Signal::SIGKILL);
            killed.extend(targets.iter().copied().filter(|pid| *pid != self.agent));
            let gone = self.reap(KILL_TICK, exit, &mut reaped);
            if gone || Instant::now() > until {
                // In a namespace everybody is killed at once, whoever that is, and counted when reaped.
                let killed = if self.whole == Whole::Descendants { killed.len() } else { reaped.len() };
                return (killed, if gone { 0 } else { targets.len() });
            }
        }
    }

    /// Signals every process of the tree that is alive; answers which, where that is known.
    #[cfg(target_os = "linux")]
    fn signal(&self, signal: Signal) -> Vec<Pid> {
        if self.whole == Whole::Namespace {
            // Everybody that this process may signal, but for itself: the rest of the namespace.
            let _ = nix::sys::signal::kill(Pid::from_raw(-1), signal);
            return Vec::new();
        }
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
