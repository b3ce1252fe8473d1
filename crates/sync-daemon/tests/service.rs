//! The whole service, with a real Redis.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use coditect_core::{Change, TaskId, Trigger};
use coditect_proto::v1::{
    GetRevisionRequest, ListConflictsRequest, ListRevisionsRequest, RestoreRevisionRequest, SettleConflictRequest,
    SyncNowRequest, sync_daemon_client::SyncDaemonClient,
};
use coditect_queue::Stream;
use coditect_queue::message::{Event, PlanChanged};
use coditect_service::ServiceName;
use coditect_store::AttemptEnd;
use common::{LONG, World, next};
use sync_daemon::document;
use sync_daemon::watch::Watch;
use tonic::Code;

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

    let documents = document::configured(world.folder.path(), &["PLAN.md".to_owned()]).unwrap();
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

    let request = ListRevisionsRequest { plan: "PLAN.md".to_owned(), before: 0, limit: 2 };
    let revisions = client.list_revisions(request).await.unwrap().into_inner().revisions;
    let actors: Vec<_> = revisions.iter().map(|revision| (revision.revision, revision.actor.as_str())).collect();
    assert_eq!(actors, [(3, "sync-daemon"), (2, "person")]);
    let request = GetRevisionRequest { plan: "plan".to_owned(), revision: 2 };
    assert_eq!(client.get_revision(request).await.unwrap().into_inner().text, text);
    let request = RestoreRevisionRequest { plan: "plan".to_owned(), revision: 2, actor: "ada".to_owned() };
    assert_eq!(client.restore_revision(request).await.unwrap().into_inner().revision, 4);
    assert_eq!(fs::read_to_string(&file).unwrap(), text.replace("[ ] 1.2", "[x] 1.2"), "finished stays finished");
    let request = GetRevisionRequest { plan: "other".to_owned(), revision: 2 };
    assert_eq!(client.get_revision(request).await.unwrap_err().code(), Code::NotFound);

    fs::write(&file, text.replace("[ ] 1.2", "[-] 1.2").replace("[ ] 1.1", "[x] 1.1")).unwrap();
    let mut tx = world.store.begin().await.unwrap();
    let seen = tx.lifecycle(&TaskId::new("plan", "1.1")).await.unwrap().unwrap();
    let change = Change::Plain(Trigger::Cancel);
    tx.change(&TaskId::new("plan", "1.1"), &seen, change, AttemptEnd::default(), "person:ada", 1)
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    client.sync_now(SyncNowRequest {}).await.unwrap();
    let conflicts =
        client.list_conflicts(ListConflictsRequest { settled: false }).await.unwrap().into_inner().conflicts;
    let told: Vec<_> = conflicts.iter().map(|c| (c.key.as_str(), c.marker.as_str(), c.database.as_str())).collect();
    assert_eq!(told, [("1.1", "completed", "cancelled")]);
    let settle = |name: &str, choice: &str| SettleConflictRequest {
        conflicts: vec![name.to_owned()],
        choice: choice.to_owned(),
        actor: "ada".to_owned(),
    };
    assert_eq!(client.settle_conflict(settle("1.2", "plan")).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.settle_conflict(settle("1.1", "mine")).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(client.settle_conflict(settle("1.1", "database")).await.unwrap().into_inner().settled.len(), 1);
    assert!(fs::read_to_string(&file).unwrap().contains("- [-] 1.1 One"), "the plan is marked at once");
    drop(client);
    world.service.shutdown.drain();
    service.await.unwrap().unwrap();
}
