//! Results that are left on a branch: merged by others, closed, or asked to be different.

use std::sync::Mutex;

use coditect_forge::Kind;
use coditect_forge::testing::{PROJECT, Scripted, TOKEN};
use coditect_service::config::{ForgeKind, LandingMode};
use coditect_store::DeliveryVerdict;
use tokio_util::sync::CancellationToken;

use super::*;

const BRANCH: &str = "coditect/task/plan/1.1";

/// What an executor says that has left commit `commit` on the branch.
fn delivered(fence: &Fence, commit: &str) -> ResultEntry {
    let evidence = r#"{"verify":[{"command":"make test","source":"project","exit_code":0,"tail":"","duration_ms":1240}],
        "diff_stat":"1 file changed","flags":["`ci.yml` is changed"],"summary":"Done, thanks @everyone"}"#;
    ResultEntry {
        outcome: "delivered".to_owned(),
        commit: None,
        delivered: Some(commit.to_owned()),
        branch: Some(BRANCH.to_owned()),
        evidence: Some(evidence.to_owned()),
        ..finished(fence, None)
    }
}

/// A world whose results are put to people at a forge.
struct AtForge {
    world: World,
    forge: Scripted,
    tip: Arc<Mutex<String>>,
}

impl World {
    fn landing(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::default();
        change(&mut config);
        self.orchestrator.live = Live::new(Arc::new(config)).0;
    }

    /// Works the task until its result is on the branch.
    async fn delivers(&self, random: u8, commit: &str) -> (Fence, Specification) {
        let (fence, specification) = self.claims(random).await;
        for phase in [TaskState::Verifying, TaskState::Landing] {
            assert!(self.orchestrator.renew(&fence, Some(phase)).await.unwrap());
        }
        self.orchestrator.apply(&delivered(&fence, commit)).await.unwrap();
        assert_eq!(self.row().await.life.state, TaskState::AwaitingMerge);
        (fence, specification)
    }

    async fn left(&self) -> coditect_store::Delivered {
        self.orchestrator.store.delivered(&self.task, 1).await.unwrap().unwrap()
    }
}

impl AtForge {
    async fn new(kind: Kind, max_rounds: u32) -> Self {
        let tip = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&tip);
        let forge = Scripted::start(kind, move |_| seen.lock().unwrap().clone()).await;
        let mut world = World::new().await;
        world.landing(|config| {
            config.landing.mode = LandingMode::PullRequest;
            config.landing.max_rounds = max_rounds;
            config.landing.forge.kind = Some(match kind {
                Kind::Github => ForgeKind::Github,
                Kind::Gitlab => ForgeKind::Gitlab,
            });
            config.landing.forge.api_url = Some(forge.url.clone());
            config.landing.forge.project = Some(PROJECT.to_owned());
            config.landing.forge.token = Some(serde_json::from_value(serde_json::json!(TOKEN)).unwrap());
        });
        Self { world, forge, tip }
    }

    /// A commit is put on the branch, and its request is open.
    async fn delivers(&self, random: u8, commit: &str) -> Specification {
        *self.tip.lock().unwrap() = commit.to_owned();
        let (_, specification) = self.world.delivers(random, commit).await;
        self.pass().await.unwrap();
        assert!(self.world.left().await.request.is_some());
        specification
    }

    async fn pass(&self) -> anyhow::Result<()> {
        self.world.orchestrator.look_after_requests(0, &CancellationToken::new()).await
    }

    async fn state(&self) -> TaskState {
        self.world.row().await.life.state
    }
}

#[tokio::test]
async fn where_results_land_no_branch_is_asked_for() {
    let (_, specification) = World::new().await.claims(1).await;
    assert_eq!((specification.leave_on.as_str(), specification.start_from), ("", None));
}

#[tokio::test]
async fn a_result_on_a_branch_frees_its_slot_and_waits_for_a_persons_word() {
    let mut world = World::new().await;
    world.landing(|config| config.landing.mode = LandingMode::Branch);
    let (fence, specification) = world.delivers(1, "c0ffee").await;
    assert_eq!(specification.leave_on, BRANCH);
    assert!(world.orchestrator.store.open_attempts().await.unwrap().is_empty());
    world.orchestrator.look_after_requests(0, &CancellationToken::new()).await.unwrap();
    let status = world.orchestrator.status().await.unwrap();
    assert!(status.stuck, "nothing moves until a person has merged it");
    let reason = world.row().await.life.reason.unwrap();
    for part in [BRANCH, "c0ffee", "`coditect task approve 1.1`"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    // It comes again, and changes nothing.
    world.orchestrator.apply(&delivered(&fence, "c0ffee")).await.unwrap();
    assert!(world.orchestrator.act(&world.task, &word(Action::Approve)).await.unwrap());
    let life = world.row().await.life;
    assert_eq!((life.state, life.generation), (TaskState::Completed, 1));
    assert_eq!(world.left().await.verdict, Some(DeliveryVerdict::Merged));
    let attempt = world.orchestrator.store.attempt(fence.attempt).await.unwrap().unwrap();
    assert_eq!((attempt.state.as_str(), attempt.end.commit.as_deref()), ("landed", Some("c0ffee")));
}

#[tokio::test]
async fn a_tick_completes_what_waits_on_a_branch_and_a_new_generation_has_a_branch_of_its_own() {
    let mut world = World::new().await;
    world.landing(|config| config.landing.mode = LandingMode::Branch);
    world.delivers(1, "c0ffee").await;
    world.plan("ticked", "completed").await;
    world.orchestrator.reconcile().await.unwrap();
    assert_eq!(world.row().await.life.state, TaskState::Completed);
    world.retried().await;
    let (_, specification) = world.claims(2).await;
    assert_eq!((specification.leave_on.as_str(), specification.start_from), ("coditect/task/plan/1.1+2", None));
}

#[tokio::test]
async fn an_answer_has_an_agent_go_on_with_it_and_a_retry_begins_anew() {
    let mut world = World::new().await;
    world.landing(|config| config.landing.mode = LandingMode::Branch);
    world.delivers(1, "c0ffee").await;
    let answer = Word { text: "make it blue".to_owned(), ..word(Action::Answer) };
    assert!(world.orchestrator.act(&world.task, &answer).await.unwrap());
    let (_, specification) = world.delivers(2, "decade").await;
    let earlier = specification.start_from.unwrap();
    assert_eq!((earlier.branch.as_str(), earlier.commit.as_str()), (BRANCH, "c0ffee"));
    assert_eq!(specification.answers, ["make it blue"]);
    world.retried().await;
    let (_, specification) = world.claims(3).await;
    assert_eq!(specification.start_from, None);
    assert_eq!(world.left().await.verdict, Some(DeliveryVerdict::Dropped));
}

#[tokio::test]
async fn a_request_shows_the_task_and_its_proof_and_completes_the_task_when_it_is_merged() {
    for kind in [Kind::Github, Kind::Gitlab] {
        let at = AtForge::new(kind, 3).await;
        at.delivers(1, "c0ffee").await;
        let opened = at.forge.requests().remove(0);
        assert_eq!((opened.title.as_str(), opened.branch.as_str()), ("1.1: Do it", BRANCH));
        assert_eq!(opened.target, Config::default().repository.target_branch);
        for part in
            ["- `make test` passed in 1.2 s", "- `ci.yml` is changed", "```text\nDone, thanks @everyone", "`plan/1.1`"]
        {
            assert!(opened.body.contains(part), "{part}: {}", opened.body);
        }
        at.pass().await.unwrap();
        assert_eq!((at.forge.requests().len(), at.state().await), (1, TaskState::AwaitingMerge));
        assert!(!at.world.orchestrator.status().await.unwrap().stuck, "it moves when others merge it");
        at.forge.merge(1, "5q1f");
        at.pass().await.unwrap();
        assert_eq!(at.state().await, TaskState::Completed);
        let attempts = at.world.orchestrator.store.attempts_of(&at.world.task).await.unwrap();
        assert_eq!((attempts[0].state.as_str(), attempts[0].end.commit.as_deref()), ("landed", Some("5q1f")));
    }
}

#[tokio::test]
async fn what_is_asked_for_goes_back_to_an_agent_so_often_and_then_to_a_person() {
    for kind in [Kind::Github, Kind::Gitlab] {
        let at = AtForge::new(kind, 2).await;
        at.delivers(1, "c1").await;
        at.forge.ask(1, "ann", "Name it better.");
        at.forge.check(1, "unit tests", "c1", true);
        at.pass().await.unwrap();
        assert_eq!((at.state().await, at.world.row().await.life.attempts_spent), (TaskState::Pending, 0));
        let specification = at.delivers(2, "c2").await;
        assert_eq!(specification.start_from.unwrap().commit, "c1");
        let told = specification.earlier_failures.join("\n");
        for part in ["not merged as it was", "Name it better.", "`unit tests` has failed"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        // What was asked before it went back is known, and the request is the same one.
        at.pass().await.unwrap();
        assert_eq!((at.state().await, at.forge.requests().len()), (TaskState::AwaitingMerge, 1));
        at.forge.ask(1, "ann", "Still not.");
        at.pass().await.unwrap();
        at.delivers(3, "c3").await;
        at.forge.conflict(1, true);
        at.pass().await.unwrap();
        let life = at.world.row().await.life;
        assert_eq!((life.state, life.failure), (TaskState::NeedsHuman, Some(FailureClass::NotMerged)));
        let reason = life.reason.unwrap();
        assert!(reason.contains("given it back 2 times") && reason.contains("it conflicts"), "{reason}");
        // A person's answer begins the counting anew, with the work so far.
        let answer = Word { text: "call it a day".to_owned(), ..word(Action::Answer) };
        assert!(at.world.orchestrator.act(&at.world.task, &answer).await.unwrap());
        at.forge.conflict(1, false);
        assert_eq!(at.delivers(4, "c4").await.start_from.unwrap().commit, "c3");
        assert_eq!(at.world.left().await.round, 0);
    }
}

#[tokio::test]
async fn a_request_that_is_closed_is_a_persons_matter_at_once() {
    let at = AtForge::new(Kind::Gitlab, 3).await;
    at.delivers(1, "c1").await;
    at.forge.close(1);
    at.pass().await.unwrap();
    let life = at.world.row().await.life;
    assert_eq!((life.state, life.failure), (TaskState::NeedsHuman, Some(FailureClass::NotMerged)));
    assert!(life.reason.unwrap().contains("closed without being merged"));
    assert_eq!(at.world.left().await.verdict, Some(DeliveryVerdict::Refused));
    // Done again, it is put to people once more.
    at.world.retried().await;
    at.delivers(2, "c2").await;
    assert_eq!(at.forge.requests().len(), 2);
}

#[tokio::test]
async fn a_request_that_is_merged_though_a_person_was_asked_completes_the_task() {
    for kind in [Kind::Github, Kind::Gitlab] {
        let at = AtForge::new(kind, 0).await;
        at.delivers(1, "c1").await;
        at.forge.ask(1, "ann", "Name it better.");
        at.pass().await.unwrap();
        at.pass().await.unwrap();
        assert_eq!(at.state().await, TaskState::NeedsHuman);
        at.forge.merge(1, "5q1f");
        at.pass().await.unwrap();
        assert_eq!(at.state().await, TaskState::Completed);
        assert_eq!(at.world.left().await.verdict, Some(DeliveryVerdict::Merged));
        let attempts = at.world.orchestrator.store.attempts_of(&at.world.task).await.unwrap();
        assert_eq!((attempts[0].state.as_str(), attempts[0].end.commit.as_deref()), ("landed", Some("5q1f")));
    }
}

#[tokio::test]
async fn what_people_do_with_a_request_while_an_agent_works_on_what_they_asked_for_is_seen() {
    for merged in [true, false] {
        let at = AtForge::new(Kind::Github, 3).await;
        at.delivers(1, "c1").await;
        at.forge.ask(1, "ann", "Name it better.");
        at.pass().await.unwrap();
        assert_eq!(at.state().await, TaskState::Pending);
        if merged {
            at.forge.merge(1, "5q1f")
        } else {
            at.forge.close(1)
        }
        at.world.delivers(2, "c2").await;
        at.pass().await.unwrap();
        assert_eq!(at.forge.requests().len(), 1, "no other is opened");
        let wanted = if merged { TaskState::Completed } else { TaskState::NeedsHuman };
        assert_eq!(at.state().await, wanted);
    }
}

#[tokio::test]
async fn an_answer_does_not_go_on_with_what_a_person_has_dropped() {
    let mut world = World::new().await;
    world.landing(|config| config.landing.mode = LandingMode::Branch);
    world.delivers(1, "c0ffee").await;
    world.retried().await;
    let (fence, _) = world.claims(2).await;
    world.orchestrator.apply(&finished(&fence, Some(FailureClass::Config))).await.unwrap();
    assert_eq!(world.row().await.life.state, TaskState::NeedsHuman);
    let answer = Word { text: "mended".to_owned(), ..word(Action::Answer) };
    assert!(world.orchestrator.act(&world.task, &answer).await.unwrap());
    assert_eq!(world.claims(3).await.1.start_from, None);
}

#[tokio::test]
async fn a_task_whose_budget_is_spent_goes_back_to_a_person_and_no_agent() {
    let at = AtForge::new(Kind::Github, 3).await;
    *at.tip.lock().unwrap() = "c1".to_owned();
    let (fence, _) = at.world.claims(1).await;
    for phase in [TaskState::Verifying, TaskState::Landing] {
        at.world.orchestrator.renew(&fence, Some(phase)).await.unwrap();
    }
    let result = ResultEntry { cost_usd: Some(900.0), ..delivered(&fence, "c1") };
    at.world.orchestrator.apply(&result).await.unwrap();
    at.pass().await.unwrap();
    at.forge.ask(1, "ann", "Again.");
    at.pass().await.unwrap();
    let life = at.world.row().await.life;
    assert_eq!(life.state, TaskState::NeedsHuman);
    assert!(life.reason.unwrap().contains("May it cost as much again?"));
}

#[tokio::test]
async fn a_forge_that_is_away_or_refuses_costs_nothing_and_is_said_until_it_is_back() {
    let at = AtForge::new(Kind::Github, 3).await;
    at.world.delivers(1, "c1").await;
    for (status, stops) in [(503, true), (401, true), (422, false)] {
        at.forge.refuse(Some(status));
        assert_eq!(at.pass().await.is_err(), stops, "{status}");
        let left = at.world.left().await;
        assert!(left.trouble.as_deref().unwrap_or_default().contains(&status.to_string()), "{left:?}");
        assert_eq!((left.request, at.state().await), (None, TaskState::AwaitingMerge));
    }
    at.forge.refuse(None);
    at.pass().await.unwrap();
    assert_eq!(at.world.left().await.trouble, None);
    at.forge.refuse(Some(404));
    at.pass().await.unwrap();
    assert!(at.world.left().await.trouble.is_some());
    at.forge.refuse(None);
    at.pass().await.unwrap();
    assert_eq!((at.world.left().await.trouble, at.forge.requests().len()), (None, 1));
}

#[tokio::test]
async fn a_merge_that_is_seen_after_a_person_has_said_something_else_changes_nothing() {
    let at = AtForge::new(Kind::Github, 3).await;
    at.delivers(1, "c1").await;
    assert!(at.world.orchestrator.act(&at.world.task, &word(Action::Cancel)).await.unwrap());
    at.forge.merge(1, "5q1f");
    at.pass().await.unwrap();
    assert_eq!(at.state().await, TaskState::Cancelled);
}

#[test]
fn requests_without_a_token_are_refused_before_any_work_is_done() {
    let mut config = Config::default();
    config.landing.forge.kind = Some(ForgeKind::Github);
    config.landing.forge.project = Some(PROJECT.to_owned());
    let refused = crate::requests::forge(&config).unwrap_err().to_string();
    assert!(refused.contains("CODITECT_FORGE_TOKEN"), "{refused}");
}
