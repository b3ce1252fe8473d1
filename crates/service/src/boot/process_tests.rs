//! Services as processes of their own: signals, supervisors, exit codes.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    process::{self, Child, ChildStderr, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::*;

/// How the service under test ends: `willing` when drained, `stubborn` never.
const TEMPER: &str = "SERVICE_UNDER_TEST";

#[test]
#[ignore = "the other tests run it as a process of its own"]
fn the_service_under_test() {
    let Ok(temper) = env::var(TEMPER) else { return };
    let code = exit_code(ServiceName::TaskDispatcher, ["task-dispatcher".into()].into_iter(), async |service| {
        service.readiness.pass("temper");
        let api = Api {
            routes: tonic::service::Routes::default(),
            names: &["grpc.health.v1.Health"],
            descriptors: tonic_health::pb::FILE_DESCRIPTOR_SET,
        };
        service.serve_grpc(api).await?;
        if temper == "stubborn" {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    process::exit(code.into());
}

struct Process {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(temper: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["boot::process_tests::the_service_under_test", "--exact", "--ignored", "--nocapture"])
            .env_remove("RUST_LOG")
            .env(TEMPER, temper)
            .env("CODITECT_LOG__FORMAT", "json")
            .env("CODITECT_LISTEN__ADMIN__TASK_DISPATCHER", "127.0.0.1:0")
            .env("CODITECT_LISTEN__GRPC__TASK_DISPATCHER", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    fn serving(temper: &str, environment: &[(&str, &str)]) -> Self {
        let mut process = Self::start(temper, environment);
        process.wait_for("serving gRPC");
        process
    }

    /// Reads the log up to `message`.
    fn wait_for(&mut self, message: &str) -> Value {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "ended without saying {message:?}: {seen}");
            match serde_json::from_str::<Value>(&line) {
                Ok(entry) if entry["message"] == message => return entry,
                _ => seen.push_str(&line),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

#[test]
fn the_first_signal_drains_and_the_service_ends_well() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let process = Process::serving("willing", &[]);
        process.signal(signal);
        let (code, log) = process.end();
        assert_eq!(code, Some(0), "{log}");
    }
}

#[test]
fn the_second_signal_cuts_a_service_that_does_not_end() {
    let mut process = Process::serving("stubborn", &[]);
    process.signal(Signal::SIGTERM);
    process.wait_for("finishing what is under way; another signal stops at once");
    process.signal(Signal::SIGTERM);
    let (code, log) = process.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("cut off before everything under way was finished"), "{log}");
}

#[test]
fn the_deadline_cuts_a_service_that_does_not_end() {
    let mut process = Process::serving("stubborn", &[("CODITECT_SHUTDOWN__DRAIN_LIMIT_MS", "50")]);
    process.signal(Signal::SIGTERM);
    process.wait_for("what is under way takes too long; stopping at once");
    assert_eq!(process.end().0, Some(1));
}

#[test]
fn no_service_outlives_its_supervisor() {
    let mut process = Process::serving("stubborn", &[(crate::SUPERVISED, "1")]);
    process.signal(Signal::SIGINT);
    drop(process.child.stdin.take());
    process.wait_for("the supervisor is gone; stopping at once");
    let (code, log) = process.end();
    assert_eq!(code, Some(1), "{log}");
}

#[test]
fn without_a_supervisor_the_end_of_standard_input_means_nothing() {
    let mut process = Process::serving("willing", &[]);
    drop(process.child.stdin.take());
    process.signal(Signal::SIGTERM);
    let (code, log) = process.end();
    assert!(code == Some(0) && !log.contains("supervisor"), "{log}");
}

#[test]
fn an_address_in_use_ends_the_service_with_one_line_that_names_the_cure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut process = Process::start("willing", &[("CODITECT_LISTEN__ADMIN__TASK_DISPATCHER", &address)]);
    let entry = process.wait_for("failed");
    let cause = entry["cause"].as_str().unwrap();
    assert!(cause.contains("CODITECT_LISTEN__ADMIN__TASK_DISPATCHER"), "{cause}");
    assert_eq!((entry["service"].as_str(), process.end().0), (Some("task-dispatcher"), Some(1)));
}

#[test]
fn a_refused_configuration_exits_with_2() {
    let (code, log) = Process::start("willing", &[("CODITECT_EXECUTOR__SLOTS", "0")]).end();
    assert_eq!(code, Some(2));
    assert!(
        log.contains("task-dispatcher: a setting is refused: `executor.slots` is 0 in CODITECT_EXECUTOR__SLOTS"),
        "{log}"
    );
}

#[test]
fn a_changed_configuration_is_followed_where_that_is_safe_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("{}");
    let mut process = Process::serving("willing", &[("CODITECT_CONFIG", file.to_str().unwrap())]);

    write(r#"{"dispatch": {"max_concurrent": 9}}"#);
    let entry = process.wait_for("the configuration has changed");
    assert_eq!(entry["applied"], "dispatch.max_concurrent");

    write(r#"{"dispatch": {"max_concurrent": 0}}"#);
    let entry = process.wait_for("the changed configuration is refused; the one from before stays");
    let cause = entry["cause"].as_str().unwrap();
    assert!(cause.contains("dispatch.max_concurrent"), "{cause}");

    write(r#"{"dispatch": {"max_concurrent": 9, "pool": "gpu"}}"#);
    process.signal(Signal::SIGHUP);
    let entry = process.wait_for("some of what changed needs a restart");
    assert_eq!(entry["restart"], "dispatch.pool");
    process.signal(Signal::SIGTERM);
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log}");
}
