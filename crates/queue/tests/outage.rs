//! Redis goes away and comes back with nothing.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use coditect_queue::{Queue, Stream};
use common::{LONG, Redis, consume, next, nothing, one_at_a_time, quick, ready, until};

#[tokio::test]
async fn a_consumer_goes_on_after_redis_was_killed_and_came_back_empty() {
    let mut redis = Redis::start();
    let queue = redis.queue();
    let mut consumer = consume(&queue, one_at_a_time("a"));
    let mut reconnected = consumer.reconnected();
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    let held = next(&mut consumer).await;
    redis.stop();
    let error = queue.add(&Stream::Ready, &ready("plan/lost")).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(nothing(&mut consumer).await);
    assert_eq!(*reconnected.borrow_and_update(), 0);
    redis.start_again();
    tokio::time::timeout(LONG, reconnected.changed()).await.expect("it says that Redis is back").unwrap();
    held.ack().await.expect("acknowledging what Redis has lost is no error");
    queue.add(&Stream::Ready, &ready("plan/2")).await.unwrap();
    assert_eq!(next(&mut consumer).await.message.task, "plan/2");
    assert_eq!(*reconnected.borrow(), 1);
}

#[tokio::test]
async fn a_consumer_started_without_redis_waits_for_it() {
    let mut redis = Redis::start();
    redis.stop();
    let queue = redis.queue();
    let mut consumer = consume(&queue, quick("a"));
    assert!(nothing(&mut consumer).await);
    redis.start_again();
    until(|| async { queue.add(&Stream::Ready, &ready("plan/1")).await.is_ok() }, |added| *added).await;
    next(&mut consumer).await.ack().await.unwrap();
}

#[tokio::test]
async fn flushing_redis_under_a_live_connection_is_an_outage_and_nothing_added_after_it_is_missed() {
    let redis = Redis::start();
    let queue = redis.queue();
    let mut consumer = consume(&queue, quick("a"));
    let mut reconnected = consumer.reconnected();
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    next(&mut consumer).await.ack().await.unwrap();
    let mut raw = redis.raw().await;
    redis::cmd("FLUSHALL").exec_async(&mut raw).await.unwrap();
    queue.add(&Stream::Ready, &ready("plan/2")).await.unwrap();
    assert_eq!(next(&mut consumer).await.message.task, "plan/2");
    assert!(reconnected.has_changed().unwrap());
    reconnected.mark_unchanged();
    redis::cmd("DEL").arg("coditect:{test}:ready").exec_async(&mut raw).await.unwrap();
    tokio::time::timeout(LONG, reconnected.changed()).await.expect("also when nothing is added").unwrap();
}

#[tokio::test]
async fn nothing_is_lost_when_redis_hangs_until_the_reader_gives_its_read_up() {
    let redis = Redis::start();
    let queue = redis.queue();
    let mut consumer = consume(&queue, quick("a"));
    let mut reconnected = consumer.reconnected();
    queue.add(&Stream::Ready, &ready("plan/0")).await.unwrap();
    next(&mut consumer).await.ack().await.unwrap();
    redis.signal("STOP");
    // These go into the socket of the hanging server, which will add them before it notices that we are gone.
    let mut adding = Vec::new();
    for n in 1..=20 {
        let queue = queue.clone();
        adding.push(tokio::spawn(async move { queue.add(&Stream::Ready, &ready(&format!("plan/{n}"))).await }));
    }
    tokio::time::sleep(Duration::from_secs(9)).await;
    redis.signal("CONT");
    for adding in adding {
        let _ = adding.await.unwrap();
    }
    tokio::time::timeout(LONG, reconnected.changed()).await.expect("it was an outage").unwrap();
    let length = queue.inspect().await.unwrap()[0].length;
    let mut seen = BTreeSet::from(["plan/0".to_owned()]);
    while (seen.len() as u64) < length {
        let delivery = next(&mut consumer).await;
        assert!(seen.insert(delivery.message.task.clone()));
        delivery.ack().await.unwrap();
    }
    assert!(nothing(&mut consumer).await);
}

#[tokio::test]
async fn redis_that_refuses_is_not_asked_in_a_hot_loop() {
    let redis = Redis::start();
    let queue = redis.queue();
    let mut raw = redis.raw().await;
    redis::cmd("SET").arg("coditect:{test}:ready").arg("no stream").exec_async(&mut raw).await.unwrap();
    let mut consumer = consume(&queue, quick("a"));
    assert!(nothing(&mut consumer).await);
    let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut raw).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:")).unwrap();
    assert!(line.trim().parse::<u64>().unwrap() < 60, "{line} commands");
    redis::cmd("DEL").arg("coditect:{test}:ready").exec_async(&mut raw).await.unwrap();
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    assert_eq!(next(&mut consumer).await.message.task, "plan/1");
}

#[tokio::test]
async fn a_handle_is_made_without_redis_and_refuses_what_cannot_work() {
    assert!(Queue::connect("redis://127.0.0.1:1", "test").is_ok());
    assert!(Queue::connect("nonsense", "test").is_err());
    assert!(Queue::connect("redis://127.0.0.1:1", "a b").is_err());
    let debug = format!("{:?}", Queue::connect("redis://:secret@127.0.0.1:1", "test").unwrap());
    assert!(!debug.contains("secret"), "{debug}");
}
