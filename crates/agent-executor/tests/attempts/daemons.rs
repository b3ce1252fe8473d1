//! Nothing of a run is left, however it ends: in namespaces, with Landlock alone, and without any confinement.

use std::path::Path;
use std::time::{Duration, Instant};

use agent_executor::pipeline::{self, Host};
use agent_executor::sandbox::Sandbox;
use coditect_core::FailureClass;
use coditect_service::config::{SandboxConfig, SandboxMode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, control, eventually, failed, landed, running_at_home_below};

/// How soon after its end nothing of a run may be alive.
const SOON: Duration = Duration::from_secs(5);

/// The ways to confine commands, each with what it has of namespaces.
fn ways() -> [(Fixture, &'static str); 3] {
    let mut landlock = Fixture::new();
    landlock.host = without_namespaces(landlock.host, &landlock.dir.path().join("shared"));
    [(Fixture::new(), "namespaces"), (landlock, "landlock"), (Fixture::new().with_sandbox(SandboxMode::Off), "off")]
}

/// As on a machine that allows no namespaces.
fn without_namespaces(host: Host, write: &Path) -> Host {
    let write = vec![write.to_string_lossy().into_owned()];
    let config = SandboxConfig { mode: SandboxMode::Auto, write, ..SandboxConfig::default() };
    let sandbox = Sandbox::open(&config, crate::fixture::SHIM.as_ref()).unwrap().without_namespaces();
    host.with_sandbox(sandbox)
}

/// Fifty daemons, each in a session of its own, deaf to being asked, and orphaned; `started` is there when all are.
fn fifty(started: &Path) -> String {
    format!(
        "for i in $(seq 50); do
           (setsid sh -c 'trap \"\" TERM HUP INT; echo >> {started}.all; while :; do sleep 60; done' \\
             > /dev/null 2>&1 < /dev/null &)
         done
         while test $(wc -l < {started}.all 2> /dev/null || echo 0) -lt 50; do sleep 0.02; done; touch {started}\n",
        started = started.display()
    )
}

/// Waits, without holding the runtime up, for the daemons to be there.
async fn are_there(fixture: &Fixture) {
    let started = fixture.shared("started");
    tokio::task::spawn_blocking(move || eventually("all daemons are there", || started.exists())).await.unwrap();
    assert!(fixture.running().len() >= 50, "{:?}", fixture.running());
}

#[track_caller]
fn nothing_is_left(fixture: &Fixture, ended: Instant, way: &str) {
    eventually("nothing of the run is alive", || fixture.running().is_empty());
    assert!(ended.elapsed() < SOON, "{way}: {:?}", ended.elapsed());
}

/// The supervisor of the one run of a fixture.
fn supervisor(fixture: &Fixture) -> Pid {
    let is_shim = |pid: &i32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"run-shim"))
    };
    let found: Vec<_> = running_at_home_below(fixture.dir.path()).into_iter().filter(is_shim).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    Pid::from_raw(found[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_daemons_do_not_outlive_an_agent_that_ends() {
    for (fixture, way) in ways() {
        let script = format!("{} echo a > a", fifty(&fixture.shared("started")));
        let outcome = fixture.run(&fixture.job("1.1", &script)).await;
        landed(&outcome);
        nothing_is_left(&fixture, Instant::now(), way);
        assert!(outcome.evidence().notes.iter().any(|note| note.contains("left")), "{way}: {:?}", outcome.evidence());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_daemons_do_not_outlive_an_agent_that_runs_too_long() {
    for (fixture, way) in ways() {
        let mut job = fixture.job("1.1", &format!("{} sleep 600", fifty(&fixture.shared("started"))));
        job.limits.wall = Duration::from_secs(2);
        failed(&fixture.run(&job).await, FailureClass::Timeout);
        nothing_is_left(&fixture, Instant::now(), way);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_daemons_do_not_outlive_a_cancelled_attempt() {
    for (fixture, way) in ways() {
        let job = fixture.job("1.1", &format!("{} sleep 600", fifty(&fixture.shared("started"))));
        let (cancel, control) = (CancellationToken::new(), control());
        let stop = async {
            are_there(&fixture).await;
            cancel.cancel();
            Instant::now()
        };
        let (outcome, at) = tokio::join!(pipeline::run(&job, &fixture.host, &control, cancel.clone()), stop);
        failed(&outcome, FailureClass::Cancelled);
        nothing_is_left(&fixture, at, way);
        fixture.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_daemons_do_not_outlive_a_supervisor_that_is_killed() {
    for (fixture, way) in ways() {
        let job = fixture.job("1.1", &format!("{} sleep 600", fifty(&fixture.shared("started"))));
        let control = control();
        let murder = async {
            are_there(&fixture).await;
            kill(supervisor(&fixture), Signal::SIGKILL).unwrap();
            Instant::now()
        };
        let (outcome, at) =
            tokio::join!(pipeline::run(&job, &fixture.host, &control, CancellationToken::new()), murder);
        failed(&outcome, FailureClass::AgentError);
        nothing_is_left(&fixture, at, way);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_cannot_signal_its_supervisor_or_the_executor() {
    for (fixture, way) in ways().into_iter().take(2) {
        let script = format!(
            "for pid in $PPID {executor}; do if kill -0 $pid 2> /dev/null; then echo $pid >> reached; fi; done
             kill -KILL $PPID 2> /dev/null || true; echo a > a",
            executor = std::process::id()
        );
        let outcome = fixture.run(&fixture.job("1.1", &script)).await;
        landed(&outcome);
        assert_eq!(outcome.evidence().files, ["a"], "{way}");
    }
}
