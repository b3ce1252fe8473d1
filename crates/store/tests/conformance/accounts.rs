//! Accounts, circuit breakers, what people say, and agent definitions.

use coditect_core::{
    Breaker, BreakerPolicy, BreakerScope, BreakerState, Change, FailureClass, Lifecycle, Signal, Trigger,
};
use coditect_store::testing::Database;
use coditect_store::{AccountPause, AgentRow, AnswerRow, AttemptEnd, BreakerRow, Tx};

use crate::plan::{assign, assigned, attempt, change, claim, id, intervene, life, pull, settle, sync, task};

async fn write<T>(database: &Database, write: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let mut tx = database.store.begin().await.unwrap();
    let answer = write(&mut tx).await;
    tx.commit().await.unwrap();
    answer
}

fn pause(account: &str, cause: &str, until_ms: Option<i64>) -> AccountPause {
    let (account, cause) = (account.to_owned(), cause.to_owned());
    AccountPause { account, cause, reason: "because".to_owned(), until_ms, at_ms: 1 }
}

pub(crate) async fn of_two_pauses_the_longer_one_holds(database: &Database) {
    let steps = [
        (pause("a", "rate_limited", Some(50)), true, Some(50)),
        (pause("a", "rate_limited", Some(40)), false, Some(50)),
        (pause("a", "rate_limited", Some(60)), true, Some(60)),
        (pause("a", "auth", None), true, None),
        (pause("a", "rate_limited", Some(900)), false, None),
        (pause("a", "auth", None), false, None),
    ];
    for (pause, took, until) in steps {
        assert_eq!(write(database, async |tx| tx.pause_account(&pause).await.unwrap()).await, took, "{pause:?}");
        let held = database.store.account_pauses().await.unwrap();
        assert_eq!((held.len(), held[0].until_ms), (1, until));
    }
    assert!(pause("a", "auth", None).holds(i64::MAX));
    assert!(!pause("a", "rate_limited", Some(50)).holds(50));
}

pub(crate) async fn a_pause_is_lifted_when_its_time_is_over_or_a_person_says_so(database: &Database) {
    for pause in [
        pause("c", "rate_limited", Some(50)),
        pause("b", "rate_limited", Some(51)),
        pause("a", "rate_limited", Some(10)),
        pause("d", "auth", None),
    ] {
        write(database, async |tx| tx.pause_account(&pause).await.unwrap()).await;
    }
    assert_eq!(write(database, async |tx| tx.lift_pauses(50).await.unwrap()).await, ["a", "c"]);
    assert_eq!(write(database, async |tx| tx.account_pauses().await.unwrap()).await.len(), 2);
    assert!(write(database, async |tx| tx.resume_account("b").await.unwrap()).await);
    assert!(!write(database, async |tx| tx.resume_account("b").await.unwrap()).await);
    assert_eq!(write(database, async |tx| tx.resume_accounts().await.unwrap()).await, ["d"]);
    assert_eq!(database.store.account_pauses().await.unwrap(), []);
}

pub(crate) async fn what_accounts_spent_is_added_up_and_open_attempts_are_reserved(database: &Database) {
    let spent = async |since, reserve| database.store.spent(since, reserve).await.unwrap().get("default").copied();
    assert_eq!(spent(0, 7).await, None);
    let token = assigned(database).await;
    assert_eq!(spent(99, 7).await, Some(7), "an open attempt counts whenever it began");
    claim(database, 1, token).await;
    let end = AttemptEnd { cost_micros: Some(300), commit: Some("c0ffee".to_owned()), ..AttemptEnd::default() };
    change(database, "a", Change::Plain(Trigger::Land), end).await;
    assert_eq!((spent(50, 7).await, spent(51, 7).await), (Some(300), None));
    let mut tx = database.store.begin().await.unwrap();
    assert_eq!(tx.spent(50, 7).await.unwrap().get("default"), Some(&300));
}

pub(crate) async fn what_a_task_cost_is_counted_since_a_person_had_a_word(database: &Database) {
    assigned(database).await;
    let spent = async || database.store.task_spent(&id("a"), &life(database, "a").await).await.unwrap();
    assert_eq!(spent().await, 0);
    let requeue = |cost| {
        let trigger = Trigger::Requeue;
        let reason = "lost".to_owned();
        let fail = Change::Fail { trigger, class: FailureClass::ExecutorLost, reason, due_at_ms: None };
        (fail, AttemptEnd { cost_micros: Some(cost), ..AttemptEnd::default() })
    };
    let (fail, end) = requeue(100);
    change(database, "a", fail, end).await;
    let again = async |number| {
        assert!(settle(database, "a").await);
        let seen = life(database, "a").await;
        assign(&database.store, "a", &seen, attempt(number)).await.unwrap();
    };
    again(2).await;
    let (fail, end) = requeue(20);
    change(database, "a", fail, end).await;
    assert_eq!(spent().await, 120);
    intervene(database, "a", Trigger::Cancel).await;
    intervene(database, "a", Trigger::Retry).await;
    assert_eq!(spent().await, 0);
    again(3).await;
    let (fail, end) = requeue(3);
    change(database, "a", fail, end).await;
    assert_eq!(spent().await, 3);
    assert!(settle(database, "a").await);
    let mut tx = database.store.begin().await.unwrap();
    let seen = tx.lifecycle(&id("a")).await.unwrap().unwrap();
    assert_eq!(tx.task_spent(&id("a"), &seen).await.unwrap(), 3);
    assert_eq!(tx.ready_spent().await.unwrap().into_iter().collect::<Vec<_>>(), [(id("a"), 3)]);
}

pub(crate) async fn a_breaker_is_changed_only_as_it_was_seen(database: &Database) {
    let (policy, scope) = (BreakerPolicy { failures: 1, ..BreakerPolicy::default() }, BreakerScope::Agent);
    let read = async || write(database, async |tx| tx.breaker(scope, "coder").await.unwrap()).await;
    let new = read().await;
    assert_eq!((new.breaker, new.version), (Breaker::default(), 0));
    let open = new.breaker.after(attempt(1), Signal::Failure, &policy, 100);
    let set = async |seen: &BreakerRow, next: Breaker| {
        write(database, async |tx| tx.set_breaker(seen, &next, 100).await.unwrap()).await
    };
    assert!(set(&new, open).await);
    assert!(!set(&new, Breaker::default()).await, "it is no longer new");

    let seen = read().await;
    assert_eq!((seen.breaker, seen.version), (open, 1));
    let probed = open.probed_by(attempt(2));
    assert!(set(&seen, probed).await);
    assert!(!set(&seen, Breaker::default()).await, "somebody was faster");
    let all = database.store.breakers().await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].scope, all[0].name.as_str(), all[0].version), (scope, "coder", 2));
    assert_eq!((all[0].breaker, all[0].breaker.state), (probed, BreakerState::HalfOpen));
}

pub(crate) async fn an_attempt_keeps_why_it_has_its_agent_and_what_ran(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let (commit, runtime_version) = (Some("c0ffee".to_owned()), Some("2.1.0".to_owned()));
    change(
        database,
        "a",
        Change::Plain(Trigger::Land),
        AttemptEnd { commit, runtime_version, ..AttemptEnd::default() },
    )
    .await;
    let kept = database.store.attempt(attempt(1)).await.unwrap().unwrap();
    let because = vec!["it is asked for".to_owned()];
    assert_eq!((kept.because, kept.end.runtime_version.as_deref()), (because, Some("2.1.0")));
}

pub(crate) async fn what_a_stopped_attempt_used_is_kept_when_it_is_told_and_counts(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let late = async |token, cost| {
        let end = AttemptEnd { cost_micros: Some(cost), failure: Some(FailureClass::Silent), ..AttemptEnd::default() };
        write(database, async |tx| tx.keep_late(attempt(1), token, end).await.unwrap()).await;
    };
    late(token, 7).await;
    let cost = async || database.store.attempt(attempt(1)).await.unwrap().unwrap().end;
    assert_eq!(cost().await.cost_micros, None, "it is open");
    intervene(database, "a", Trigger::Cancel).await;
    late(token + 1, 8).await;
    late(token, 9).await;
    late(token, 8).await;
    let end = cost().await;
    assert_eq!((end.cost_micros, end.failure), (Some(9), Some(FailureClass::Cancelled)));
    assert_eq!(database.store.spent(0, 0).await.unwrap().get("default"), Some(&9));
}

pub(crate) async fn what_an_attempt_uses_is_known_while_it_runs_and_after_it_was_lost(database: &Database) {
    let token = assigned(database).await;
    claim(database, 1, token).await;
    let used = async |token, cost, read| {
        write(database, async |tx| tx.keep_usage(attempt(1), token, cost, read, None).await.unwrap()).await
    };
    let kept = async || {
        let end = database.store.attempt(attempt(1)).await.unwrap().unwrap().end;
        (end.cost_micros, end.tokens_in, end.tokens_out)
    };
    assert!(used(token, Some(5), Some(100)).await);
    assert!(used(token, Some(3), None).await, "told late, and less than is known");
    assert!(!used(token + 1, Some(50), None).await, "of another attempt");
    assert_eq!(kept().await, (Some(5), Some(100), None));
    let (trigger, class, reason) = (Trigger::Requeue, FailureClass::ExecutorLost, String::new());
    change(database, "a", Change::Fail { trigger, class, reason, due_at_ms: None }, AttemptEnd::default()).await;
    assert_eq!(kept().await, (Some(5), Some(100), None), "it never told its end");
    assert!(!used(token, Some(9), None).await, "it has ended");
}

pub(crate) async fn earlier_failures_are_those_of_the_generation_that_were_the_tasks_own(database: &Database) {
    let mut token = assigned(database).await;
    for (number, class) in
        [(1, FailureClass::VerificationFailed), (2, FailureClass::ExecutorLost), (3, FailureClass::NoChange)]
    {
        claim(database, number, token).await;
        let message = Some(format!("message {number}"));
        let (trigger, reason) = (Trigger::RetryLater, String::new());
        let end = AttemptEnd { failure: Some(class), message, ..AttemptEnd::default() };
        change(database, "a", Change::Fail { trigger, class, reason, due_at_ms: None }, end).await;
        pull(database, "a", &[Trigger::RetryDue]).await;
        assert!(settle(database, "a").await);
        let seen = life(database, "a").await;
        token = assign(&database.store, "a", &seen, attempt(number + 1)).await.unwrap().now.token;
    }
    let earlier = async |generation, before| {
        let found = database.store.earlier_failures(&id("a"), generation, before).await.unwrap();
        found.into_iter().map(|f| (f.number, f.class, f.message)).collect::<Vec<_>>()
    };
    let first = (1, FailureClass::VerificationFailed, "message 1".to_owned());
    assert_eq!(earlier(1, 4).await, [first.clone(), (3, FailureClass::NoChange, "message 3".to_owned())]);
    assert_eq!(earlier(1, 3).await, [first]);
    assert_eq!(earlier(2, 9).await, []);
}

pub(crate) async fn answers_and_the_agent_a_person_chose_are_kept(database: &Database) {
    sync(database, "1", &[task("a", &[]), task("b", &[])]).await;
    let answer = |text: &str, at_ms| AnswerRow {
        actor: "person:ada".to_owned(),
        question: "which?".to_owned(),
        answer: text.to_owned(),
        at_ms,
    };
    for text in ["the first", "the second"] {
        write(database, async |tx| {
            let seen = tx.lifecycle(&id("a")).await.unwrap().unwrap();
            tx.keep_answer(&id("a"), &seen, &answer(text, 1)).await.unwrap();
        })
        .await;
        intervene(database, "a", Trigger::Cancel).await;
        intervene(database, "a", Trigger::Retry).await;
    }
    let given = database.store.answers_given(&id("a")).await.unwrap();
    assert_eq!(given, [answer("the first", 1), answer("the second", 1)]);
    assert_eq!(database.store.answers_given(&id("b")).await.unwrap(), []);

    let before = life(database, "a").await;
    let give = async |seen: &Lifecycle, agent: Option<&str>| {
        write(database, async |tx| tx.override_agent(&id("a"), seen, agent, "person:ada", 9).await.unwrap()).await
    };
    let chosen = async || database.store.task(&id("a")).await.unwrap().unwrap().agent_override;
    assert!(give(&before, Some("painter")).await);
    assert!(!give(&before, Some("poet")).await, "somebody else was faster");
    assert_eq!(chosen().await.as_deref(), Some("painter"));
    sync(database, "2", &[task("a", &["b"]), task("b", &[])]).await;
    assert_eq!(chosen().await.as_deref(), Some("painter"), "an edit of the plan leaves it");
    assert!(give(&life(database, "a").await, None).await);
    assert_eq!(chosen().await, None);
}

pub(crate) async fn the_agents_are_those_that_were_found_last(database: &Database) {
    let agent = |name: &str, hash: &str, updated_at_ms| AgentRow {
        name: name.to_owned(),
        description: format!("{name} {hash}"),
        path: format!("agents/{name}.md"),
        hash: hash.to_owned(),
        updated_at_ms,
    };
    for found in [vec![agent("b", "1", 1), agent("a", "1", 1)], vec![agent("b", "1", 2), agent("c", "1", 2)]] {
        write(database, async |tx| tx.replace_agents(&found).await.unwrap()).await;
    }
    assert_eq!(database.store.agents().await.unwrap(), [agent("b", "1", 1), agent("c", "1", 2)]);
    write(database, async |tx| tx.replace_agents(&[agent("b", "2", 3)]).await.unwrap()).await;
    assert_eq!(database.store.agents().await.unwrap(), [agent("b", "2", 3)]);
}

pub(crate) async fn who_takes_a_turn_waits_for_the_one_before(database: &Database) {
    let pass = async |account: &str| {
        let store = database.again().await;
        let mut tx = store.begin().await.unwrap();
        tx.take_turn("dispatch", 1).await.unwrap();
        // Only the first finds nobody paused.
        let free = tx.account_pauses().await.unwrap().is_empty();
        if free {
            tx.pause_account(&pause(account, "auth", None)).await.unwrap();
        }
        tx.commit().await.unwrap();
        free
    };
    let took = tokio::join!(pass("a"), pass("b"), pass("c"), pass("d"));
    let took = [took.0, took.1, took.2, took.3];
    assert_eq!(took.iter().filter(|took| **took).count(), 1);
    assert_eq!(database.store.facts("turn:").await.unwrap(), []);
}
