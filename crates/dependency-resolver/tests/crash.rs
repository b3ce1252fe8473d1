//! A resolver that dies between any two of its steps, as a real process with a real Redis.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use std::time::Duration;

use coditect_core::{Change, TaskId, TaskState, Trigger};
use coditect_queue::Stream;
use coditect_queue::message::{Event, PlanChanged};
use coditect_service::ServiceName;
use coditect_store::{AttemptEnd, PlannedDocument, PlannedTask, Store};
use common::{LONG, World};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// Every place between two steps that last: transactions and entries.
const POINTS: [&str; 7] = [
    "resolver::ranked",
    "resolver::settling",
    "resolver::settled",
    "resolver::following",
    "resolver::followed",
    "resolver::told_dispatcher",
    "resolver::told_all",
];

/// Each task with what it depends on.
const PLAN: [(&str, &[&str]); 6] =
    [("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"]), ("e", &["d"]), ("f", &["a", "e"])];

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_killed_between_any_two_steps_makes_every_task_ready_once_and_none_never() {
    let mut cases = JoinSet::new();
    for point in POINTS {
        for time in [1, 2] {
            cases.spawn(async move { (point, time, died_at(point, time).await) });
        }
    }
    for (point, time, died) in cases.join_all().await {
        // All of them happen once; those of building the graph need not happen twice.
        assert!(died || time > 1, "{point} was never reached");
    }
}

/// Runs the plan with a resolver that dies at the `time`th pass of a point; answers whether it died.
async fn died_at(point: &str, time: usize) -> bool {
    let world = World::new(ServiceName::DependencyResolver).await;
    let faults = format!("{point}={}*off->return", time - 1);
    let mut resolver = start(&world, &faults);
    plan(&world).await;
    let mut died = false;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let end = tokio::time::Instant::now() + LONG * 2;
    while !complete_what_is_ready(&world).await {
        tokio::select! {
            status = resolver.wait() => {
                assert!(!died, "{point}: it ended a second time: {status:?}");
                died = true;
                resolver = start(&world, "");
            }
            _ = look.tick() => {}
            () = tokio::time::sleep_until(end) => panic!("{point}, time {time}: {:?}", states(&world.store).await),
        }
    }
    for (key, _) in PLAN {
        let events = world.store.events(&TaskId::new("plan", key)).await.unwrap();
        let ready = events.iter().filter(|event| event.to == "ready").count();
        assert_eq!(ready, 1, "{point}, time {time}: {key}: {events:?}");
    }
    died
}

/// The resolver as a process of its own, which ends with the test.
fn start(world: &World, faults: &str) -> Child {
    let config = &world.service.config;
    Command::new(env!("CARGO_BIN_EXE_dependency-resolver"))
        .env("FAILPOINTS", faults)
        .env("DATABASE_URL", config.database.url.expose())
        .env("REDIS_URL", config.redis.url.expose())
        .env("CODITECT_RECONCILE__INTERVAL_MS", "1000")
        .env("CODITECT_LISTEN__GRPC__DEPENDENCY_RESOLVER", "127.0.0.1:0")
        .env("CODITECT_LISTEN__ADMIN__DEPENDENCY_RESOLVER", "127.0.0.1:0")
        .current_dir(&config.repository.path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn plan(world: &World) {
    let task = |(line, (key, depends_on)): (i64, (&str, &[&str]))| PlannedTask {
        key: key.to_owned(),
        title: key.to_owned(),
        line,
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        marker: "pending".to_owned(),
        ..PlannedTask::default()
    };
    let planned = PlannedDocument {
        id: "plan".to_owned(),
        path: "PLAN.md".to_owned(),
        format: "coditect".to_owned(),
        hash: "1".to_owned(),
        diagnostics: "[]".to_owned(),
        tasks: (1..).zip(PLAN).map(task).collect(),
        ..PlannedDocument::default()
    };
    let mut tx = world.store.begin().await.unwrap();
    tx.sync_document(&planned, "person", 1).await.unwrap();
    tx.commit().await.unwrap();
    let entry = PlanChanged { document: "plan".into(), revision: 1, changed: 6, ..PlanChanged::default() };
    world.queue.add(&Stream::Plan, &entry).await.unwrap();
}

/// What the other services would do with ready tasks. Answers whether all are done.
async fn complete_what_is_ready(world: &World) -> bool {
    let states = states(&world.store).await;
    for (task, state) in &states {
        if *state != TaskState::Ready {
            continue;
        }
        let mut tx = world.store.begin().await.unwrap();
        let Some(seen) = tx.lifecycle(task).await.unwrap() else { continue };
        let change = Change::Plain(Trigger::Complete);
        let moved = tx.change(task, &seen, change, AttemptEnd::default(), "orchestrator", 5).await.unwrap();
        tx.commit().await.unwrap();
        if moved.is_some() {
            let entry =
                Event { task: task.to_string(), from: "ready".into(), to: "completed".into(), ..Event::default() };
            world.queue.add(&Stream::Events, &entry).await.unwrap();
        }
    }
    !states.is_empty() && states.iter().all(|(_, state)| *state == TaskState::Completed)
}

async fn states(store: &Store) -> Vec<(TaskId, TaskState)> {
    store.tasks().await.unwrap().into_iter().map(|task| (task.id, task.life.state)).collect()
}
