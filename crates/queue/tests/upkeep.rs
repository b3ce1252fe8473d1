//! Trimming, looking, forgetting, logs and leases.

mod common;

use std::time::Duration;

use coditect_queue::message::{LogLine, Ready};
use coditect_queue::{ConsumerOptions, Stream, Trimmed};
use common::{LONG, Redis, consume, next, nothing, quick, ready, until};

fn tasks(count: usize) -> Vec<Ready> {
    (0..count).map(|n| ready(&format!("plan/{n}"))).collect()
}

#[tokio::test]
async fn trimming_drops_what_every_group_acknowledged_and_nothing_that_is_pending_or_unread() {
    let redis = Redis::start();
    let queue = redis.queue();
    assert_eq!(queue.trim(&Stream::Ready).await.unwrap(), Trimmed::default());
    let ids = queue.add_all(&Stream::Ready, &tasks(10)).await.unwrap();
    assert_eq!(queue.trim(&Stream::Ready).await.unwrap(), Trimmed::default());

    let options = ConsumerOptions { min_idle: LONG * 10, prefetch: 0, batch: 1, ..quick("a") };
    let mut a = consume(&queue, options.clone());
    let mut pending = Vec::new();
    for n in 0..6 {
        let delivery = next(&mut a).await;
        if n == 3 { pending.push(delivery) } else { delivery.ack().await.unwrap() }
    }
    let mut b = consume(&queue, ConsumerOptions { group: "slow", ..options });
    next(&mut b).await.ack().await.unwrap();
    next(&mut b).await.ack().await.unwrap();
    // The slow group has read 2 of 10; the other has acknowledged 3 before its oldest pending entry.
    assert_eq!(queue.trim(&Stream::Ready).await.unwrap(), Trimmed { acknowledged: 1, beyond_cap: 0 });
    for _ in 2..10 {
        next(&mut b).await.ack().await.unwrap();
    }
    assert_eq!(queue.trim(&Stream::Ready).await.unwrap(), Trimmed { acknowledged: 2, beyond_cap: 0 });
    let stream = queue.inspect().await.unwrap().remove(0);
    assert_eq!(stream.length, 7);
    let held = pending.remove(0);
    assert_eq!(held.id, ids[3]);
    held.ack().await.unwrap();
    assert_eq!(queue.trim(&Stream::Ready).await.unwrap(), Trimmed { acknowledged: 2, beyond_cap: 0 });
    assert_eq!(next(&mut a).await.message.task, "plan/6");
}

#[tokio::test]
async fn a_stream_beyond_its_bound_loses_its_oldest_entries_and_their_claims_are_forgotten() {
    let redis = Redis::start();
    let queue = redis.queue().with_stream_cap(3);
    let mut gone = consume(&queue, ConsumerOptions { batch: 1, prefetch: 0, ..quick("gone") });
    queue.add_all(&Stream::Ready, &tasks(2)).await.unwrap();
    drop(next(&mut gone).await);
    drop(gone);
    queue.add_all(&Stream::Ready, &tasks(8)).await.unwrap();
    let trimmed = queue.trim(&Stream::Ready).await.unwrap();
    assert_eq!(trimmed, Trimmed { acknowledged: 0, beyond_cap: 7 });
    let mut consumer = consume(&queue, quick("a"));
    for task in ["plan/5", "plan/6", "plan/7"] {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.message.task, task);
        delivery.ack().await.unwrap();
    }
    until(|| common::pending(&queue), |pending| *pending == 0).await;
    assert!(nothing(&mut consumer).await);
    assert!(queue.dead_letters(&Stream::Ready, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stream_is_bounded_though_nobody_trims_it() {
    let redis = Redis::start();
    let queue = redis.queue().with_stream_cap(100);
    queue.add_all(&Stream::Ready, &tasks(1000)).await.unwrap();
    assert!(queue.inspect().await.unwrap()[0].length <= 200);
}

#[tokio::test]
async fn inspecting_tells_what_waits_where() {
    let redis = Redis::start();
    let queue = redis.queue();
    assert!(queue.inspect().await.unwrap().is_empty());
    queue.add_all(&Stream::Ready, &tasks(5)).await.unwrap();
    queue.add(&Stream::Work("gpu".into()), &ready("plan/1")).await.unwrap();
    queue.add_log("attempt-1", &[LogLine { at_ms: 1, kind: "text".into(), text: "hello".into() }]).await.unwrap();
    let other = coditect_queue::Queue::connect(&redis.url(), "other").unwrap();
    other.add(&Stream::Plan, &ready("plan/1")).await.unwrap();
    let mut consumer = consume(&queue, ConsumerOptions { batch: 1, prefetch: 0, min_idle: LONG, ..quick("a") });
    next(&mut consumer).await.ack().await.unwrap();
    let held = next(&mut consumer).await;
    next(&mut consumer).await.reject("no").await.unwrap();

    let streams = queue.inspect().await.unwrap();
    let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["dead:ready", "ready", "work:gpu"]);
    let (dead, ready, work) = (&streams[0], &streams[1], &streams[2]);
    assert_eq!((dead.length, dead.groups.len()), (1, 0));
    assert_eq!((work.length, work.groups.len()), (1, 0));
    assert_eq!(ready.length, 5);
    assert!(ready.oldest.is_some_and(|oldest| oldest < LONG));
    let [group] = &ready.groups[..] else { panic!("one group: {ready:?}") };
    assert_eq!((group.name.as_str(), group.pending, group.lag, group.consumers), ("svc", 1, Some(2), 1));
    assert!(group.last_delivered > held.id);
    assert!(group.oldest_pending.is_some_and(|oldest| oldest < LONG));

    let server = queue.server().await.unwrap();
    assert!(server.version.starts_with(|c: char| c.is_ascii_digit()));
    assert!(!server.may_evict() && server.max_memory == 0);
    queue.ping().await.unwrap();
}

#[tokio::test]
async fn only_consumers_with_nothing_pending_are_forgotten() {
    let redis = Redis::start();
    let queue = redis.queue();
    queue.add_all(&Stream::Ready, &tasks(2)).await.unwrap();
    let patient = |name| ConsumerOptions { batch: 1, prefetch: 0, min_idle: LONG * 10, ..quick(name) };
    let (mut done, mut busy) = (consume(&queue, patient("done")), consume(&queue, patient("busy")));
    next(&mut done).await.ack().await.unwrap();
    let _held = next(&mut busy).await;
    drop(done);
    let consumers = || async { queue.inspect().await.unwrap()[0].groups[0].consumers };
    assert_eq!(consumers().await, 2);
    // Its reader may still wait in its last read.
    until(|| async { queue.forget_consumers(&Stream::Ready, "svc", Duration::ZERO).await.unwrap() }, |n| *n == 1).await;
    until(consumers, |n| *n == 1).await;
    assert_eq!(common::pending(&queue).await, 1);
    assert_eq!(queue.forget_consumers(&Stream::Ready, "svc", Duration::ZERO).await.unwrap(), 0);
}

#[tokio::test]
async fn a_log_is_read_on_from_where_one_was_and_is_bounded_in_length_and_time() {
    let redis = Redis::start();
    let queue = redis.queue();
    let line = |n: i64| LogLine { at_ms: n, kind: "text".into(), text: format!("line {n}") };
    let lines: Vec<LogLine> = (0..3).map(line).collect();
    queue.add_log("a1", &lines).await.unwrap();
    queue.add_log("a2", &[]).await.unwrap();
    let read = queue.read_log("a1", None, 2).await.unwrap();
    assert_eq!(read.iter().map(|(_, line)| line).collect::<Vec<_>>(), [&lines[0], &lines[1]]);
    let rest = queue.read_log("a1", read.last().map(|(id, _)| *id), 10).await.unwrap();
    assert_eq!(rest.iter().map(|(_, line)| line).collect::<Vec<_>>(), [&lines[2]]);
    assert!(queue.read_log("a1", rest.last().map(|(id, _)| *id), 10).await.unwrap().is_empty());

    for chunk in (0..12_000).collect::<Vec<i64>>().chunks(1000) {
        queue.add_log("a1", &chunk.iter().copied().map(line).collect::<Vec<_>>()).await.unwrap();
    }
    let all = queue.read_log("a1", None, 100_000).await.unwrap();
    assert!((5_000..5_200).contains(&all.len()), "{} lines", all.len());
    assert_eq!(all.last().map(|(_, line)| line.at_ms), Some(11_999));
    let mut raw = redis.raw().await;
    let ttl: i64 = redis::cmd("TTL").arg("coditect:{test}:log:a1").query_async(&mut raw).await.unwrap();
    assert!((86_000..=86_400).contains(&ttl), "{ttl}");

    assert_eq!(queue.log_attempts().await.unwrap(), ["a1"]);
    queue.delete_log("a1").await.unwrap();
    assert!(queue.log_attempts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lease_is_there_until_it_runs_out() {
    let redis = Redis::start();
    let queue = redis.queue();
    assert_eq!(queue.lease("a1").await.unwrap(), None);
    queue.touch_lease("a1", 7, LONG).await.unwrap();
    assert_eq!(queue.lease("a1").await.unwrap(), Some(7));
    queue.touch_lease("a1", 7, Duration::from_millis(1)).await.unwrap();
    until(|| async { queue.lease("a1").await.unwrap() }, Option::is_none).await;
    queue.touch_lease("a1", 8, LONG).await.unwrap();
    queue.drop_lease("a1").await.unwrap();
    assert_eq!(queue.lease("a1").await.unwrap(), None);
}
