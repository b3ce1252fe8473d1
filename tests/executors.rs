//! What becomes of attempts when their executor is asked to stop, is cut off, or runs many at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use coditect_core::TaskState;
use coditect_store::testing::Database;
use coditect_store::{AttemptRow, TaskRow};
use coditect_tests::cluster::Cluster;
use coditect_tests::{LIMIT, Project};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Waits until `true`, looking often.
async fn until(cluster: &Cluster<'_>, what: &str, mut done: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < LIMIT, "never: {what}\n{}", cluster.tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn task(cluster: &Cluster<'_>, key: &str) -> Option<TaskRow> {
    cluster.store.tasks().await.unwrap().into_iter().find(|task| task.key == key)
}

async fn attempts(cluster: &Cluster<'_>, key: &str) -> Vec<AttemptRow> {
    match task(cluster, key).await {
        Some(task) => cluster.store.attempts_of(&task.id).await.unwrap(),
        None => Vec::new(),
    }
}

async fn is(cluster: &Cluster<'_>, key: &str, state: TaskState) -> bool {
    task(cluster, key).await.is_some_and(|task| task.life.state == state)
}

/// A plan of tasks that run scripts and wait for nothing.
fn plan(title: &str, scripts: &[(&str, &str)]) -> String {
    let mut text = String::from("# A plan\n");
    for (key, script) in scripts {
        let _ = write!(
            text,
            "\n### Task {key}: {title}\n**Agent:** `builder`\n**Verify:** `test -s {key}.txt`\n\n- [ ] do it\n\n\
             ```sh\n{script}\n```\n"
        );
    }
    text
}

/// The processes of the attempts at this project's task, by what each is told about itself.
fn agents(shared: &Path) -> Vec<i32> {
    let told = format!("CODITECT_TASK_TITLE={}", title(shared)).into_bytes();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == told)
    })
    .collect()
}

/// A title that no other test's task has.
fn title(shared: &Path) -> String {
    format!("Wait for {}", shared.display())
}

/// Every task has landed, and the plan says so.
async fn all_landed(cluster: &Cluster<'_>, project: &Project, tasks: usize) {
    until(cluster, "the plan is ticked", async || {
        fs::read_to_string(project.plan()).unwrap().matches("[x]").count() == tasks
    })
    .await;
    project.check_all_landed();
}

/// A script that waits for a file of the repository's owner to be there; the folder is one that agents may see.
fn waits_for(file: &Path) -> String {
    format!("until test -e '{}'; do sleep 0.05; done", file.display())
}

#[tokio::test]
async fn an_executor_that_drains_takes_nothing_new_and_finishes_what_it_has() {
    let shared = tempfile::tempdir().unwrap();
    let go = shared.path().join("go");
    let slow = format!("{}; echo done > 1.1.txt", waits_for(&go));
    let project = Project::new(&plan(&title(shared.path()), &[("1.1", &slow), ("1.2", "echo done > 1.2.txt")]));
    let database = Database::sqlite().await;
    let folder = format!("[\"{}\"]", shared.path().display());
    let settings = [("CODITECT_EXECUTOR__SANDBOX__READ", folder.as_str()), ("CODITECT_EXECUTOR__SLOTS", "1")];
    let mut cluster = Cluster::single(&project, &database.url, database.again().await, &settings);
    let first = cluster.add_executor("first", &[]);
    until(&cluster, "a task runs", async || {
        is(&cluster, "1.1", TaskState::Running).await || is(&cluster, "1.2", TaskState::Completed).await
    })
    .await;
    until(&cluster, "the slow one runs", async || is(&cluster, "1.1", TaskState::Running).await).await;
    kill(first, Signal::SIGTERM).unwrap();
    cluster.add_executor("second", &[]);
    until(&cluster, "the other task is done elsewhere or before", async || {
        is(&cluster, "1.2", TaskState::Completed).await
    })
    .await;
    assert!(cluster.executor_ended("first").is_none(), "it left a run behind");
    fs::write(&go, "").unwrap();
    until(&cluster, "all is done", async || is(&cluster, "1.1", TaskState::Completed).await).await;
    let begun = Instant::now();
    while cluster.executor_ended("first").is_none() {
        assert!(begun.elapsed() < LIMIT, "it does not end:\n{}", cluster.tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(cluster.executor_ended("first").unwrap().success());
    assert_eq!(attempts(&cluster, "1.1").await.len(), 1);
    all_landed(&cluster, &project, 2).await;
}

#[tokio::test]
async fn what_an_executor_cannot_finish_in_its_grace_goes_back_and_costs_no_attempt() {
    let shared = tempfile::tempdir().unwrap();
    let go = shared.path().join("go");
    let slow = format!("{}; echo done > 1.1.txt", waits_for(&go));
    let project = Project::new(&plan(&title(shared.path()), &[("1.1", &slow)]));
    let database = Database::sqlite().await;
    let folder = format!("[\"{}\"]", shared.path().display());
    let settings =
        [("CODITECT_EXECUTOR__SANDBOX__READ", folder.as_str()), ("CODITECT_SHUTDOWN__DRAIN_LIMIT_MS", "500")];
    let mut cluster = Cluster::single(&project, &database.url, database.again().await, &settings);
    let first = cluster.add_executor("first", &[]);
    until(&cluster, "it runs", async || is(&cluster, "1.1", TaskState::Running).await).await;
    until(&cluster, "its script runs", async || !agents(shared.path()).is_empty()).await;
    kill(first, Signal::SIGTERM).unwrap();
    let begun = Instant::now();
    while cluster.executor_ended("first").is_none() {
        assert!(begun.elapsed() < LIMIT, "it does not end:\n{}", cluster.tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(agents(shared.path()), [] as [i32; 0]);
    fs::write(&go, "").unwrap();
    cluster.add_executor("second", &[]);
    until(&cluster, "it is done elsewhere", async || is(&cluster, "1.1", TaskState::Completed).await).await;
    let all = attempts(&cluster, "1.1").await;
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_eq!(task(&cluster, "1.1").await.unwrap().life.attempts_spent, 0);
    all_landed(&cluster, &project, 1).await;
}

#[tokio::test]
async fn an_executor_that_is_cut_off_kills_its_agents_within_their_lease_and_reports_later() {
    let shared = tempfile::tempdir().unwrap();
    let go = shared.path().join("go");
    let slow = format!("{}; echo done > 1.1.txt", waits_for(&go));
    let project = Project::new(&plan(&title(shared.path()), &[("1.1", &slow)]));
    let database = Database::sqlite().await;
    let folder = format!("[\"{}\"]", shared.path().display());
    let settings = [("CODITECT_EXECUTOR__SANDBOX__READ", folder.as_str())];
    let mut cluster = Cluster::single(&project, &database.url, database.again().await, &settings);
    cluster.add_executor("first", &[]);
    until(&cluster, "it runs", async || is(&cluster, "1.1", TaskState::Running).await).await;
    until(&cluster, "its script runs", async || !agents(shared.path()).is_empty()).await;
    let cut = Instant::now();
    cluster.cut_off(true);
    until(&cluster, "its agents are dead", async || agents(shared.path()).is_empty()).await;
    let took = cut.elapsed();
    // The lease of five seconds, asking, killing.
    assert!(took < Duration::from_secs(12), "{took:?}");
    fs::write(&go, "").unwrap();
    cluster.cut_off(false);
    until(&cluster, "it is done", async || is(&cluster, "1.1", TaskState::Completed).await).await;
    assert_eq!(task(&cluster, "1.1").await.unwrap().life.attempts_spent, 0);
    all_landed(&cluster, &project, 1).await;
    let outbox = project.path().join(".git/first/outbox");
    until(&cluster, "what was reported is forgotten", async || fs::read_dir(&outbox).unwrap().count() == 0).await;
}

/// The most memory a process has had, in bytes.
fn peak_memory(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_hundred_attempts_at_once_in_one_executor_are_all_accounted_for_in_bounded_memory() {
    const MANY: usize = 100;
    // Every agent waits until all others run too, and prints more than is kept of it.
    let shared = tempfile::tempdir().unwrap();
    let here = shared.path().display();
    let script = format!(
        "touch {here}/$CODITECT_TASK_KEY\nuntil test $(ls {here} | wc -l) -ge {MANY}; do sleep 0.5; done\n\
         head -c 3000000 /dev/zero | tr '\\0' x | fold -w 1000\necho done > $CODITECT_TASK_KEY.txt"
    );
    let keys: Vec<_> = (1..=MANY).map(|number| format!("1.{number}")).collect();
    let tasks: Vec<_> = keys.iter().map(|key| (key.as_str(), script.as_str())).collect();
    let project = Project::new(&plan("Be one of many", &tasks));
    let database = Database::sqlite().await;
    let folder = format!("[\"{}\"]", shared.path().display());
    let settings = [
        ("CODITECT_EXECUTOR__SANDBOX__WRITE", folder.as_str()),
        ("CODITECT_EXECUTOR__SLOTS", "100"),
        ("CODITECT_DISPATCH__MAX_CONCURRENT", "100"),
        ("CODITECT_EXECUTOR__LOG_LIMIT_BYTES", "1048576"),
        ("CODITECT_EXECUTOR__LEASE_MS", "30000"),
    ];
    let mut cluster = Cluster::single(&project, &database.url, database.again().await, &settings);
    let executor = cluster.add_executor("first", &[]);
    until(&cluster, "all is done", async || {
        let tasks = cluster.store.tasks().await.unwrap();
        tasks.len() == MANY && tasks.iter().all(|task| task.life.state.is_settled())
    })
    .await;
    let mut landed = 0;
    for key in &keys {
        let all = attempts(&cluster, key).await;
        assert_eq!(all.len(), 1, "{key}: {all:#?}");
        landed += usize::from(all[0].end.commit.is_some());
    }
    assert_eq!(landed, MANY);
    let peak = peak_memory(executor);
    eprintln!("the executor's memory at its highest: {} MB", peak >> 20);
    assert!(peak < 256 << 20, "{peak} bytes");
    all_landed(&cluster, &project, MANY).await;
}
