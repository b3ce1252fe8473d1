//! Entries reach one consumer, and reach another when the first one fails.

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use coditect_queue::message::Ready;
use coditect_queue::{CancellationToken, ConsumerOptions, Stream};
use common::{LONG, Redis, consume, next, nothing, one_at_a_time, pending, quick, ready, until};

#[tokio::test]
async fn an_entry_added_before_the_group_was_there_is_delivered_once_and_acknowledged() {
    let redis = Redis::start();
    let queue = redis.queue();
    let id = queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    let mut consumer = consume(&queue, quick("a"));
    let delivery = next(&mut consumer).await;
    assert_eq!((&delivery.message, delivery.id, delivery.deliveries), (&ready("plan/1"), id, 1));
    delivery.ack().await.unwrap();
    assert_eq!(pending(&queue).await, 0);
    assert!(nothing(&mut consumer).await);
}

#[tokio::test]
async fn each_entry_goes_to_one_consumer_of_a_group_and_to_every_group() {
    let redis = Redis::start();
    let queue = redis.queue();
    let tasks: Vec<Ready> = (0..1200).map(|n| ready(&format!("plan/{n}"))).collect();
    let ids = queue.add_all(&Stream::Ready, &tasks).await.unwrap();
    assert!(ids.len() == 1200 && ids.is_sorted());
    let (mut a, mut b) = (consume(&queue, quick("a")), consume(&queue, quick("b")));
    let mut seen = BTreeSet::new();
    for _ in 0..1200 {
        let delivery = tokio::select! { d = next(&mut a) => d, d = next(&mut b) => d };
        assert!(seen.insert(delivery.message.task.clone()), "{} came twice", delivery.message.task);
        delivery.ack().await.unwrap();
    }
    let mut other = consume(&queue, ConsumerOptions { group: "other", ..quick("a") });
    assert_eq!(next(&mut other).await.message.task, "plan/0");
}

#[tokio::test]
async fn what_a_dead_consumer_left_is_delivered_to_another_one_though_nothing_new_comes() {
    let redis = Redis::start();
    let queue = redis.queue();
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    let mut dead = consume(&queue, quick("dead"));
    drop(next(&mut dead).await);
    drop(dead);
    let delivery = next(&mut consume(&queue, quick("heir"))).await;
    assert_eq!((delivery.message.task.as_str(), delivery.deliveries), ("plan/1", 2));
}

#[tokio::test]
async fn a_held_entry_is_not_taken_away_while_its_heart_beats_even_after_shutdown() {
    let redis = Redis::start();
    let queue = redis.queue();
    let shutdown = CancellationToken::new();
    let mut runner = queue.consume::<Ready>(Stream::Ready, one_at_a_time("runner"), shutdown.clone());
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    let held = next(&mut runner).await;
    let mut other = consume(&queue, one_at_a_time("other"));
    assert!(nothing(&mut other).await);
    shutdown.cancel();
    assert!(runner.next().await.is_none());
    drop(runner);
    assert!(nothing(&mut other).await, "a run that is being drained keeps its claim");
    drop(held);
    assert_eq!(next(&mut other).await.deliveries, 2);
}

#[tokio::test]
async fn an_entry_held_without_a_heartbeat_goes_to_another_consumer_and_not_to_its_holder_again() {
    let redis = Redis::start();
    let queue = redis.queue();
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    let mut slow = consume(&queue, quick("slow"));
    let held = next(&mut slow).await;
    assert!(nothing(&mut slow).await);
    let taken = next(&mut consume(&queue, quick("other"))).await;
    assert_eq!((taken.id, taken.deliveries), (held.id, 2));
    held.ack().await.unwrap();
    taken.ack().await.unwrap();
    assert_eq!(pending(&queue).await, 0);
}

#[tokio::test]
async fn a_consumer_gets_its_own_pending_entries_first_when_it_is_started_again() {
    let redis = Redis::start();
    let queue = redis.queue();
    let tasks: Vec<Ready> = (0..300).map(|n| ready(&format!("plan/{n}"))).collect();
    queue.add_all(&Stream::Ready, &tasks).await.unwrap();
    let patient = ConsumerOptions { min_idle: LONG * 10, prefetch: 299, batch: 300, ..quick("a") };
    let mut first = consume(&queue, patient.clone());
    next(&mut first).await.ack().await.unwrap();
    until(|| pending(&queue), |pending| *pending == 299).await;
    drop(first);
    queue.add(&Stream::Ready, &ready("plan/new")).await.unwrap();
    let mut again = consume(&queue, ConsumerOptions { prefetch: 10, batch: 7, ..patient });
    for n in 1..300 {
        let delivery = next(&mut again).await;
        assert_eq!((delivery.message.task.clone(), delivery.deliveries), (format!("plan/{n}"), 2));
        delivery.ack().await.unwrap();
    }
    assert_eq!(next(&mut again).await.message.task, "plan/new");
}

#[tokio::test]
async fn a_busy_consumer_without_prefetch_leaves_the_rest_to_the_others() {
    let redis = Redis::start();
    let queue = redis.queue();
    let (mut busy, mut free) = (consume(&queue, one_at_a_time("busy")), consume(&queue, one_at_a_time("free")));
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    let _held = next(&mut busy).await;
    queue.add_all(&Stream::Ready, &[ready("plan/2"), ready("plan/3")]).await.unwrap();
    for task in ["plan/2", "plan/3"] {
        let delivery = next(&mut free).await;
        assert_eq!(delivery.message.task, task);
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn cancelling_next_loses_nothing() {
    let redis = Redis::start();
    let queue = redis.queue();
    let mut consumer = consume(&queue, ConsumerOptions { min_idle: LONG * 10, ..one_at_a_time("a") });
    let mut seen = BTreeSet::new();
    let adding = {
        let queue = queue.clone();
        tokio::spawn(async move {
            for n in 0..300 {
                queue.add(&Stream::Ready, &ready(&format!("plan/{n}"))).await.unwrap();
            }
        })
    };
    let end = Instant::now() + LONG;
    while seen.len() < 300 && Instant::now() < end {
        if let Ok(Some(delivery)) = tokio::time::timeout(Duration::from_micros(700), consumer.next()).await {
            assert!(seen.insert(delivery.message.task.clone()));
            delivery.ack().await.unwrap();
        }
    }
    adding.await.unwrap();
    assert_eq!(seen.len(), 300);
}

#[tokio::test]
async fn shutdown_is_prompt_while_the_reader_waits() {
    let redis = Redis::start();
    let queue = redis.queue();
    let shutdown = CancellationToken::new();
    let mut consumer = queue.consume::<Ready>(Stream::Ready, quick("a"), shutdown.clone());
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    next(&mut consumer).await.ack().await.unwrap();
    let asked = Instant::now();
    tokio::join!(async { assert!(consumer.next().await.is_none()) }, async { shutdown.cancel() });
    assert!(asked.elapsed() < Duration::from_millis(500));
}
