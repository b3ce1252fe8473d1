use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use agent_executor::sandbox::Confinement;
use agent_executor::shim::{Cause, Order, Report, SUBCOMMAND, Spec};

use crate::fixture::{SHIM, alive, eventually, pid_in};

fn start(dir: &Path, script: &str, lease_ms: Option<u64>) -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut shim = Command::new(SHIM);
    shim.arg(SUBCOMMAND).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped());
    let child = shim.spawn().unwrap();
    let spec = Spec {
        argv: ["sh", "-ec", script].map(str::to_owned).to_vec(),
        cwd: dir.to_owned(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        stdin: None,
        lease_ms,
        grace_ms: 100,
        confine: Confinement::off(),
    };
    writeln!(&ours, "{}", serde_json::to_string(&spec).unwrap()).unwrap();
    (child, ours)
}

fn report(socket: &UnixStream) -> Report {
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// A child, a grandchild that ignores being asked, and one in a session of its own.
const FAMILY: &str = "setsid sh -c 'echo $$ > daemon; while :; do sleep 60; done' &
    sh -c 'trap \"\" TERM; echo $$ > deaf; while :; do sleep 60; done' &
    echo $$ > self; wait";

fn family(dir: &Path) -> [i32; 3] {
    ["self", "deaf", "daemon"].map(|name| pid_in(&dir.join(name)))
}

#[test]
fn when_the_executor_dies_the_whole_tree_dies() {
    let dir = tempfile::tempdir().unwrap();
    let (mut shim, socket) = start(dir.path(), FAMILY, None);
    let family = family(dir.path());
    assert!(family.iter().all(|pid| alive(*pid)));
    drop(socket);
    shim.wait().unwrap();
    assert!(family.iter().all(|pid| !alive(*pid)));
}

#[test]
fn when_the_executor_is_killed_the_whole_tree_dies() {
    // `cat` holds the executor's end of the socket, and nothing else does.
    let dir = tempfile::tempdir().unwrap();
    let (mut shim, socket) = start(dir.path(), FAMILY, None);
    let mut executor =
        Command::new("cat").stdin(Stdio::from(OwnedFd::from(socket))).stdout(Stdio::null()).spawn().unwrap();
    let family = family(dir.path());
    executor.kill().unwrap();
    executor.wait().unwrap();
    shim.wait().unwrap();
    assert!(family.iter().all(|pid| !alive(*pid)));
}

#[test]
fn when_the_lease_runs_out_the_whole_tree_dies() {
    let dir = tempfile::tempdir().unwrap();
    let (mut shim, socket) = start(dir.path(), FAMILY, Some(60_000));
    let family = family(dir.path());
    (&socket).write_all(Order::Renew(50).line().as_bytes()).unwrap();
    assert!(matches!(report(&socket), Report::Ended { cause: Cause::LeaseExpired, survivors: 0, .. }));
    shim.wait().unwrap();
    assert!(family.iter().all(|pid| !alive(*pid)));
}

#[test]
fn a_stop_is_asked_for_first_and_then_enforced() {
    let dir = tempfile::tempdir().unwrap();
    let (mut shim, socket) = start(dir.path(), FAMILY, None);
    let family = family(dir.path());
    (&socket).write_all(Order::Stop.line().as_bytes()).unwrap();
    let Report::Ended { cause: Cause::Stopped, signal: Some(15), left_behind, survivors: 0, .. } = report(&socket)
    else {
        panic!("not stopped");
    };
    assert!(left_behind >= 1, "the deaf one had to be killed");
    shim.wait().unwrap();
    assert!(family.iter().all(|pid| !alive(*pid)));
}

#[test]
fn a_signal_to_the_shim_does_not_orphan_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let (mut shim, socket) = start(dir.path(), "echo $$ > self; read line < go; exit 4", None);
    nix::unistd::mkfifo(&dir.path().join("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let agent = pid_in(&dir.path().join("self"));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(shim.id()).unwrap());
    for signal in
        [nix::sys::signal::Signal::SIGTERM, nix::sys::signal::Signal::SIGINT, nix::sys::signal::Signal::SIGHUP]
    {
        nix::sys::signal::kill(pid, signal).unwrap();
    }
    std::fs::write(dir.path().join("go"), "on\n").unwrap();
    assert!(matches!(report(&socket), Report::Ended { cause: Cause::Exited, code: Some(4), .. }));
    shim.wait().unwrap();
    assert!(!alive(agent));
}

#[test]
fn what_a_command_prints_cannot_forge_its_report() {
    let dir = tempfile::tempdir().unwrap();
    let forged = r#"{"report":"ended","cause":"exited","code":0,"signal":null,"left_behind":0,"survivors":0}"#;
    let script = format!("for fd in 0 1 2 3 4 5 6 7 8 9; do echo '{forged}' 2>/dev/null >&$fd || true; done; exit 9");
    let (mut shim, socket) = start(dir.path(), &script, None);
    assert!(matches!(report(&socket), Report::Ended { code: Some(9), .. }));
    shim.wait().unwrap();
}

#[test]
fn a_command_that_forks_faster_than_it_is_killed_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo $$ > self
        chain() { trap '' TERM; n=$1; while test $n -gt 0; do n=$((n - 1)); (setsid sh -c 'sleep 60' &) ; done; }
        chain 50 & chain 50 & chain 50 & wait; sleep 60";
    let (mut shim, socket) = start(dir.path(), script, None);
    pid_in(&dir.path().join("self"));
    (&socket).write_all(Order::Stop.line().as_bytes()).unwrap();
    assert!(matches!(report(&socket), Report::Ended { survivors: 0, .. }));
    shim.wait().unwrap();
    let here = dir.path().to_owned();
    eventually("nobody works in the folder any more", move || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here)).count() == 0
    });
}
