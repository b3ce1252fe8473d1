//! The whole service, with a real Redis.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use coditect_core::{Change, TaskId, Trigger};
use coditect_proto::v1::{SyncNowRequest, sync_daemon_client::SyncDaemonClient};
use coditect_queue::Stream;
use coditect_queue::message::{Event, PlanChanged};
use coditect_service::{Service, ServiceName};
use coditect_store::AttemptEnd;
use common::{LONG, World, next};
use sync_daemon::document;
use sync_daemon::watch::Watch;

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_synced_at_once_and_again_when_it_is_saved_and_finished_tasks_are_ticked() {
    let world = World::new(ServiceName::SyncDaemon).await;
    let file = world.folder.path().join("PLAN.md");
    fs::write(&file, "- [ ] 1.1 One\n").unwrap();
    let mut plans = world.consume::<PlanChanged>(Stream::Plan);
    let service = tokio::spawn(sync_daemon::run(world.service.clone()));
    assert_eq!(next(&mut plans).await.revision, 1);
    world.is_ready().await;

    let text = "- [ ] 1.1 One\n- [ ] 1.2 Two\n";
    let aside = world.folder.path().join("saved.tmp");
    fs::write(&aside, text).unwrap();
    fs::rename(&aside, &file).unwrap();
    let entry = next(&mut plans).await;
    assert_eq!((entry.document.as_str(), entry.revision, entry.changed), ("plan", 2, 1));

    let documents = document::configured(world.folder.path(), &["PLAN.md".into()]).unwrap();
    let (_watch, mut changed) = Watch::start(&documents);
    let id = TaskId::new("plan", "1.2");
    let mut tx = world.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id).await.unwrap().unwrap();
    let change = Change::Plain(Trigger::Complete);
    tx.change(&id, &seen, change, AttemptEnd::default(), "orchestrator", 1).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let event = Event { task: id.to_string(), from: "pending".into(), to: "completed".into(), ..Event::default() };
    world.queue.add(&Stream::Events, &event).await.unwrap();
    while fs::read_to_string(&file).unwrap() != text.replace("[ ] 1.2", "[x] 1.2") {
        tokio::time::timeout(LONG, changed.recv()).await.unwrap().unwrap();
    }

    let address = format!("http://{}", world.service.config.listen.grpc.sync_daemon);
    let mut client = SyncDaemonClient::connect(address).await.unwrap();
    let answer = client.sync_now(SyncNowRequest {}).await.unwrap().into_inner();
    let status = &answer.documents[0];
    assert_eq!((status.revision, status.tasks, status.error.as_deref()), (3, 2, None));
    drop(client);
    world.service.shutdown.drain();
    service.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_into_a_folder_is_taken_over_and_what_waited_for_it_is_told_of() {
    let mut world = World::new(ServiceName::SyncDaemon).await;
    let folder = world.folder.path().join("plans");
    fs::create_dir_all(folder.join("deep")).unwrap();
    fs::write(folder.join("a.md"), "- [ ] A.1 One (depends on B.1)\n").unwrap();
    let mut config = world.service.config.as_ref().clone();
    config.plan.paths = vec!["plans".into()];
    world.service = Service::new(ServiceName::SyncDaemon, config);
    let mut plans = world.consume::<PlanChanged>(Stream::Plan);
    let service = tokio::spawn(sync_daemon::run(world.service.clone()));
    assert_eq!(next(&mut plans).await.document, "plans-a");
    world.is_ready().await;

    fs::write(folder.join("deep/b.md"), "- [ ] B.1 One\n").unwrap();
    assert_eq!(next(&mut plans).await.document, "plans-deep-b");
    let entry = next(&mut plans).await;
    assert_eq!((entry.document.as_str(), entry.revision), ("plans-a", 1));
    let waits = world.store.dependencies(&TaskId::new("plans-a", "A.1")).await.unwrap();
    assert_eq!(waits[0].task, TaskId::new("plans-deep-b", "B.1"));
    world.service.shutdown.drain();
    service.await.unwrap().unwrap();
}
