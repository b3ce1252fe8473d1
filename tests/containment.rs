//! Nothing of an attempt is alive within five seconds of the end of its executor or of its lease, however that came.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::time::{Duration, Instant};

use coditect_store::testing::Database;
use coditect_tests::cluster::Cluster;
use coditect_tests::{LIMIT, Project};
use nix::sys::signal::{Signal, kill};

/// How soon nothing is left.
const SOON: Duration = Duration::from_secs(5);

/// What the cluster's executors claim an attempt for.
const LEASE: Duration = Duration::from_secs(5);

/// An agent with fifty daemons, each in a session of its own, orphaned, and deaf to being asked.
const PLAN: &str = r#"# A plan

### Task 1.1: TITLE
**Agent:** `builder`

- [ ] do it

```sh
for i in $(seq 50); do
  (setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 60; done' > /dev/null 2>&1 < /dev/null &)
done
trap "" TERM
while :; do sleep 60; done
```
"#;

/// The processes of attempts at the task of this title.
fn agents(title: &str) -> usize {
    let told = format!("CODITECT_TASK_TITLE={title}").into_bytes();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == told)
    })
    .count()
}

async fn until(cluster: &Cluster<'_>, what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT, "never: {what}\n{}", cluster.tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Has one executor after the other work on the task and come to grief.
async fn executors_come_to_grief(mode: &str) {
    let title = format!("Daemons of {} {mode}", std::process::id());
    let project = Project::new(&PLAN.replace("TITLE", &title));
    let database = Database::sqlite().await;
    let settings = [("CODITECT_EXECUTOR__SANDBOX__MODE", mode), ("CODITECT_SHUTDOWN__DRAIN_LIMIT_MS", "500")];
    let mut cluster = Cluster::single(&project, &database.url, database.again().await, &settings);
    for (name, signal, until_end) in [
        ("killed", Signal::SIGKILL, Duration::ZERO),
        ("frozen", Signal::SIGSTOP, LEASE),
        ("asked", Signal::SIGTERM, Duration::from_millis(500)),
    ] {
        let executor = cluster.add_executor(name, &[]);
        until(&cluster, "fifty daemons are there", || agents(&title) > 50).await;
        let at = Instant::now();
        kill(executor, signal).unwrap();
        until(&cluster, "nothing of the attempt is alive", || agents(&title) == 0).await;
        assert!(at.elapsed() < until_end + SOON, "{name}, {mode}: {:?}", at.elapsed());
    }
}

#[tokio::test]
async fn confined_agents_do_not_outlive_executors_that_are_killed_frozen_or_asked_to_stop() {
    executors_come_to_grief("required").await;
}

#[tokio::test]
async fn agents_that_are_not_confined_do_not_either() {
    executors_come_to_grief("off").await;
}
