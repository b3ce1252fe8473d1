//! What becomes of attempts, on a real database; Redis is away where it is not what a test is about, which must change
//! nothing.

mod accounts;
mod delivered;
mod held;
mod logs;

use std::sync::Arc;

use coditect_core::{AttemptId, FailureClass, RetryPolicy, TaskId, TaskState};
use coditect_proto::v1::Specification;
use coditect_queue::Queue;
use coditect_queue::message::{ResultEntry, ResultKind};
use coditect_service::config::Live;
use coditect_service::{Config, SystemClock};
use coditect_store::testing::Database;
use coditect_store::{AttemptEnd, OpenAttempt, PlannedDocument, PlannedTask, TaskRow};

use crate::Orchestrator;
use crate::attempts::Fence;
use crate::interventions::{Action, Word};

const EXECUTOR: &str = "executor-1";

pub(crate) struct World {
    pub(crate) orchestrator: Orchestrator,
    task: TaskId,
    _database: Database,
}

impl World {
    /// One planned task.
    pub(crate) async fn new() -> Self {
        let database = Database::sqlite().await;
        let orchestrator = Orchestrator {
            store: database.again().await,
            queue: Queue::connect("redis://127.0.0.1:1", "test").unwrap(),
            live: Live::new(Arc::new(Config::default())).0,
            retry: RetryPolicy::default(),
            clock: SystemClock,
            wake: Arc::default(),
            delivered: Arc::default(),
            started_at_ms: 0,
            insight: Arc::default(),
            transitions: crate::http::Transitions::default(),
        };
        let world = Self { orchestrator, task: TaskId::new("plan", "1.1"), _database: database };
        world.plan("first", "pending").await;
        world
    }

    async fn plan(&self, hash: &str, marker: &str) {
        self.plan_for(hash, marker, false).await;
    }

    /// As [`Self::plan`], for a person or for an agent.
    async fn plan_for(&self, hash: &str, marker: &str, human: bool) {
        let task = PlannedTask {
            key: "1.1".to_owned(),
            plan_id: None,
            title: "Do it".to_owned(),
            section: Vec::new(),
            description: String::new(),
            line: 1,
            priority: coditect_core::Priority::P1,
            agent: None,
            estimate_minutes: None,
            steps: Vec::new(),
            acceptance: Vec::new(),
            verify: Vec::new(),
            touches: Vec::new(),
            script: None,
            depends_on: Vec::new(),
            dangling: Vec::new(),
            human,
            optional: false,
            verify_plan: Vec::new(),
            changes: Default::default(),
            marker: marker.to_owned(),
        };
        let document = PlannedDocument {
            id: "plan".to_owned(),
            path: "PLAN.md".to_owned(),
            format: "coditect".to_owned(),
            hash: hash.to_owned(),
            text: None,
            diagnostics: "[]".to_owned(),
            tasks: vec![task],
        };
        let mut tx = self.orchestrator.store.begin().await.unwrap();
        tx.sync_document(&document, "person", 1).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn row(&self) -> TaskRow {
        self.orchestrator.store.task(&self.task).await.unwrap().unwrap()
    }

    /// Makes the task ready, opens an attempt and claims it.
    pub(crate) async fn claimed(&self, random: u8) -> Fence {
        self.claims(random).await.0
    }

    /// The same, with what the executor is told.
    pub(crate) async fn claims(&self, random: u8) -> (Fence, Specification) {
        let attempt = AttemptId::from_parts(i64::from(random), &[random; 10]);
        let mut tx = self.orchestrator.store.begin().await.unwrap();
        tx.settle(&self.task, true, 1).await.unwrap();
        let seen = tx.lifecycle(&self.task).await.unwrap().unwrap();
        let open =
            OpenAttempt { id: attempt, agent: "a".to_owned(), account: "default".to_owned(), because: Vec::new() };
        let moved = tx.assign(&self.task, &seen, open, "task-dispatcher", 1).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let fence = Fence { task: self.task.clone(), attempt, token: moved.now.token };
        let specification = self.orchestrator.claim(&fence, EXECUTOR).await.unwrap().unwrap();
        (fence, specification)
    }

    /// Lands what was claimed.
    pub(crate) async fn land(&self, fence: &Fence) {
        self.orchestrator.apply(&finished(fence, None)).await.unwrap();
    }

    /// Works the task until it needs a person.
    pub(crate) async fn stopped(&self, random: u8) {
        let fence = self.claimed(random).await;
        self.orchestrator.apply(&finished(&fence, Some(FailureClass::Config))).await.unwrap();
    }

    async fn retried(&self) {
        assert!(self.orchestrator.act(&self.task, &word(Action::Retry)).await.unwrap());
    }
}

fn word(action: Action) -> Word {
    Word { action, actor: "person:test".to_owned(), reason: None, text: String::new(), agent: None }
}

fn finished(fence: &Fence, failure: Option<FailureClass>) -> ResultEntry {
    ResultEntry {
        task: fence.task.to_string(),
        attempt: fence.attempt.to_string(),
        token: fence.token,
        kind: ResultKind::Finished,
        failure,
        commit: failure.is_none().then(|| "c0ffee".to_owned()),
        ..ResultEntry::default()
    }
}

#[tokio::test]
async fn a_landed_result_completes_the_task_and_comes_again_without_effect() {
    let world = World::new().await;
    let result = finished(&world.claimed(1).await, None);
    world.orchestrator.apply(&result).await.unwrap();
    let done = world.row().await.life;
    assert_eq!(done.state, TaskState::Completed);
    world.orchestrator.apply(&result).await.unwrap();
    assert_eq!(world.row().await.life, done);
}

#[tokio::test]
async fn a_claim_is_granted_once() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    assert!(world.orchestrator.claim(&fence, "executor-2").await.unwrap().is_none());
}

#[tokio::test]
async fn the_result_of_an_earlier_attempt_is_never_applied() {
    let world = World::new().await;
    let stale = world.claimed(1).await;
    world.orchestrator.failed(&stale, FailureClass::ExecutorLost, None, AttemptEnd::default()).await.unwrap();
    let current = world.claimed(2).await;
    world.orchestrator.apply(&finished(&stale, None)).await.unwrap();
    assert_eq!(world.row().await.life.state, TaskState::Running);
    assert!(!world.orchestrator.renew(&stale, Some(TaskState::Landing)).await.unwrap());
    assert!(world.orchestrator.renew(&current, Some(TaskState::Verifying)).await.unwrap());
}

#[tokio::test]
async fn a_lost_executor_spends_no_attempt() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.orchestrator.apply(&finished(&fence, Some(FailureClass::ExecutorLost))).await.unwrap();
    let life = world.row().await.life;
    assert_eq!((life.state, life.attempts_spent, life.attempts_started), (TaskState::Pending, 0, 1));
}

#[tokio::test]
async fn a_failed_attempt_is_due_again_later_and_one_that_cannot_work_goes_to_a_person() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.orchestrator.apply(&finished(&fence, Some(FailureClass::AgentError))).await.unwrap();
    let life = world.row().await.life;
    assert_eq!((life.state, life.attempts_spent), (TaskState::WaitingRetry, 1));
    assert!(life.due_at_ms.is_some());

    world.retried().await;
    let fence = world.claimed(2).await;
    world.orchestrator.apply(&finished(&fence, Some(FailureClass::Config))).await.unwrap();
    assert_eq!(world.row().await.life.state, TaskState::NeedsHuman);
}

#[tokio::test]
async fn a_lease_that_ran_out_ends_the_attempt() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    let mut tx = world.orchestrator.store.begin().await.unwrap();
    tx.renew(fence.attempt, 1).await.unwrap();
    tx.commit().await.unwrap();
    world.orchestrator.reconcile().await.unwrap();
    let attempt = world.orchestrator.store.attempt(fence.attempt).await.unwrap().unwrap();
    assert_eq!(attempt.end.failure, Some(FailureClass::ExecutorLost));
    assert_eq!(world.row().await.life.state, TaskState::Pending);
}

#[tokio::test]
async fn a_tick_in_the_plan_completes_the_task_and_an_untick_opens_a_new_generation() {
    let world = World::new().await;
    world.plan("second", "completed").await;
    world.orchestrator.reconcile().await.unwrap();
    assert_eq!(world.row().await.life.state, TaskState::Completed);
    world.plan("third", "pending").await;
    world.orchestrator.reconcile().await.unwrap();
    let life = world.row().await.life;
    assert_eq!((life.state, life.generation), (TaskState::Pending, 2));
}

impl World {
    /// The task, put to a person.
    async fn asked(&self) {
        self.plan_for("for a person", "pending", true).await;
        let mut tx = self.orchestrator.store.begin().await.unwrap();
        tx.settle(&self.task, true, 1).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(self.row().await.life.state, TaskState::NeedsHuman);
    }
}

#[tokio::test]
async fn a_person_approves_what_is_theirs_or_answers_it_and_no_agent_is_told() {
    let world = World::new().await;
    world.asked().await;
    assert!(world.orchestrator.act(&world.task, &word(Action::Approve)).await.unwrap());
    assert_eq!(world.row().await.life.state, TaskState::Completed);

    let world = World::new().await;
    world.asked().await;
    let answer = Word { text: "looks good".to_owned(), ..word(Action::Answer) };
    assert!(world.orchestrator.act(&world.task, &answer).await.unwrap());
    let life = world.row().await.life;
    assert_eq!((life.state, life.reason.as_deref()), (TaskState::Completed, Some("answered: looks good")));
    let said = world.orchestrator.store.answers_given(&world.task).await.unwrap();
    assert_eq!((said[0].question.as_str(), said[0].answer.as_str()), ("Do it", "looks good"));
}

#[tokio::test]
async fn a_tick_completes_what_is_a_persons() {
    let world = World::new().await;
    world.asked().await;
    world.plan_for("ticked", "completed", true).await;
    world.orchestrator.reconcile().await.unwrap();
    let life = world.row().await.life;
    assert_eq!((life.state, life.attempts_started), (TaskState::Completed, 0));
}

#[tokio::test]
async fn a_persons_task_is_given_to_no_agent() {
    let world = World::new().await;
    let given = Word { agent: Some("coder".to_owned()), ..word(Action::Assign) };
    world.plan_for("for a person", "pending", true).await;
    assert!(!world.orchestrator.act(&world.task, &given).await.unwrap());
    world.asked().await;
    assert!(!world.orchestrator.act(&world.task, &given).await.unwrap());
    world.plan("for an agent", "pending").await;
    assert!(world.orchestrator.act(&world.task, &given).await.unwrap());
}

#[tokio::test]
async fn a_task_that_a_mark_holds_is_in_the_status_with_its_place() {
    let world = World::new().await;
    world.plan("held", "blocked").await;
    let status = world.orchestrator.status().await.unwrap();
    let problem = &status.problems[0];
    assert_eq!((problem.path.as_str(), problem.line), ("PLAN.md", 1));
    assert_eq!(problem.message, "`1.1` is held: marked blocked in the plan (line 1)");
    assert!(status.stuck, "nothing moves until a person takes the mark away");
}

#[tokio::test]
async fn a_wish_that_is_refused_is_a_conflict_and_the_side_that_is_taken_is_granted_in_one_go() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.plan("second", "cancelled").await;
    world.land(&fence).await;
    world.orchestrator.grant_wishes().await.unwrap();
    let store = &world.orchestrator.store;
    let open = store.conflicts(false).await.unwrap();
    assert_eq!((open.len(), open[0].plan.as_str(), open[0].state.as_str()), (1, "cancelled", "completed"));
    let problems = world.orchestrator.status().await.unwrap().problems;
    assert_eq!((problems[0].code.as_str(), problems[0].path.as_str()), ("conflict", "PLAN.md"));
    assert_eq!(problems[0].message, "`1.1`: status: the plan says cancelled, the database completed (C1)");

    let mut tx = store.begin().await.unwrap();
    tx.settle_conflict(&open[0], coditect_store::Side::Plan, "person:ada", 5).await.unwrap();
    tx.commit().await.unwrap();
    world.orchestrator.grant_wishes().await.unwrap();
    let life = world.row().await.life;
    assert_eq!((life.state, life.generation), (TaskState::Cancelled, 2));
    assert!(store.events(&world.task).await.unwrap().iter().any(|event| event.actor == "person:ada"));
}

#[tokio::test]
async fn a_completed_task_that_is_retried_is_of_a_new_generation() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.land(&fence).await;
    world.retried().await;
    let life = world.row().await.life;
    assert_eq!((life.state, life.generation), (TaskState::Pending, 2));
}
