//! Accounts, budgets, breakers and agents, on a real database, with a real Redis.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use coditect_core::{
    AttemptId, Breaker, BreakerPolicy, BreakerScope, BreakerState, Clock, Priority::*, Signal, TaskState,
};
use coditect_proto::v1::task_dispatcher_client::TaskDispatcherClient;
use coditect_proto::v1::{ExplainRequest, PauseAccountRequest};
use coditect_queue::Stream;
use coditect_queue::message::{Ready, Work};
use coditect_service::SystemClock;
use coditect_store::testing::Database;
use common::{World, id, is_ready, next};

const THREE: [(&str, coditect_core::Priority, Option<&str>); 3] = [("a", P1, None), ("b", P2, None), ("c", P3, None)];

fn charged(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(task, account)| ((*task).to_owned(), (*account).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_account_starts_nothing_until_its_reset_and_then_by_itself() {
    let mut world = World::new(9, &THREE).await;
    world.accounts(&[("default", 9)]);
    let until_ms = SystemClock.now_ms() + 1_500;
    world.limited("default", Some(until_ms)).await;
    assert_eq!(world.dispatcher().pass(false).await.unwrap(), 0);

    // The interval is an hour: what wakes the dispatcher is the end of the pause.
    let service = world.service();
    let running = tokio::spawn(task_dispatcher::run(service.clone()));
    is_ready(&service).await;
    next(&mut world.consume::<Work>(Stream::Work("default".to_owned()))).await;
    assert!(SystemClock.now_ms() >= until_ms);
    let open = world.store.open_attempts().await.unwrap();
    assert!(open.len() == 3 && open.iter().all(|attempt| attempt.assigned_at_ms >= until_ms));
    service.shutdown.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn another_account_goes_on_while_one_is_paused_and_each_keeps_to_its_limit() {
    let mut world = World::new(9, &THREE).await;
    world.accounts(&[("x", 9), ("y", 2)]);
    world.limited("x", None).await;
    assert_eq!(world.dispatcher().pass(false).await.unwrap(), 2);
    assert_eq!(world.charged().await, charged(&[("a", "y"), ("b", "y")]));
    world.write(async |tx| assert!(tx.resume_account("x").await.unwrap())).await;
    assert_eq!(world.dispatcher().pass(false).await.unwrap(), 1);
    assert_eq!(world.charged().await, charged(&[("a", "y"), ("b", "y"), ("c", "x")]));
}

#[tokio::test]
async fn the_days_budget_of_an_account_is_not_overdrawn_by_what_is_under_way() {
    let mut world = World::new(9, &THREE).await;
    world.accounts(&[("default", 9)]);
    world.config.budget.per_task_usd = 5.0;
    world.config.accounts.get_mut("default").unwrap().daily_budget_usd = 10.0;
    let mut dispatcher = world.dispatcher();
    assert_eq!(dispatcher.pass(false).await.unwrap(), 2, "two of five dollars each are set aside");
    world.ended("a", 1_000_000).await;
    assert_eq!(dispatcher.pass(false).await.unwrap(), 0, "1 spent, 5 set aside, and 5 more are 11");
    assert!(dispatcher.due_ms().unwrap() > SystemClock.now_ms(), "tomorrow");
    world.cancel("b").await;
    assert_eq!(dispatcher.pass(false).await.unwrap(), 1);
}

#[tokio::test]
async fn a_task_that_cost_what_it_may_is_held_and_others_are_not() {
    let mut world = World::new(1, &THREE[..2]).await;
    world.accounts(&[("default", 9)]);
    world.config.budget.per_task_usd = 1.0;
    world.dispatcher().pass(false).await.unwrap();
    world.ended("a", 1_000_000).await;
    world.dispatcher().pass(false).await.unwrap();
    assert_eq!(world.charged().await, charged(&[("b", "default")]));
}

#[tokio::test]
async fn an_open_breaker_holds_its_agent_then_one_attempt_probes_and_its_success_lets_all_go() {
    let tasks = [("a", P1, Some("tester")), ("b", P2, Some("tester")), ("c", P3, Some("painter"))];
    let world = World::new(9, &tasks).await;
    let policy = BreakerPolicy { failures: 1, open_ms: 1_000, max_open_ms: 1_000 };
    let before = AttemptId::from_parts(1, &[9; 10]);
    let set = async |next: fn(Breaker, AttemptId, &BreakerPolicy, i64) -> Breaker, attempt, now_ms| {
        world
            .write(async |tx| {
                let row = tx.breaker(BreakerScope::Agent, "tester").await.unwrap();
                assert!(tx.set_breaker(&row, &next(row.breaker, attempt, &policy, now_ms), now_ms).await.unwrap());
            })
            .await;
    };
    let now_ms = SystemClock.now_ms();
    set(|b, attempt, policy, now| b.after(attempt, Signal::Failure, policy, now), before, now_ms + 3_600_000).await;
    let mut dispatcher = world.dispatcher();
    dispatcher.pass(false).await.unwrap();
    assert_eq!(world.keys_in(TaskState::Assigned).await, ["c"], "the agent is left alone, others go on");

    // Its time is over.
    set(|b, _, _, now| Breaker { open_until_ms: Some(now), ..b }, before, now_ms).await;
    dispatcher.pass(false).await.unwrap();
    dispatcher.pass(false).await.unwrap();
    assert_eq!(world.keys_in(TaskState::Assigned).await, ["a", "c"], "one attempt");
    let probe = world.store.task(&id("a")).await.unwrap().unwrap().life.attempt.unwrap();
    let row = &world.store.breakers().await.unwrap()[0];
    assert_eq!((row.breaker.state, row.breaker.probe), (BreakerState::HalfOpen, Some(probe)));

    set(|b, attempt, policy, now| b.after(attempt, Signal::Success, policy, now), probe, now_ms).await;
    dispatcher.pass(false).await.unwrap();
    assert_eq!(world.keys_in(TaskState::Assigned).await, ["a", "b", "c"]);
}

async fn several_dispatchers_at_once(database: Database) {
    let keys: Vec<String> = (0..40).map(|number| format!("t{number:02}")).collect();
    let tasks: Vec<_> = keys.iter().map(|key| (key.as_str(), P2, None)).collect();
    let mut world = World::on(database, 99, &tasks).await;
    world.accounts(&[("x", 3), ("y", 4)]);
    world.config.dispatch.max_concurrent = 6;
    let mut passes = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let mut dispatcher = world.another().await;
        passes.spawn(async move { dispatcher.pass(false).await.unwrap() });
    }
    let assigned: usize = passes.join_all().await.into_iter().sum();
    let open = world.charged().await;
    assert_eq!((assigned, open.len()), (6, 6));
    let on = |account: &str| open.iter().filter(|(_, charged)| charged == account).count();
    assert!(on("x") <= 3 && on("y") <= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_dispatchers_at_once_start_no_more_than_one_may_on_sqlite() {
    several_dispatchers_at_once(Database::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_dispatchers_at_once_start_no_more_than_one_may_on_postgresql() {
    if let Some(database) = Database::postgres().await {
        several_dispatchers_at_once(database).await;
    }
}

#[tokio::test]
async fn a_task_gets_the_agent_that_fits_and_the_one_that_a_person_chose_before_that() {
    let mut world = World::new(9, &[("paint-fence", P1, None), ("b", P2, Some("tester"))]).await;
    let folder = tempfile::tempdir().unwrap();
    let definition = "---\nname: fence-painter\ndescription: Paints every fence there is.\n---\nYou paint fences.\n";
    std::fs::write(folder.path().join("fence-painter.md"), definition).unwrap();
    world.config.agents.directories = vec![folder.path().display().to_string()];
    world
        .write(async |tx| {
            let seen = tx.lifecycle(&id("b")).await.unwrap().unwrap();
            assert!(tx.override_agent(&id("b"), &seen, Some("poet"), "person:ada", 1).await.unwrap());
        })
        .await;
    world.dispatcher().pass(false).await.unwrap();

    let agents = world.store.agents().await.unwrap();
    assert_eq!(agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["fence-painter"]);
    let open = world.store.open_attempts().await.unwrap();
    let of = |key: &str| open.iter().find(|attempt| attempt.task == id(key)).unwrap();
    assert_eq!(of("paint-fence").agent, "fence-painter");
    assert!(!of("paint-fence").because.is_empty());
    assert_eq!(
        (of("b").agent.as_str(), of("b").because.as_slice()),
        ("poet", &["a person gave the task to it".into()][..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_holds_a_task_and_pauses_an_account() {
    let mut world = World::new(2, &THREE).await;
    world.accounts(&[("default", 9)]);
    let service = world.service();
    world.fact("pause:all", "person:ada").await;
    let running = tokio::spawn(task_dispatcher::run(service.clone()));
    is_ready(&service).await;
    let address = format!("http://{}", service.config.listen.grpc.task_dispatcher);
    let mut client = TaskDispatcherClient::connect(address).await.unwrap();
    let mut explain = client.clone();
    let mut explain = async |task: &str| {
        explain.explain(ExplainRequest { task: task.to_owned() }).await.map(tonic::Response::into_inner)
    };
    assert!(explain("a").await.unwrap().held[0].contains("paused by a person"));
    assert_eq!(explain("nothing").await.unwrap_err().code(), tonic::Code::NotFound);

    let mut pause = async |account: &str, resume| {
        let (account, actor) = (account.to_owned(), "ada".to_owned());
        client.pause_account(PauseAccountRequest { account, actor, resume }).await.map(|r| r.into_inner().paused)
    };
    assert_eq!(pause("nobody", false).await.unwrap_err().code(), tonic::Code::NotFound);
    assert_eq!(pause("default", false).await.unwrap(), ["default"]);
    world.fact("pause:all", "").await;
    assert!(explain("a").await.unwrap().held[0].contains("account default is paused"));
    assert_eq!(pause("default", true).await.unwrap(), [""; 0]);

    let mut work = world.consume::<Work>(Stream::Work("default".to_owned()));
    world.queue.add(&Stream::Ready, &Ready { task: id("a").to_string(), ..Ready::default() }).await.unwrap();
    next(&mut work).await;
    let held = explain("c").await.unwrap();
    assert_eq!((held.state.as_str(), held.agent.as_str()), ("ready", "general-purpose"));
    assert!(held.held[0].contains("2 slots are taken") && !held.because.is_empty(), "{held:?}");
    assert_eq!(explain("a").await.unwrap().account, "default");
    drop((explain, pause));
    service.shutdown.drain();
    running.await.unwrap().unwrap();
}
