//! What attempts mean for their account, their agent and their task's budget.

use coditect_core::{BreakerScope, BreakerState, Clock};
use coditect_store::{AgentRow, AnswerRow};

use super::*;

impl World {
    /// With these settings in place of the defaults.
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::new().await;
        let mut config = (*world.orchestrator.config()).clone();
        change(&mut config);
        (world.orchestrator.live, _) = Live::new(Arc::new(config));
        world
    }

    /// Applies that an attempt failed; answers when.
    async fn fails(&self, fence: &Fence, class: FailureClass, reset_at_ms: Option<i64>) -> i64 {
        let now_ms = SystemClock.now_ms();
        let result = ResultEntry { reset_at_ms, message: "it says so".to_owned(), ..finished(fence, Some(class)) };
        self.orchestrator.apply(&result).await.unwrap();
        now_ms
    }

    async fn pause(&self) -> Option<coditect_store::AccountPause> {
        self.orchestrator.store.account_pauses().await.unwrap().pop()
    }

    async fn breaker(&self, scope: BreakerScope) -> coditect_core::Breaker {
        let rows = self.orchestrator.store.breakers().await.unwrap();
        rows.into_iter().find(|row| row.scope == scope).map(|row| row.breaker).unwrap_or_default()
    }

    async fn spends_nothing(&self) {
        let life = self.row().await.life;
        assert_eq!((life.state, life.attempts_spent, life.due_at_ms), (TaskState::Pending, 0, None));
    }
}

#[tokio::test]
async fn a_rate_limit_pauses_the_account_until_the_reset_and_costs_the_task_nothing() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    let reset = SystemClock.now_ms() + 3_600_000;
    world.fails(&fence, FailureClass::RateLimited, Some(reset)).await;
    world.spends_nothing().await;
    let pause = world.pause().await.unwrap();
    assert_eq!((pause.account.as_str(), pause.cause.as_str()), ("default", "rate_limited"));
    assert_eq!(pause.until_ms, Some(reset));
    assert!(pause.reason.contains("it says so"), "{}", pause.reason);
    assert_eq!(world.breaker(BreakerScope::Account).await, coditect_core::Breaker::default());
}

#[tokio::test]
async fn a_limit_of_unknown_end_pauses_for_longer_each_time_until_the_account_works_again() {
    let world = World::new().await;
    for (number, pause_ms) in [(1, 60_000), (2, 120_000)] {
        let fence = world.claimed(number).await;
        let now_ms = world.fails(&fence, FailureClass::RateLimited, None).await;
        let until = world.pause().await.unwrap().until_ms.unwrap();
        assert!((now_ms + pause_ms..now_ms + pause_ms + 30_000).contains(&until), "{}", until - now_ms);
        world.orchestrator.lift_pauses(until).await.unwrap();
        assert_eq!(world.pause().await, None);
    }
    let fence = world.claimed(3).await;
    world.fails(&fence, FailureClass::VerificationFailed, None).await;
    world.retried().await;
    let fence = world.claimed(4).await;
    let now_ms = world.fails(&fence, FailureClass::RateLimited, None).await;
    assert!(world.pause().await.unwrap().until_ms.unwrap() < now_ms + 90_000, "it has worked in between");
}

#[tokio::test]
async fn a_refused_credential_stops_the_account_until_a_person_resumes_it_and_asks_nothing_of_tasks() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.fails(&fence, FailureClass::Auth, None).await;
    world.spends_nothing().await;
    let pause = world.pause().await.unwrap();
    assert_eq!((pause.cause.as_str(), pause.until_ms), ("auth", None));
    assert!(pause.reason.contains("coditect resume"), "{}", pause.reason);
    world.orchestrator.lift_pauses(i64::MAX).await.unwrap();
    assert!(world.pause().await.is_some() && world.orchestrator.all_accounts_are_stopped().await.unwrap());
    assert!(world.orchestrator.status().await.unwrap().stuck, "nothing moves without a person");
    assert_eq!(world.orchestrator.resume_accounts(1).await.unwrap(), ["default"]);
    assert!(!world.orchestrator.status().await.unwrap().stuck);
}

#[tokio::test]
async fn what_a_run_learns_of_its_account_counts_at_once_while_it_is_current() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    let reset_at_ms = Some(SystemClock.now_ms() + 3_600_000);
    let said = |outcome: &str, fence: &Fence| ResultEntry {
        kind: ResultKind::Account,
        outcome: outcome.to_owned(),
        reset_at_ms,
        ..finished(fence, Some(FailureClass::AgentError))
    };
    let stale = Fence { token: fence.token + 1, ..fence.clone() };
    world.orchestrator.apply(&said("rate_limited", &stale)).await.unwrap();
    world.orchestrator.apply(&said("ok", &fence)).await.unwrap();
    world.orchestrator.apply(&said("weather", &fence)).await.unwrap();
    assert_eq!(world.pause().await, None);
    world.orchestrator.apply(&said("rate_limited", &fence)).await.unwrap();
    assert_eq!(world.pause().await.unwrap().until_ms, reset_at_ms);
    assert_eq!(world.row().await.life.state, TaskState::Running, "the run itself goes on");
}

#[tokio::test]
async fn failures_in_a_row_open_the_agents_breaker_and_a_success_closes_it() {
    let world = World::with(|config| config.breaker.failures = 2).await;
    for number in [1, 2] {
        assert_eq!(world.breaker(BreakerScope::Agent).await.state, BreakerState::Closed);
        let fence = world.claimed(number).await;
        world.fails(&fence, FailureClass::NoChange, None).await;
        world.retried().await;
    }
    let open = world.breaker(BreakerScope::Agent).await;
    assert_eq!((open.state, open.failures), (BreakerState::Open, 2));
    assert_eq!(world.breaker(BreakerScope::Account).await.state, BreakerState::Closed, "it answered");

    let fence = world.claimed(3).await;
    let mut tx = world.orchestrator.store.begin().await.unwrap();
    let row = tx.breaker(BreakerScope::Agent, "a").await.unwrap();
    assert!(tx.set_breaker(&row, &row.breaker.probed_by(fence.attempt), 1).await.unwrap());
    tx.commit().await.unwrap();
    world.orchestrator.apply(&finished(&fence, None)).await.unwrap();
    assert_eq!(world.breaker(BreakerScope::Agent).await, coditect_core::Breaker::default());
}

#[tokio::test]
async fn an_overloaded_service_opens_the_accounts_breaker_and_spends_no_attempt() {
    let world = World::with(|config| config.breaker.failures = 1).await;
    let fence = world.claimed(1).await;
    world.fails(&fence, FailureClass::Overloaded, None).await;
    assert_eq!(world.breaker(BreakerScope::Account).await.state, BreakerState::Open);
    assert_eq!(world.breaker(BreakerScope::Agent).await.state, BreakerState::Closed);
    let life = world.row().await.life;
    assert_eq!((life.state, life.attempts_spent), (TaskState::WaitingRetry, 0));
}

#[tokio::test]
async fn a_task_that_cost_what_it_may_asks_a_person_who_grants_it_as_much_again() {
    let world = World::with(|config| config.budget.per_task_usd = 1.0).await;
    let costing = |fence: &Fence, usd| ResultEntry {
        cost_usd: Some(usd),
        ..finished(fence, Some(FailureClass::VerificationFailed))
    };
    let fence = world.claimed(1).await;
    // What it said while it ran is not counted once more.
    let meanwhile = ResultEntry { kind: ResultKind::Progress, failure: None, ..costing(&fence, 0.7) };
    world.orchestrator.apply(&meanwhile).await.unwrap();
    world.orchestrator.apply(&costing(&fence, 0.75)).await.unwrap();
    let life = world.row().await.life;
    assert_eq!((life.state, life.attempts_spent), (TaskState::WaitingRetry, 1));

    let mut tx = world.orchestrator.store.begin().await.unwrap();
    let change = coditect_core::Change::Plain(coditect_core::Trigger::RetryDue);
    tx.change(&world.task, &life, change, AttemptEnd::default(), "orchestrator", 1).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let fence = world.claimed(2).await;
    world.orchestrator.apply(&costing(&fence, 0.5)).await.unwrap();
    let asked = world.row().await.life;
    assert_eq!(asked.state, TaskState::NeedsHuman);
    let reason = asked.reason.unwrap();
    assert!(reason.contains("$1.25 of the $1.00") && reason.contains('?'), "{reason}");

    world.retried().await;
    let fence = world.claimed(3).await;
    world.orchestrator.apply(&costing(&fence, 0.5)).await.unwrap();
    assert_eq!(world.row().await.life.state, TaskState::WaitingRetry);
}

#[tokio::test]
async fn the_last_attempt_ends_with_a_question() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    world.fails(&fence, FailureClass::Config, None).await;
    let reason = world.row().await.life.reason.unwrap();
    assert!(reason.starts_with("It could not be started: it says so. Is a setting wrong?"), "{reason}");
}

#[tokio::test]
async fn an_executor_is_told_of_account_agent_failures_answers_and_budget() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.md");
    std::fs::write(&path, "---\nname: a\ndescription: Does it.\nmodel: opus\ntools: Read, Edit\n---\nYou do it.\n")
        .unwrap();
    let row = AgentRow {
        name: "a".to_owned(),
        description: "Does it.".to_owned(),
        path: path.display().to_string(),
        hash: "1".to_owned(),
        updated_at_ms: 1,
    };
    let seen = world.row().await.life;
    let said = AnswerRow {
        actor: "person:ada".to_owned(),
        question: "how?".to_owned(),
        answer: "like that".to_owned(),
        at_ms: 1,
    };
    let mut tx = world.orchestrator.store.begin().await.unwrap();
    tx.replace_agents(&[row]).await.unwrap();
    tx.keep_answer(&world.task, &seen, &said).await.unwrap();
    tx.commit().await.unwrap();
    let first = world.claimed(1).await;
    let failed = ResultEntry { cost_usd: Some(1.5), ..finished(&first, Some(FailureClass::ExecutorLost)) };
    world.orchestrator.apply(&failed).await.unwrap();
    let second = world.claimed(2).await;
    world.fails(&second, FailureClass::VerificationFailed, None).await;
    let life = world.row().await.life;
    let mut tx = world.orchestrator.store.begin().await.unwrap();
    let change = coditect_core::Change::Plain(coditect_core::Trigger::RetryDue);
    tx.change(&world.task, &life, change, AttemptEnd::default(), "orchestrator", 1).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let third = world.claimed(3).await;

    let attempt = world.orchestrator.store.attempt(third.attempt).await.unwrap().unwrap();
    let told = world.orchestrator.specification(attempt, &world.row().await).await.unwrap();
    assert_eq!((told.account.as_str(), told.max_cost_usd), ("default", 3.5));
    assert_eq!(told.earlier_failures, ["verification_failed: it says so"], "a lost executor was not its fault");
    assert_eq!(told.answers, ["like that"]);
    let definition = told.definition.unwrap();
    assert_eq!((definition.name.as_str(), definition.model.as_deref()), ("a", Some("opus")));
    assert_eq!((definition.prompt.trim(), definition.tools.len()), ("You do it.", 2));
}

#[tokio::test]
async fn what_an_agent_says_it_cost_is_bounded_so_that_costs_can_be_added_up() {
    let world = World::new().await;
    for (number, cost_usd) in [(1, 1e300), (2, -1e300), (3, f64::NAN)] {
        let fence = world.claimed(number).await;
        let tokens = if cost_usd > 0.0 { i64::MAX } else { i64::MIN };
        let said = ResultEntry {
            cost_usd: Some(cost_usd),
            tokens_in: Some(tokens),
            ..finished(&fence, Some(FailureClass::Silent))
        };
        world.orchestrator.apply(&said).await.unwrap();
        world.retried().await;
    }
    let spent = world.orchestrator.store.spent(0, 0).await.unwrap();
    assert_eq!(spent.get("default"), Some(&1_000_000_000_000));
}

#[tokio::test]
async fn what_a_stopped_attempt_cost_is_kept_though_its_result_is_late() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    assert!(world.orchestrator.act(&world.task, &word(Action::Cancel)).await.unwrap());
    let evidence = Some(r#"{"runtime_version":"claude-code 2.1.330"}"#.to_owned());
    let late = ResultEntry { cost_usd: Some(0.5), evidence, ..finished(&fence, Some(FailureClass::Cancelled)) };
    world.orchestrator.apply(&late).await.unwrap();
    assert_eq!(world.row().await.life.state, TaskState::Cancelled);
    let end = world.orchestrator.store.attempt(fence.attempt).await.unwrap().unwrap().end;
    assert_eq!((end.cost_micros, end.runtime_version.as_deref()), (Some(500_000), Some("claude-code 2.1.330")));
}

#[tokio::test]
async fn a_reset_that_is_ages_away_pauses_the_account_for_a_month_at_most() {
    let world = World::new().await;
    let fence = world.claimed(1).await;
    let now_ms = world.fails(&fence, FailureClass::RateLimited, Some(i64::MAX)).await;
    let until = world.pause().await.unwrap().until_ms.unwrap();
    assert!((0..40).contains(&((until - now_ms) / 86_400_000)), "{until}");
}

#[tokio::test]
async fn accounts_are_shown_as_the_configuration_has_them_now() {
    let mut world = World::new().await;
    let (live, changes) = Live::new(Arc::new(Config::default()));
    world.orchestrator.live = live;
    let mut config = Config::default();
    config.accounts.get_mut("default").unwrap().max_concurrent = 77;
    changes.send_replace(Arc::new(config));
    assert_eq!(world.orchestrator.accounts().await.unwrap()[0].max_concurrent, Some(77));
}
