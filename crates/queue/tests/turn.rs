//! One after the other, in the order of coming.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Redis, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_had_by_one_at_a_time_in_the_order_of_coming() {
    let redis = Redis::start();
    let queue = redis.queue();
    let first = queue.turn("landing:main", "first").await.unwrap();
    let (order, mut said) = tokio::sync::mpsc::unbounded_channel();
    let within = Arc::new(AtomicUsize::new(0));
    let mut waiting = Vec::new();
    for name in ["a", "b", "c"] {
        let (queue, order, within) = (redis.queue(), order.clone(), Arc::clone(&within));
        waiting.push(tokio::spawn(async move {
            let turn = queue.turn("landing:main", name).await.unwrap();
            assert_eq!(within.fetch_add(1, Ordering::SeqCst), 0, "two have the turn");
            order.send(name).unwrap();
            tokio::task::yield_now().await;
            within.fetch_sub(1, Ordering::SeqCst);
            drop(turn);
        }));
        // Each is in the line before the next one comes.
        until(|| line_of(&redis), |line| line.contains(&name.to_owned())).await;
    }
    // Another line is another line.
    drop(queue.turn("landing:other", "first").await.unwrap());
    assert!(said.try_recv().is_err(), "the first still has it");
    drop(first);
    for name in ["a", "b", "c"] {
        assert_eq!(said.recv().await, Some(name));
    }
    for task in waiting {
        task.await.unwrap();
    }
    until(|| line_of(&redis), Vec::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_up_while_waiting_leaves_the_line_and_the_dead_lose_their_place() {
    let redis = Redis::start();
    let queue = redis.queue();
    let turn = queue.turn("landing:main", "first").await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(100), queue.turn("landing:main", "impatient")).await;
    assert!(given_up.is_err());
    until(|| line_of(&redis), |line| *line == ["first"]).await;
    // One that was heard of last long ago, and one that never was.
    let mut connection = redis.raw().await;
    let key = "coditect:{test}:turn:landing:main";
    redis::cmd("ZADD").arg(key).arg(1).arg("dead").arg(2).arg("ghost").exec_async(&mut connection).await.unwrap();
    redis::cmd("HSET").arg(format!("{key}:seen")).arg("dead").arg(1).exec_async(&mut connection).await.unwrap();
    drop(turn);
    drop(queue.turn("landing:main", "next").await.unwrap());
}

async fn line_of(redis: &Redis) -> Vec<String> {
    let mut connection = redis.raw().await;
    let ask = ["coditect:{test}:turn:landing:main", "0", "-1"];
    redis::cmd("ZRANGE").arg(&ask).query_async(&mut connection).await.unwrap()
}
