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
use coditect_service::config::PlanSource;
use coditect_service::{Service, ServiceName};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_on_a_branch_is_looked_at_when_the_daemon_is_told_and_ticked_by_a_push() {
    let mut world = World::new(ServiceName::SyncDaemon).await;
    let folder = world.folder.path().to_path_buf();
    let git = |dir: &str, args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=P", "-c", "user.email=p@localhost"]).args(args).current_dir(folder.join(dir));
        let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let push = |text: &str| {
        fs::write(folder.join("person/PLAN.md"), text).unwrap();
        git("person", &["add", "PLAN.md"]);
        git("person", &["commit", "-q", "-m", "Plan"]);
        git("person", &["push", "-q", "origin", "HEAD:main"]);
    };
    git("", &["init", "-q", "--bare", "-b", "main", "remote.git"]);
    git("", &["clone", "-q", "remote.git", "person"]);
    push("- [ ] 1.1 One\n");
    let mut config = (*world.service.config).clone();
    config.plan.source = PlanSource::Git;
    config.plan.data_dir = folder.join("daemon").to_str().unwrap().to_owned();
    // So rarely that only what it is told can have made it look.
    config.plan.poll_interval_ms = 3_600_000;
    config.repository.path = folder.join("remote.git").to_str().unwrap().to_owned();
    world.service = Service::new(ServiceName::SyncDaemon, config);
    let mut plans = world.consume::<PlanChanged>(Stream::Plan);
    let service = tokio::spawn(sync_daemon::run(world.service.clone()));
    assert_eq!(next(&mut plans).await.revision, 1);

    push("- [ ] 1.1 One\n- [ ] 1.2 Two\n");
    world.service.told.notify_one();
    assert_eq!(next(&mut plans).await.revision, 2);

    // Somebody ticks; whoever asks for a sync waits until it has been looked at.
    push("- [x] 1.1 One\n- [ ] 1.2 Two\n");
    let address = format!("http://{}", world.service.config.listen.grpc.sync_daemon);
    let mut client = SyncDaemonClient::connect(address).await.unwrap();
    let answer = client.sync_now(SyncNowRequest {}).await.unwrap().into_inner();
    assert_eq!((answer.documents[0].revision, answer.documents[0].error.as_deref()), (3, None));

    let id = TaskId::new("plan", "1.2");
    let mut tx = world.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id).await.unwrap().unwrap();
    tx.change(&id, &seen, Change::Plain(Trigger::Complete), AttemptEnd::default(), "o", 1).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    client.sync_now(SyncNowRequest {}).await.unwrap();
    assert_eq!(git("remote.git", &["cat-file", "blob", "main:PLAN.md"]), "- [x] 1.1 One\n- [x] 1.2 Two\n");
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
