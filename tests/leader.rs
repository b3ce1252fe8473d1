//! Two instances of every service that is led, on one database; whichever leads is killed, again and again: another
//! takes over within ten seconds, and nothing is lost or done twice.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use coditect_core::TaskState;
use coditect_store::testing::Database;
use coditect_tests::cluster::{Cluster, LED};
use coditect_tests::{LIMIT, Project, plan};

/// From the death of a leader to the next one.
const TAKEOVER: Duration = Duration::from_secs(10);

/// How often a leader is killed; `CODITECT_TEST_KILLS` says otherwise.
fn kills() -> usize {
    std::env::var("CODITECT_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3)
}

async fn survives(database: &Database, victims: &[&'static str]) {
    let kills = kills();
    let project = Project::new(&plan(8 + 2 * kills, "sleep 0.2"));
    let mut cluster = Cluster::start(&project, &database.url, database.again().await);
    for kill in 0..kills {
        // In the middle of the run: something has landed since the last one.
        until(&cluster, || project.landed().len() > 2 * kill).await;
        let victim = victims[kill % victims.len()];
        let took = cluster.kill_leader(victim).await;
        eprintln!("kill {} of {kills}: {victim}, taken over after {} ms", kill + 1, took.as_millis());
        assert!(took <= TAKEOVER, "{victim}: {took:?}\n{}", cluster.tail());
    }
    let begun = Instant::now();
    loop {
        let tasks = cluster.store.tasks().await.unwrap();
        let mut ticks = 0;
        for document in cluster.store.documents().await.unwrap() {
            ticks += cluster.store.marks_due(&document.id, false).await.unwrap().len();
        }
        if ticks == 0 && tasks.iter().all(|task| task.life.state == TaskState::Completed) {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "it does not come to its end:\n{}", cluster.tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    project.check_all_landed();
    for task in cluster.store.tasks().await.unwrap() {
        let attempts = cluster.store.attempts_of(&task.id).await.unwrap();
        let landed = attempts.iter().filter(|attempt| attempt.end.commit.is_some()).count();
        assert_eq!(landed, 1, "{}: {attempts:#?}", task.key);
    }
}

async fn until(cluster: &Cluster<'_>, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT, "it does not go on:\n{}", cluster.tail());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_orchestrators_leader_is_killed_again_and_again_on_sqlite() {
    survives(&Database::sqlite().await, &["orchestrator"]).await;
}

#[tokio::test]
async fn the_orchestrators_leader_is_killed_again_and_again_on_postgresql() {
    if let Some(database) = Database::postgres().await {
        survives(&database, &["orchestrator"]).await;
    }
}

#[tokio::test]
async fn every_leader_is_killed_in_turn() {
    survives(&Database::sqlite().await, &LED).await;
}
