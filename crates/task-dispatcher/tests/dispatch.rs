//! Passes over a real database, with a real Redis.
#![allow(clippy::unwrap_used)]

mod common;

use coditect_core::{Clock, Priority::*, TaskState};
use coditect_queue::Stream;
use coditect_queue::message::{Event, Work};
use coditect_service::SystemClock;
use common::{World, id, next};

fn pool() -> Stream {
    Stream::Work("default".to_owned())
}

#[tokio::test]
async fn a_pass_assigns_no_more_than_the_free_slots() {
    let world = World::new(2, &[("a", P2, None), ("b", P2, None), ("c", P2, None)]).await;
    let mut dispatcher = world.dispatcher();
    assert_eq!(dispatcher.pass(false).await.unwrap(), 2);
    assert_eq!(dispatcher.pass(false).await.unwrap(), 0, "full");
    assert_eq!(world.keys_in(TaskState::Ready).await, ["c"]);

    world.cancel("a").await;
    assert_eq!(dispatcher.pass(false).await.unwrap(), 1);
    assert_eq!(world.keys_in(TaskState::Assigned).await, ["b", "c"]);
}

#[tokio::test]
async fn the_configured_bound_holds_however_many_slots_there_are() {
    let mut world = World::new(9, &[("a", P2, None), ("b", P2, None)]).await;
    world.config.dispatch.max_concurrent = 1;
    assert_eq!(world.dispatcher().pass(false).await.unwrap(), 1);
    world.executor(0).await;
    world.config.dispatch.max_concurrent = 9;
    assert_eq!(world.dispatcher().pass(false).await.unwrap(), 0, "no slots");
}

#[tokio::test]
async fn tasks_are_offered_in_order_of_priority_each_with_its_agent() {
    let mut world = World::new(5, &[("low", P3, Some("ui")), ("top", P0, None), ("mid", P1, Some("tester"))]).await;
    world.config.agents.mappings.insert("ui".to_owned(), "painter".to_owned());
    let before_ms = SystemClock.now_ms();
    world.dispatcher().pass(false).await.unwrap();

    let (mut work, mut events) = (world.consume::<Work>(pool()), world.consume::<Event>(Stream::Events));
    for (key, agent) in [("top", "general-purpose"), ("mid", "tester"), ("low", "painter")] {
        let offer = next(&mut work).await;
        assert_eq!((offer.task, offer.agent.as_str()), (id(key).to_string(), agent));
        let attempts = world.store.attempts_of(&id(key)).await.unwrap();
        let [attempt] = attempts.as_slice() else { unreachable!("one attempt") };
        assert_eq!((offer.attempt, offer.token), (attempt.id.to_string(), attempt.token));
        assert_eq!(
            (attempt.agent.as_str(), attempt.account.as_str(), offer.account.as_str()),
            (agent, "default", "default")
        );
        assert_eq!(offer.traceparent, attempt.id.traceparent());
        assert!(offer.deadline_ms >= before_ms + i64::try_from(world.config.executor.wall_limit_ms).unwrap());
        let event = next(&mut events).await;
        assert_eq!((event.task, event.to.as_str()), (id(key).to_string(), "assigned"));
        assert_eq!(event.actor, "task-dispatcher");
    }
}

#[tokio::test]
async fn nothing_starts_while_everything_is_paused() {
    let world = World::new(5, &[("a", P2, None)]).await;
    world.fact("pause:all", "holidays").await;
    assert_eq!(world.dispatcher().pass(false).await.unwrap(), 0);
    assert_eq!(world.keys_in(TaskState::Ready).await, ["a"]);
    world.fact("pause:all", "").await;
    assert_eq!(world.dispatcher().pass(false).await.unwrap(), 1);
}

#[tokio::test]
async fn tasks_of_a_paused_agent_do_not_keep_the_others_waiting() {
    let world = World::new(1, &[("a", P0, Some("tester")), ("b", P3, None)]).await;
    world.fact("pause:agent:tester", "broken").await;
    world.dispatcher().pass(false).await.unwrap();
    assert_eq!(world.keys_in(TaskState::Assigned).await, ["b"]);
}

#[tokio::test]
async fn a_lost_work_entry_is_added_again_once_nobody_claimed_it_for_long() {
    let world = World::new(2, &[("fresh", P2, None), ("old", P2, None)]).await;
    world.assigned("old", SystemClock.now_ms() - 6_000).await;
    world.assigned("fresh", SystemClock.now_ms()).await;
    let mut dispatcher = world.dispatcher();
    for _ in 0..3 {
        dispatcher.pass(false).await.unwrap();
    }
    // The one that comes after an outage marks the end.
    dispatcher.pass(true).await.unwrap();
    let mut work = world.consume::<Work>(pool());
    let offer = next(&mut work).await;
    assert_eq!((offer.task, offer.agent.as_str(), offer.account.as_str()), (id("old").to_string(), "a", "b"));
    let mut rest = [next(&mut work).await.task, next(&mut work).await.task];
    rest.sort();
    assert_eq!(rest, [id("fresh").to_string(), id("old").to_string()]);
}
