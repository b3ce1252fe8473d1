//! What nobody can handle ends among the dead letters, whole, and can be put back.

mod common;

use coditect_queue::{ConsumerOptions, Fields, Stream};
use common::{LONG, Redis, consume, next, nothing, pending, quick, ready, until};

#[tokio::test]
async fn an_entry_that_nobody_acknowledges_dies_after_its_deliveries_and_can_be_put_back() {
    let redis = Redis::start();
    let queue = redis.queue();
    queue.add(&Stream::Ready, &ready("plan/poison")).await.unwrap();
    let mut consumer = consume(&queue, quick("a"));
    for deliveries in 1..=3 {
        assert_eq!(next(&mut consumer).await.deliveries, deliveries);
    }
    let dead = until(|| async { queue.dead_letters(&Stream::Ready, 10).await.unwrap() }, |dead| !dead.is_empty()).await;
    assert_eq!((dead.len(), dead[0].deliveries), (1, 3));
    assert_eq!(dead[0].error, "delivered 3 times and never acknowledged");
    let fields: Fields =
        [("v", "1"), ("task", "plan/poison"), ("attempt", ""), ("priority", "1"), ("rank", "7"), ("traceparent", "")]
            .into_iter()
            .collect();
    assert_eq!(dead[0].fields, Ok(fields));
    assert_eq!(pending(&queue).await, 0);
    assert!(nothing(&mut consumer).await);

    let id = queue.revive(&Stream::Ready, dead[0].id).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!((Some(delivery.id), delivery.deliveries, &delivery.message), (id, 1, &ready("plan/poison")));
    assert!(queue.dead_letters(&Stream::Ready, 10).await.unwrap().is_empty());
    assert_eq!(queue.revive(&Stream::Ready, dead[0].id).await.unwrap(), None);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_dies_at_once_and_the_next_one_is_delivered() {
    let redis = Redis::start();
    let queue = redis.queue();
    let mut raw = redis.raw().await;
    let bad: [&[(&str, &[u8])]; 4] = [
        &[("v", b"1"), ("task", b"plan/1")],
        &[("v", b"2"), ("task", b"plan/1"), ("priority", b"1"), ("rank", b"1")],
        &[("v", b"1"), ("task", b"plan/1"), ("priority", b"high"), ("rank", b"1")],
        &[("v", b"1"), ("task", b"\xff\xfe"), ("priority", b"1"), ("rank", b"1")],
    ];
    for fields in bad {
        let mut add = redis::cmd("XADD");
        add.arg("coditect:{test}:ready").arg("*");
        for (name, value) in fields {
            add.arg(name).arg(*value);
        }
        add.exec_async(&mut raw).await.unwrap();
    }
    queue.add(&Stream::Ready, &ready("plan/good")).await.unwrap();
    let mut consumer = consume(&queue, ConsumerOptions { batch: 2, prefetch: 0, ..quick("a") });
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.message.task, "plan/good");
    delivery.ack().await.unwrap();
    let mut dead = queue.dead_letters(&Stream::Ready, 10).await.unwrap();
    dead.reverse();
    let errors: Vec<&str> = dead.iter().map(|letter| letter.error.as_str()).collect();
    assert_eq!(errors[0], "the field `priority` is missing");
    assert_eq!(errors[1], "the entry has schema version `2`, and this program reads version 1");
    assert_eq!(errors[2], "the field `priority` is `high`, which is no whole number");
    assert_eq!(dead.len(), 4);
    assert!(dead[3].fields.is_err());
    assert_eq!(pending(&queue).await, 0);
}

#[tokio::test]
async fn a_consumer_can_reject_an_entry() {
    let redis = Redis::start();
    let queue = redis.queue();
    queue.add(&Stream::Ready, &ready("plan/1")).await.unwrap();
    let mut consumer = consume(&queue, ConsumerOptions { min_idle: LONG, ..quick("a") });
    next(&mut consumer).await.reject("the task is of another plan").await.unwrap();
    let dead = queue.dead_letters(&Stream::Ready, 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].error.as_str(), dead[0].deliveries), (1, "the task is of another plan", 1));
    assert_eq!(pending(&queue).await, 0);
}

#[tokio::test]
async fn a_busy_consumer_still_buries_what_nobody_can_handle() {
    let redis = Redis::start();
    let queue = redis.queue();
    let options = ConsumerOptions { max_deliveries: 1, ..common::one_at_a_time("busy") };
    let mut busy = consume(&queue, options.clone());
    queue.add_all(&Stream::Ready, &[ready("plan/poison"), ready("plan/long")]).await.unwrap();
    let poison = next(&mut busy).await;
    let _held = next(&mut busy).await;
    drop(poison);
    until(|| async { queue.dead_letters(&Stream::Ready, 1).await.unwrap().len() }, |dead| *dead == 1).await;
    assert_eq!(pending(&queue).await, 1);
}
