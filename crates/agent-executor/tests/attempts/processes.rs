use std::time::{Duration, Instant};

use agent_executor::pipeline::{self, Lease, LineKind};
use coditect_core::FailureClass;
use coditect_service::config::SandboxMode;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, alive, control, failed, landed, logged, pid_in};

/// Starts a daemon in a session of its own whose parent is gone at once; its id is in `file` when this ends.
fn daemon(file: &std::path::Path) -> String {
    let file = file.display();
    format!(
        "setsid sh -c 'trap \"\" TERM HUP; echo $$ > {file}; while :; do sleep 60; done' > /dev/null 2>&1 < /dev/null &
             while ! test -s {file}; do sleep 0.01; done\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_left_the_process_group_does_not_outlive_its_attempt() {
    let fixture = Fixture::new();
    let file = fixture.shared("pid");
    let outcome = fixture.run(&fixture.job("1.1", &format!("{} echo a > a", daemon(&file)))).await;
    landed(&outcome);
    pid_in(&file);
    fixture.assert_nothing_runs();
    assert!(outcome.evidence().notes.iter().any(|note| note.contains("left")), "{:?}", outcome.evidence().notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_runs_too_long_is_stopped_with_all_its_children() {
    let fixture = Fixture::new();
    let file = fixture.shared("pid");
    let mut job = fixture.job("1.1", &format!("{} while :; do echo busy; sleep 0.01; done", daemon(&file)));
    job.limits.wall = Duration::from_millis(700);
    failed(&fixture.run(&job).await, FailureClass::Timeout);
    pid_in(&file);
    fixture.assert_nothing_runs();
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_says_nothing_for_too_long_is_stopped() {
    let fixture = Fixture::new();
    let mut job = fixture.job("1.1", "trap '' TERM; for i in 1 2 3; do echo $i; sleep 0.2; done; sleep 600");
    job.limits.silence = Duration::from_millis(500);
    let (control, lines) = logged();
    let outcome = pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await;
    failed(&outcome, FailureClass::Silent);
    drop(control);
    let said: Vec<_> = lines.await.unwrap().into_iter().filter(|line| line.kind == LineKind::Stdout).collect();
    assert_eq!(said.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_command_that_hangs_fails_the_verification() {
    let fixture = Fixture::new();
    let mut job = fixture.job("1.1", "echo a > a");
    job.verify = vec!["sleep 600".to_owned()];
    job.limits.verify_wall = Duration::from_millis(100);
    failed(&fixture.run(&job).await, FailureClass::VerificationFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_attempt_ends_at_once_and_leaves_nothing() {
    let fixture = Fixture::new();
    let file = fixture.shared("pid");
    let job = fixture.job("1.1", &format!("{} sleep 600", daemon(&file)));
    let cancel = CancellationToken::new();
    let (control, began) = (control(), Instant::now());
    let stop = async {
        let file = file.clone();
        tokio::task::spawn_blocking(move || pid_in(&file)).await.unwrap();
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(pipeline::run(&job, &fixture.host, &control, cancel.clone()), stop);
    failed(&outcome, FailureClass::Cancelled);
    fixture.assert_nothing_runs();
    assert!(began.elapsed() < Duration::from_secs(30));
    fixture.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_lease_is_not_renewed_is_killed_and_one_whose_lease_is_goes_on() {
    let fixture = Fixture::new();
    let (renew, renewed) = watch::channel(tokio::time::Instant::now());
    let duration = Duration::from_millis(400);
    let control = control().with_lease(Lease { duration, renewed });
    let job = fixture.job("1.1", "sleep 1.2; echo a > a");
    let renewing = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            renew.send_replace(tokio::time::Instant::now());
        }
    };
    tokio::select! {
        outcome = pipeline::run(&job, &fixture.host, &control, CancellationToken::new()) => { landed(&outcome); }
        () = renewing => {}
    }
    let job = fixture.job("1.2", "sleep 600");
    renew.send_replace(tokio::time::Instant::now());
    let outcome = pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await;
    failed(&outcome, FailureClass::ExecutorLost);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_kills_its_supervisor_is_killed_itself() {
    let fixture = Fixture::new().with_sandbox(SandboxMode::Off);
    let (daemon_file, own_file) = (fixture.shared("pid"), fixture.shared("self"));
    let script = format!("{} echo $$ > {}; kill -9 $PPID; sleep 600", daemon(&daemon_file), own_file.display());
    failed(&fixture.run(&fixture.job("1.1", &script)).await, FailureClass::AgentError);
    assert!(!alive(pid_in(&daemon_file)) && !alive(pid_in(&own_file)));
    fixture.assert_nothing_runs();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_cleared_but_for_what_is_allowed() {
    let mut fixture = Fixture::new();
    let env = [
        ("PATH", "/usr/bin:/bin"),
        ("SECRET_TOKEN", "hunter2"),
        ("LC_ALL", "C"),
        ("AGENT_KEY", "key"),
        ("HOME", "/root"),
    ];
    fixture.host = fixture.host.with_env(env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
    let mut job = fixture.job("1.1", "env | sort > env; grep Sig[BI] /proc/self/status > signals; test -d $HOME; (tr '\\0' '\\n' < /proc/$PPID/environ) > shim 2>&1 || true");
    job.env_allow = vec!["AGENT_*".to_owned()];
    job.attempt_number = 3;
    job.verify = vec!["test -z \"$AGENT_KEY$SECRET_TOKEN\"; test $CODITECT_ATTEMPT = 3".to_owned()];
    landed(&fixture.run(&job).await);
    let env = fixture.show("env");
    let names: Vec<_> = env.lines().filter_map(|line| line.split('=').next()).collect();
    let expected = [
        "AGENT_KEY",
        "CODITECT_AGENT",
        "CODITECT_ATTEMPT",
        "CODITECT_ATTEMPT_ID",
        "CODITECT_TASK_ID",
        "CODITECT_TASK_KEY",
        "CODITECT_TASK_TITLE",
        "HOME",
        "LC_ALL",
        "PATH",
        "PWD",
    ];
    assert_eq!(names, expected);
    for line in [
        "CODITECT_TASK_ID=plan/1.1",
        "CODITECT_TASK_KEY=1.1",
        "CODITECT_TASK_TITLE=Task 1.1",
        "CODITECT_ATTEMPT=3",
        "CODITECT_AGENT=tester",
    ] {
        assert!(env.lines().any(|have| have == line), "{line} in {env}");
    }
    assert!(!env.contains("hunter2") && !env.contains("HOME=/root") && !fixture.show("shim").contains("hunter2"));
    let signals = fixture.show("signals");
    assert!(signals.contains("SigBlk:\t0000000000000000"), "{signals}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_output_is_bounded_and_said_to_be() {
    let fixture = Fixture::new();
    let mut job = fixture.job("1.1", "yes some text | head -c 20000000; printf 'junk \\377\\n' >&2; echo a > a");
    job.limits.log_bytes = 10_000;
    let (control, lines) = logged();
    landed(&pipeline::run(&job, &fixture.host, &control, CancellationToken::new()).await);
    drop(control);
    let lines = lines.await.unwrap();
    assert!(lines.iter().map(|line| line.text.len()).sum::<usize>() < 11_000);
    assert_eq!(lines.iter().filter(|line| line.text.contains("longer than 10000 bytes")).count(), 1);
}
