//! Readiness against a real database, without Redis.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use coditect_core::{Change, Priority, TaskId, TaskState, Trigger};
use coditect_proto::v1::dependency_resolver_server::DependencyResolver;
use coditect_proto::v1::{CriticalPathRequest, TouchesRequest, WhyRequest};
use coditect_queue::message::Event;
use coditect_service::config::{CyclePolicy, OptionalTasks};
use coditect_store::{AttemptEnd, Durability, PlannedDocument, PlannedTask, Store};
use dependency_resolver::api::Server;
use dependency_resolver::resolver::{Resolver, Settled};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tonic::{Code, Request};

struct Fixture {
    _folder: TempDir,
    store: Store,
    resolver: Resolver,
    contents: usize,
}

impl Fixture {
    /// A plan: each task with what it depends on.
    async fn with(tasks: &[(&str, &[&str])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = Store::open(&url, Durability::Normal).await.unwrap();
        store.migrate().await.unwrap();
        let mut fixture =
            Self { _folder: folder, resolver: Resolver::new(store.clone(), CyclePolicy::Hold), store, contents: 0 };
        fixture.plan(tasks).await;
        fixture
    }

    async fn plan(&mut self, tasks: &[(&str, &[&str])]) {
        self.plan_as(tasks, |_| {}).await;
    }

    /// As [`Self::plan`], each task changed in some way.
    async fn plan_as(&mut self, tasks: &[(&str, &[&str])], edit: impl Fn(&mut PlannedTask)) {
        self.contents += 1;
        let known = |key: &&&str| tasks.iter().any(|(other, _)| other == *key);
        let task = |(line, (key, depends_on)): (i64, &(&str, &[&str]))| PlannedTask {
            key: (*key).to_owned(),
            plan_id: None,
            title: format!("Task {key}"),
            section: Vec::new(),
            description: "As docs/b.md says.".to_owned(),
            line,
            priority: Priority::P1,
            agent: None,
            estimate_minutes: Some(10),
            steps: Vec::new(),
            acceptance: Vec::new(),
            verify: Vec::new(),
            touches: vec!["src/a.rs".to_owned()],
            script: None,
            depends_on: depends_on.iter().filter(known).map(ToString::to_string).collect(),
            dangling: depends_on.iter().filter(|key| !known(key)).map(ToString::to_string).collect(),
            human: false,
            optional: false,
            verify_plan: Vec::new(),
            changes: Default::default(),
            marker: "pending".to_owned(),
        };
        let mut tasks: Vec<_> = (1..).zip(tasks).map(task).collect();
        tasks.iter_mut().for_each(edit);
        let planned = PlannedDocument {
            id: "plan".to_owned(),
            path: "PLAN.md".to_owned(),
            format: "coditect".to_owned(),
            hash: self.contents.to_string(),
            text: None,
            diagnostics: "[]".to_owned(),
            tasks,
        };
        let mut tx = self.store.begin().await.unwrap();
        tx.sync_document(&planned, "person", 1).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn rebuild(&mut self) -> Settled {
        self.resolver.rebuild(10).await.unwrap()
    }

    /// Moves a task as the orchestrator would; answers with the entry that tells of it.
    async fn moves(&self, key: &str, trigger: Trigger) -> Event {
        let id = TaskId::new("plan", key);
        let mut tx = self.store.begin().await.unwrap();
        let seen = tx.lifecycle(&id).await.unwrap().unwrap();
        let change = Change::Intervene { trigger, reason: None };
        let moved = tx.change(&id, &seen, change, AttemptEnd::default(), "orchestrator", 5).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        Event {
            task: id.to_string(),
            from: moved.from.to_string(),
            to: moved.now.state.to_string(),
            actor: moved.actor,
            ..Event::default()
        }
    }

    async fn follow(&mut self, events: &[Event]) -> Settled {
        self.resolver.follow(events, 10).await.unwrap()
    }

    async fn states(&self) -> Vec<(String, TaskState)> {
        self.store.tasks().await.unwrap().into_iter().map(|task| (task.key, task.life.state)).collect()
    }

    async fn state(&self, key: &str) -> TaskState {
        self.store.task(&TaskId::new("plan", key)).await.unwrap().unwrap().life.state
    }
}

fn keys(settled: &Settled) -> Vec<&str> {
    settled.ready.iter().map(|ready| ready.task.strip_prefix("plan/").unwrap()).collect()
}

const DIAMOND: [(&str, &[&str]); 4] = [("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])];

#[tokio::test]
async fn a_diamond_becomes_ready_from_its_top_to_its_bottom() {
    let mut fixture = Fixture::with(&DIAMOND).await;
    assert_eq!(keys(&fixture.rebuild().await), ["a"]);
    let done = fixture.moves("a", Trigger::Complete).await;
    assert_eq!(keys(&fixture.follow(&[done]).await), ["b", "c"]);
    let done = fixture.moves("b", Trigger::Complete).await;
    assert!(keys(&fixture.follow(&[done]).await).is_empty());
    let done = fixture.moves("c", Trigger::Skip).await;
    assert_eq!(keys(&fixture.follow(&[done]).await), ["d"]);
}

#[tokio::test]
async fn an_entry_for_the_dispatcher_carries_priority_and_the_rank_the_database_has() {
    let mut fixture = Fixture::with(&DIAMOND).await;
    let settled = fixture.rebuild().await;
    assert_eq!((settled.ready[0].priority, settled.ready[0].rank), (1, 30));
    let row = fixture.store.task(&TaskId::new("plan", "a")).await.unwrap().unwrap();
    assert_eq!(row.rank, 30);
}

#[tokio::test]
async fn entries_that_come_again_or_never_change_nothing() {
    let mut fixture = Fixture::with(&DIAMOND).await;
    fixture.rebuild().await;
    let done = fixture.moves("a", Trigger::Complete).await;
    fixture.follow(std::slice::from_ref(&done)).await;
    let after = fixture.states().await;
    assert_eq!(fixture.follow(&[done.clone(), done.clone()]).await, Settled::default());
    assert_eq!(fixture.rebuild().await, Settled::default());

    // Late: the task was opened again since, which nobody told.
    fixture.moves("a", Trigger::Reopen).await;
    fixture.follow(&[done]).await;
    assert_eq!(fixture.state("b").await, TaskState::Pending);
    // Lost: what the next pass finds is the same.
    fixture.moves("a", Trigger::Complete).await;
    fixture.rebuild().await;
    assert_eq!(fixture.states().await, after);
}

#[tokio::test]
async fn a_task_that_is_opened_again_takes_readiness_back() {
    let mut fixture = Fixture::with(&DIAMOND).await;
    fixture.rebuild().await;
    let done = fixture.moves("a", Trigger::Complete).await;
    fixture.follow(&[done]).await;
    let opened = fixture.moves("a", Trigger::Reopen).await;
    assert_eq!(keys(&fixture.follow(&[opened]).await), ["a"]);
    assert_eq!((fixture.state("b").await, fixture.state("c").await), (TaskState::Pending, TaskState::Pending));
}

#[tokio::test]
async fn a_task_that_goes_back_to_pending_is_settled_by_the_entry_that_says_so() {
    let mut fixture = Fixture::with(&[("a", &[])]).await;
    fixture.rebuild().await;
    fixture.moves("a", Trigger::Cancel).await;
    let retried = fixture.moves("a", Trigger::Retry).await;
    assert_eq!(keys(&fixture.follow(&[retried]).await), ["a"]);
}

#[tokio::test]
async fn a_cycle_leaves_the_rest_running() {
    let mut fixture = Fixture::with(&[("a", &["b"]), ("b", &["a"]), ("c", &[]), ("d", &["a"])]).await;
    assert_eq!(keys(&fixture.rebuild().await), ["c"]);
    fixture.plan(&[("a", &[]), ("b", &["a"]), ("c", &[]), ("d", &["a"])]).await;
    assert_eq!(keys(&fixture.rebuild().await), ["a"]);
}

#[tokio::test]
async fn a_reference_to_nothing_holds_only_its_own_task() {
    let mut fixture = Fixture::with(&[("a", &["nowhere"]), ("b", &[])]).await;
    assert_eq!(keys(&fixture.rebuild().await), ["b"]);
}

#[tokio::test]
async fn a_dependency_added_to_a_ready_task_makes_it_wait() {
    let mut fixture = Fixture::with(&[("a", &[]), ("b", &[])]).await;
    fixture.rebuild().await;
    fixture.plan(&[("a", &["b"]), ("b", &[])]).await;
    let settled = fixture.rebuild().await;
    assert_eq!((settled.moved.len(), fixture.state("a").await), (1, TaskState::Pending));
}

#[tokio::test]
async fn a_failed_dependency_blocks_and_a_task_of_an_unknown_plan_asks_for_a_rebuild() {
    let mut fixture = Fixture::with(&[("a", &[]), ("b", &["a"])]).await;
    let done = fixture.moves("a", Trigger::Complete).await;
    let settled = fixture.follow(&[done]).await;
    assert!(settled.behind, "nothing was built yet");
    assert_eq!(keys(&fixture.rebuild().await), ["b"]);
    let cancelled = fixture.moves("b", Trigger::Cancel).await;
    assert!(!fixture.follow(&[cancelled]).await.behind);
}

#[tokio::test]
async fn why_says_what_a_task_waits_for_by_key_or_by_id() {
    let mut fixture = Fixture::with(&DIAMOND).await;
    fixture.rebuild().await;
    let server = Server::new(Arc::new(Mutex::new(fixture.resolver)), fixture.store.clone(), 4);
    let why = |task: &str| server.why(Request::new(WhyRequest { task: task.to_owned() }));
    let answer = why("d").await.unwrap().into_inner();
    assert_eq!((answer.task.as_str(), answer.state.as_str(), answer.ready), ("plan/d", "pending", false));
    assert_eq!(answer.unmet.iter().map(|u| u.task.as_str()).collect::<Vec<_>>(), ["plan/b", "plan/c"]);
    assert_eq!(
        answer.roots.iter().map(|r| (r.task.as_str(), r.cause.as_str())).collect::<Vec<_>>(),
        [("plan/a", "ready")]
    );
    assert_eq!(why("plan/a").await.unwrap().into_inner().holds_up, 3);
    assert_eq!(why("nobody").await.unwrap_err().code(), Code::NotFound);
    let path = server.critical_path(Request::new(CriticalPathRequest {})).await.unwrap().into_inner().tasks;
    assert_eq!(path, ["plan/a", "plan/b", "plan/d"]);
}

#[tokio::test]
async fn a_person_in_the_middle_is_asked_and_what_hangs_on_them_waits() {
    let mut fixture = Fixture::with(&[]).await;
    let chain: [(&str, &[&str]); 3] = [("a", &[]), ("b", &["a"]), ("c", &["b"])];
    fixture.plan_as(&chain, |task| task.human = task.key == "b").await;
    assert_eq!(keys(&fixture.rebuild().await), ["a"]);
    let done = fixture.moves("a", Trigger::Complete).await;
    let settled = fixture.follow(&[done]).await;
    assert_eq!((keys(&settled).len(), settled.moved.len(), settled.behind), (0, 1, false));
    assert_eq!(fixture.state("b").await, TaskState::NeedsHuman);
    assert_eq!(fixture.rebuild().await, Settled::default());
    let approved = fixture.moves("b", Trigger::Complete).await;
    assert_eq!(keys(&fixture.follow(&[approved]).await), ["c"]);
}

#[tokio::test]
async fn a_gate_that_the_plan_takes_away_is_an_agents_at_the_next_look() {
    let mut fixture = Fixture::with(&[]).await;
    fixture.plan_as(&[("a", &[])], |task| task.human = true).await;
    assert!(keys(&fixture.rebuild().await).is_empty());
    fixture.plan(&[("a", &[])]).await;
    assert_eq!(keys(&fixture.rebuild().await), ["a"]);
}

#[tokio::test]
async fn a_gate_is_put_again_when_a_person_says_retry() {
    let mut fixture = Fixture::with(&[]).await;
    fixture.plan_as(&[("a", &[])], |task| task.human = true).await;
    fixture.rebuild().await;
    let retried = fixture.moves("a", Trigger::Retry).await;
    fixture.follow(&[retried]).await;
    assert_eq!(fixture.state("a").await, TaskState::NeedsHuman);
}

#[tokio::test]
async fn optional_tasks_are_left_out_and_what_waits_for_them_goes_on_in_the_same_look() {
    let mut fixture = Fixture::with(&[]).await;
    let chain: [(&str, &[&str]); 4] = [("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &["c"])];
    fixture.plan_as(&chain, |task| task.optional = matches!(task.key.as_str(), "b" | "c")).await;
    fixture.rebuild().await;
    let done = fixture.moves("a", Trigger::Complete).await;
    assert_eq!(keys(&fixture.follow(&[done]).await), ["d"]);
    assert_eq!((fixture.state("b").await, fixture.state("c").await), (TaskState::Skipped, TaskState::Skipped));

    // No longer optional: it is to be done, and what hangs on it waits again.
    fixture.plan_as(&chain, |task| task.optional = task.key == "b").await;
    assert_eq!(keys(&fixture.rebuild().await), ["c"]);
    assert_eq!(fixture.state("d").await, TaskState::Pending);
}

#[tokio::test]
async fn optional_tasks_run_where_the_configuration_says_so() {
    let mut fixture = Fixture::with(&[]).await;
    fixture.resolver = Resolver::new(fixture.store.clone(), CyclePolicy::Hold).with_optional(OptionalTasks::Run);
    fixture.plan_as(&[("a", &[])], |task| task.optional = true).await;
    assert_eq!(keys(&fixture.rebuild().await), ["a"]);
}

#[tokio::test]
async fn a_mark_in_the_plan_holds_a_task_and_why_says_so() {
    let mut fixture = Fixture::with(&[("a", &[]), ("b", &["a"])]).await;
    fixture.rebuild().await;
    let plan: [(&str, &[&str]); 2] = [("a", &[]), ("b", &["a"])];
    fixture.plan_as(&plan, |task| task.marker = if task.key == "a" { "blocked" } else { "pending" }.to_owned()).await;
    fixture.rebuild().await;
    assert_eq!(fixture.state("a").await, TaskState::Pending);
    let server = Server::new(Arc::new(Mutex::new(fixture.resolver)), fixture.store.clone(), 4);
    let why = |task: &str| server.why(Request::new(WhyRequest { task: task.to_owned() }));
    let a = why("a").await.unwrap().into_inner();
    assert_eq!((a.ready, a.held.as_str()), (false, "marked blocked in the plan (line 1)"));
    let b = why("b").await.unwrap().into_inner();
    assert_eq!((b.held.as_str(), b.roots[0].cause.as_str()), ("", "held"));
}

#[tokio::test]
async fn a_task_touches_what_the_plan_declares_and_what_its_text_speaks_of() {
    let fixture = Fixture::with(&[("a", &[])]).await;
    let server = Server::new(Arc::new(Mutex::new(fixture.resolver)), fixture.store.clone(), 4);
    let request = TouchesRequest { task: "a".to_owned() };
    let touches = server.touches(Request::new(request)).await.unwrap().into_inner();
    assert_eq!((touches.declared, touches.mentioned), (vec!["src/a.rs".to_owned()], vec!["docs/b.md".to_owned()]));
    assert!(touches.changed.is_empty());
}

#[tokio::test]
async fn the_policy_to_break_cycles_sets_a_dependency_aside_and_says_so_until_it_is_changed_back() {
    let mut fixture = Fixture::with(&[("1", &["3"]), ("2", &["1"]), ("3", &["2"]), ("4", &[])]).await;
    let settled = fixture.rebuild().await;
    assert_eq!(settled.ready.len(), 1, "only the task outside the cycle");
    fixture.resolver = Resolver::new(fixture.store.clone(), CyclePolicy::BreakLowestPriority);
    let settled = fixture.rebuild().await;
    let ready: Vec<_> = settled.ready.iter().map(|entry| entry.task.as_str()).collect();
    assert_eq!(ready, ["plan/3"], "the latest of equally urgent ones goes first");
    let aside = fixture.store.dependencies_set_aside().await.unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!((aside[0].task.as_str(), aside[0].depends_on.as_str(), aside[0].at_ms), ("plan/3", "plan/2", 10));
    assert!(fixture.rebuild().await.moved.is_empty(), "once is enough");
    fixture.resolver = Resolver::new(fixture.store.clone(), CyclePolicy::Hold);
    fixture.rebuild().await;
    assert_eq!(fixture.state("3").await, TaskState::Pending);
    assert!(fixture.store.dependencies_set_aside().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_dependency_that_is_set_aside_holds_again_once_the_plan_has_no_cycle() {
    let mut fixture = Fixture::with(&[("1", &["2"]), ("2", &["1"])]).await;
    fixture.resolver = Resolver::new(fixture.store.clone(), CyclePolicy::BreakLowestPriority);
    fixture.rebuild().await;
    assert_eq!(fixture.state("2").await, TaskState::Ready);
    fixture.plan(&[("1", &[]), ("2", &["1"])]).await;
    fixture.rebuild().await;
    assert_eq!((fixture.state("1").await, fixture.state("2").await), (TaskState::Ready, TaskState::Pending));
    assert!(fixture.store.dependencies_set_aside().await.unwrap().is_empty());
}

#[tokio::test]
async fn edits_of_a_plan_lead_to_the_graph_that_building_it_anew_would_give() {
    const PLANS: [&[(&str, &[&str])]; 7] = [
        &[("a", &[]), ("b", &["a"]), ("c", &["b"])],
        &[("a", &[]), ("b", &[]), ("c", &["a", "b"]), ("d", &["c"])],
        &[("d", &[]), ("c", &["d"]), ("a", &["c"])],
        &[("d", &["nothing"]), ("c", &["d"]), ("a", &["c"])],
        &[("d", &["a"]), ("c", &["d"]), ("a", &["c"])],
        &[("x", &[]), ("d", &[]), ("c", &["x"]), ("b", &["c"])],
        &[("x", &[]), ("d", &[]), ("c", &["x"]), ("b", &["c"])],
    ];
    let mut fixture = Fixture::with(PLANS[0]).await;
    fixture.rebuild().await;
    for plan in PLANS {
        fixture.plan(plan).await;
        fixture.resolver.patch(10).await.unwrap();
        let mut anew = Resolver::new(fixture.store.clone(), CyclePolicy::Hold);
        anew.read(&fixture.store).await.unwrap();
        let (patched, built) = (fixture.resolver.graph(), anew.graph());
        assert_eq!((patched.nodes(), patched.edges()), (built.nodes(), built.edges()), "{plan:?}");
        assert_eq!((patched.ready(), patched.ranks()), (built.ready(), built.ranks()));
        for task in fixture.store.tasks().await.unwrap() {
            let expected = built.rank(task.id.as_str()).unwrap_or_default();
            assert_eq!(task.rank, expected, "{plan:?}: {}", task.key);
            let ready = built.is_ready(task.id.as_str());
            assert_eq!(task.life.state == TaskState::Ready, ready, "{plan:?}: {} is {}", task.key, task.life.state);
        }
        assert!(anew.rebuild(10).await.unwrap().moved.is_empty(), "{plan:?}: nothing was left to settle");
    }
}
