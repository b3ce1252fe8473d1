//! The shim of a run that has namespaces: it enters them, starts the first process in them, and sees to its end.

use std::io::{self, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::supervise::{Event, Exit, KILL_LIMIT, KILL_TICK, read_orders, watch};
use super::{Cause, Order, Report, Spec, init};
use crate::sandbox::{handover, namespaces, privileges};

/// How much longer than the grace the first process may take to end before it is killed, and everything with it.
const MARGIN: Duration = Duration::from_secs(1);

/// The first process of the namespace, as seen from outside.
struct First {
    pid: Pid,
    socket: UnixStream,
    /// What it says, once it is dead.
    said: JoinHandle<String>,
}

/// Runs the command, of which `line` is the specification as it came, to its end.
pub(super) fn run(spec: &Spec, line: &str, executor: &UnixStream, orders: BufReader<UnixStream>) -> Report {
    let (sender, events) = channel();
    let first = match start(spec, line, executor, orders, sender) {
        Ok(first) => first,
        Err(error) => return spec.failed(&io::Error::other(format!("it could not be confined: {error}"))),
    };
    let cause = watch(first.pid, &events, spec.lease_ms.map(Duration::from_millis), &mut None);
    if cause != Cause::Exited {
        // One that ended this moment needs no order.
        let _ = (&first.socket).write_all(Order::Stop.line().as_bytes());
        if !ended(&events, spec.grace(cause) + MARGIN) {
            let _ = kill(first.pid, Signal::SIGKILL);
        }
    }
    // It is reaped when everything in its namespace is dead.
    let Some((code, signal)) = exit(first.pid) else {
        return Report::Ended { cause, code: None, signal: None, left_behind: 0, survivors: 1 };
    };
    match serde_json::from_str(&first.said.join().unwrap_or_default()) {
        Ok(Report::Ended { code, signal, left_behind, survivors, cause: of_command }) => {
            let cause = if cause == Cause::Exited { of_command } else { cause };
            Report::Ended { cause, code, signal, left_behind, survivors }
        }
        Ok(failed) => failed,
        // Killed, by us or by whoever was short of memory.
        Err(_) => Report::Ended { cause, code, signal, left_behind: 0, survivors: 0 },
    }
}

/// Enters the namespaces, starts the first process and tells it what to run.
///
/// The order is the kernel's: a user namespace is entered by a process of one thread, and whoever has entered a PID
/// namespace for its children starts no more threads.
fn start(
    spec: &Spec,
    line: &str,
    executor: &UnixStream,
    orders: BufReader<UnixStream>,
    events: Sender<Event>,
) -> io::Result<First> {
    if let Some(front) = namespaces::enter(&spec.confine)? {
        handover::send(executor, &front)?;
    }
    let (socket, theirs) = UnixStream::pair()?;
    let (mut reader, to_main) = (socket.try_clone()?, events.clone());
    spawn(move || {
        let _ = privileges::drop_own();
        read_orders(orders, &to_main);
    });
    let said = spawn(move || {
        let _ = privileges::drop_own();
        let mut said = String::new();
        let _ = reader.read_to_string(&mut said);
        let _ = events.send(Event::NoChildren);
        said
    });

    namespaces::enter_processes()?;
    // This very program, wherever its file is by now.
    let mut command = Command::new("/proc/self/exe");
    let home = std::env::var_os("HOME").unwrap_or_default();
    command.arg(init::SUBCOMMAND).env_clear().env("HOME", home).stdin(Stdio::from(OwnedFd::from(theirs)));
    let child = command.spawn()?;
    // It alone keeps its end: its death shows.
    drop(command);
    privileges::drop_own()?;
    (&socket).write_all(line.as_bytes())?;
    let pid = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
    Ok(First { pid, socket, said })
}

/// Waits for the first process to be dead or dying; false if that takes longer.
fn ended(events: &Receiver<Event>, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    loop {
        match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::NoChildren) | Err(RecvTimeoutError::Disconnected) => return true,
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

/// How the first process ended; none if the kernel cannot end what is in its namespace.
fn exit(pid: Pid) -> Option<Exit> {
    let until = Instant::now() + KILL_LIMIT;
    let mut pause = Duration::from_micros(100);
    while Instant::now() < until {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => return Some((Some(code), None)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Some((None, Some(signal as i32))),
            Ok(_) | Err(nix::errno::Errno::EINTR) => sleep(pause),
            Err(_) => return Some((None, None)),
        }
        pause = (pause * 2).min(KILL_TICK);
    }
    None
}
