//! The whole service, with a real Redis.
#![allow(clippy::unwrap_used)]

mod common;

use coditect_core::{Change, Priority, TaskId, Trigger};
use coditect_proto::v1::{WhyRequest, dependency_resolver_client::DependencyResolverClient};
use coditect_queue::Stream;
use coditect_queue::message::{Event, PlanChanged, Ready};
use coditect_service::ServiceName;
use coditect_store::{AttemptEnd, PlannedDocument, PlannedTask};
use common::{World, next};

fn task(key: &str, depends_on: &[&str]) -> PlannedTask {
    PlannedTask {
        key: key.to_owned(),
        plan_id: None,
        title: key.to_owned(),
        section: Vec::new(),
        description: String::new(),
        line: 1,
        priority: Priority::P0,
        agent: None,
        estimate_minutes: None,
        steps: Vec::new(),
        acceptance: Vec::new(),
        verify: Vec::new(),
        touches: Vec::new(),
        script: None,
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        dangling: Vec::new(),
        human: false,
        optional: false,
        verify_plan: Vec::new(),
        changes: Default::default(),
        marker: "pending".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_plan_and_a_finished_task_each_make_what_follows_ready() {
    let world = World::new(ServiceName::DependencyResolver).await;
    let mut readies = world.consume::<Ready>(Stream::Ready);
    let service = tokio::spawn(dependency_resolver::run(world.service.clone()));
    world.is_ready().await;

    let planned = PlannedDocument {
        id: "plan".to_owned(),
        path: "PLAN.md".to_owned(),
        format: "coditect".to_owned(),
        hash: "1".to_owned(),
        text: None,
        diagnostics: "[]".to_owned(),
        tasks: vec![task("a", &[]), task("b", &["a"])],
    };
    let mut tx = world.store.begin().await.unwrap();
    tx.sync_document(&planned, "person", 1).await.unwrap();
    tx.commit().await.unwrap();
    let entry = PlanChanged { document: "plan".into(), revision: 1, changed: 2, ..PlanChanged::default() };
    world.queue.add(&Stream::Plan, &entry).await.unwrap();
    let ready = next(&mut readies).await;
    assert_eq!((ready.task.as_str(), ready.priority, ready.rank), ("plan/a", 0, 120));

    let id = TaskId::new("plan", "a");
    let mut tx = world.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id).await.unwrap().unwrap();
    let change = Change::Plain(Trigger::Complete);
    tx.change(&id, &seen, change, AttemptEnd::default(), "orchestrator", 1).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let event = Event { task: id.to_string(), from: "ready".into(), to: "completed".into(), ..Event::default() };
    world.queue.add(&Stream::Events, &event).await.unwrap();
    assert_eq!(next(&mut readies).await.task, "plan/b");

    let address = format!("http://{}", world.service.config.listen.grpc.dependency_resolver);
    let mut client = DependencyResolverClient::connect(address).await.unwrap();
    let why = client.why(WhyRequest { task: "b".to_owned() }).await.unwrap().into_inner();
    assert_eq!((why.state.as_str(), why.ready), ("ready", true));
    drop(client);
    world.service.shutdown.drain();
    service.await.unwrap().unwrap();
}
