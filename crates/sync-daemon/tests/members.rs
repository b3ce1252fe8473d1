//! Several documents: what their tasks wait for in each other, and documents that come and go.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::time::Duration;

use coditect_core::{Change, TaskId, TaskState};
use coditect_service::config::PlanPath;
use coditect_store::{AttemptEnd, Durability, Store, Wish};
use sync_daemon::discovery::PlanSet;
use sync_daemon::members::{ABSENCE_MS, Relinked};
use sync_daemon::sync::{Looked, PlanSync};
use tempfile::TempDir;

struct Set {
    folder: TempDir,
    store: Store,
    set: PlanSet,
    plans: PlanSync,
    now_ms: i64,
}

impl Set {
    async fn of(paths: &[&str], files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("plans")).unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = Store::open(&url, Durability::Normal).await.unwrap();
        store.migrate().await.unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let paths: Vec<_> = paths.iter().map(|path| PlanPath::from(*path)).collect();
        let mut set = PlanSet::new(folder.path(), &paths).unwrap();
        let plans = PlanSync::new(store.clone(), set.look().documents, Duration::from_millis(500));
        let mut fixture = Self { folder, store, set, plans, now_ms: 1_000 };
        fixture.look().await;
        fixture
    }

    /// As the loop does it: which documents there are, what they say, what it means to the others.
    async fn look(&mut self) -> (Vec<Looked>, Vec<Relinked>) {
        self.plans.refresh(self.set.look());
        self.plans.preload().await.unwrap();
        let mut looked = Vec::new();
        for at in 0..self.plans.len() {
            looked.push(self.plans.sync(at, self.now_ms).await.unwrap());
        }
        let relinked = self.plans.relink(self.now_ms).await.unwrap();
        (looked, relinked)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    /// What a task waits for, and its references that lead nowhere.
    async fn waits(&self, task: &str) -> (Vec<String>, Vec<String>) {
        let edges = self.store.dependencies(&task.parse().unwrap()).await.unwrap();
        let on = edges.into_iter().map(|edge| edge.task.to_string());
        let tasks = self.store.tasks().await.unwrap();
        let dangling = tasks.into_iter().find(|row| row.id.as_str() == task).unwrap().dangling;
        (on.collect(), dangling)
    }

    async fn wishes(&self) -> Vec<(String, Wish)> {
        let open = self.store.open_wishes().await.unwrap();
        open.into_iter().map(|wish| (wish.task.to_string(), wish.wish)).collect()
    }

    /// Grants what is wished for.
    async fn grant(&self) {
        for wish in self.store.open_wishes().await.unwrap() {
            let mut tx = self.store.begin().await.unwrap();
            let seen = tx.lifecycle(&wish.task).await.unwrap().unwrap();
            let change = Change::Intervene { trigger: wish.wish.trigger(), reason: None };
            tx.change(&wish.task, &seen, change, AttemptEnd::default(), &wish.actor, 1).await.unwrap().unwrap();
            tx.wish_applied(&wish.id, "applied", self.now_ms).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    async fn state(&self, task: &str) -> TaskState {
        let id: TaskId = task.parse().unwrap();
        self.store.begin().await.unwrap().lifecycle(&id).await.unwrap().unwrap().state
    }
}

const A: &str = "# Track A\n\n- [ ] A.1 One\n- [ ] A.2 Two\n  - **Depends on:** A.1, B.1\n";
const B: &str = "# Track B\n\n- [ ] B.1 One\n- [ ] B.2 Two\n  - **Depends on:** TRACK-C complete\n";

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn tasks_wait_for_those_of_other_documents() {
    let set = Set::of(&["a.md", "b.md"], &[("a.md", A), ("b.md", B)]).await;
    assert_eq!(set.waits("a/A.2").await, (texts(&["a/A.1", "b/B.1"]), texts(&[])));
    assert_eq!(set.waits("b/B.2").await.0, texts(&[]));
}

#[tokio::test]
async fn a_document_that_changes_changes_what_others_wait_for_and_they_are_told_of() {
    let mut set = Set::of(&["a.md", "b.md"], &[("a.md", A), ("b.md", B)]).await;
    assert_eq!(set.look().await.1, [], "nothing changed");
    set.write("b.md", &B.replace("B.1", "B.7"));
    let (_, relinked) = set.look().await;
    assert_eq!(set.waits("a/A.2").await, (texts(&["a/A.1"]), texts(&["B.1"])));
    assert_eq!((relinked.len(), relinked[0].at, relinked[0].revision), (1, 0, 1));
    set.write("b.md", &B.replace("One", "Uno"));
    set.look().await;
    assert_eq!(set.waits("a/A.2").await.1, texts(&[]));
}

#[tokio::test]
async fn a_restart_finds_every_dependency_as_it_was() {
    let mut set = Set::of(&["a.md", "b.md"], &[("a.md", A), ("b.md", B)]).await;
    let before = set.waits("a/A.2").await;
    set.plans = PlanSync::new(set.store.clone(), set.set.look().documents, Duration::from_millis(500));
    let (looked, relinked) = set.look().await;
    assert_eq!((looked, relinked), (vec![Looked::InStep, Looked::InStep], vec![]));
    assert_eq!(set.waits("a/A.2").await, before);
}

#[tokio::test]
async fn a_file_that_comes_into_a_folder_is_a_document_without_a_restart() {
    let mut set = Set::of(&["plans"], &[("plans/b.md", B)]).await;
    assert_eq!(set.plans.len(), 1);
    set.write("plans/track-c.md", "- [ ] C.1 One\n- [ ] C.2 Two\n");
    set.look().await;
    assert_eq!(set.plans.len(), 2);
    assert_eq!(set.waits("plans-b/B.2").await, (texts(&["plans-track-c/C.1", "plans-track-c/C.2"]), texts(&[])));
}

#[tokio::test]
async fn a_file_that_is_gone_is_waited_for_then_its_tasks_are_retired_and_with_it_they_come_back() {
    let mut set = Set::of(&["plans"], &[("plans/a.md", A), ("plans/b.md", B)]).await;
    set.remove("plans/b.md");
    set.look().await;
    set.now_ms += ABSENCE_MS - 1;
    set.look().await;
    assert_eq!(set.wishes().await, [], "it may be about to be saved");
    assert_eq!(set.plans.troubles().next(), None);
    set.now_ms += 1;
    assert!(set.plans.is_leaving(1, set.now_ms).await.unwrap());
    set.look().await;
    let retired = ["plans-b/B.1", "plans-b/B.2"].map(|task| (task.to_owned(), Wish::Retire));
    assert_eq!(set.wishes().await, retired);
    assert_eq!(set.waits("plans-a/A.2").await, (texts(&["plans-a/A.1"]), texts(&["B.1"])));
    set.grant().await;
    assert!(!set.plans.is_leaving(1, set.now_ms).await.unwrap(), "once is enough");

    set.write("plans/b.md", B);
    set.look().await;
    set.grant().await;
    assert_eq!(set.state("plans-b/B.1").await, TaskState::Pending);
    assert_eq!(set.waits("plans-a/A.2").await, (texts(&["plans-a/A.1", "plans-b/B.1"]), texts(&[])));
}

#[tokio::test]
async fn a_named_file_that_is_missing_is_trouble_and_retires_nothing() {
    let mut set = Set::of(&["a.md"], &[("a.md", A)]).await;
    set.remove("a.md");
    set.look().await;
    set.now_ms += 10 * ABSENCE_MS;
    set.look().await;
    assert!(set.plans.troubles().next().is_some());
    assert_eq!(set.wishes().await, []);
}

#[tokio::test]
async fn a_file_of_backlog_md_that_is_renamed_is_the_same_document() {
    let text = "---\nid: BACK-7\ntitle: Log in\nstatus: To Do\nassignee: []\ncreated_date: '2026-01-05'\nlabels: []\ndependencies: []\n---\n";
    let mut set = Set::of(&["plans"], &[("plans/back-7 - Log-in.md", text)]).await;
    let folder = set.folder.path().join("plans");
    fs::rename(folder.join("back-7 - Log-in.md"), folder.join("back-7 - Sign-in.md")).unwrap();
    set.now_ms += 2 * ABSENCE_MS;
    set.look().await;
    assert_eq!((set.plans.len(), set.wishes().await), (1, vec![]));
    assert_eq!(set.store.documents().await.unwrap()[0].path, "plans/back-7 - Sign-in.md");
}
