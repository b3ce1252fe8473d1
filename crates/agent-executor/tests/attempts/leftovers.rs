use std::process::Command;

use agent_executor::pipeline::{Host, HostError};

use crate::fixture::{Fixture, SHIM, landed, open_host};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_swept_but_for_live_attempts() {
    let fixture = Fixture::new();
    landed(&fixture.run(&fixture.job("1.1", "echo a > a")).await);
    let root = fixture.host.root().path().to_owned();
    for attempt in ["dead", "live"] {
        for folder in ["worktrees", "staging", "verify", "homes"] {
            std::fs::create_dir_all(root.join(folder).join(attempt).join("agent")).unwrap();
        }
    }
    let repository = std::fs::read_dir(root.join("repositories")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(repository.join("packed-refs.lock"), "").unwrap();
    let orphan = |attempt: &str| {
        let home = root.join("homes").join(attempt).join("agent");
        Command::new("sleep").arg("600").env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).spawn().unwrap()
    };
    let (mut dead, mut live) = (orphan("dead"), orphan("live"));

    drop(fixture.host);
    let host = open_host(&root);
    let swept = host.sweep(&["live".to_owned()]).await.unwrap();
    assert_eq!((swept.attempts, swept.processes), (vec!["dead".to_owned()], 1));
    assert!(!dead.wait().unwrap().success());
    assert!(live.try_wait().unwrap().is_none());
    assert!(root.join("worktrees/live/agent").exists() && !root.join("worktrees/dead").exists());
    assert!(!repository.join("packed-refs.lock").exists());
    live.kill().unwrap();
    live.wait().unwrap();
}

#[test]
fn two_executors_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = open_host(dir.path());
    assert!(matches!(Host::open(dir.path(), SHIM.into(), &[]), Err(HostError::InUse(_))));
    drop(first);
    open_host(dir.path());
}
