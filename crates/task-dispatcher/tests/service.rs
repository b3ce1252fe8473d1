//! The whole service, with a real Redis. Its interval is an hour: what happens is because of an entry.
#![allow(clippy::unwrap_used)]

mod common;

use coditect_core::{Priority::*, TaskState};
use coditect_proto::v1::{CapacityRequest, task_dispatcher_client::TaskDispatcherClient};
use coditect_queue::Stream;
use coditect_queue::message::{Event, Ready, Work};
use common::{World, id, is_ready, next};

#[tokio::test(flavor = "multi_thread")]
async fn a_ready_task_and_a_freed_slot_each_start_what_is_next() {
    let world = World::new(0, &[("a", P0, None), ("b", P1, None), ("c", P2, None)]).await;
    let service = world.service();
    let running = tokio::spawn(task_dispatcher::run(service.clone()));
    is_ready(&service).await;
    let mut work = world.consume::<Work>(Stream::Work("default".to_owned()));

    // Many entries, one slot.
    world.executor(1).await;
    let ready = ["a", "b", "c"].map(|key| Ready { task: id(key).to_string(), ..Ready::default() });
    world.queue.add_all(&Stream::Ready, &ready).await.unwrap();
    assert_eq!(next(&mut work).await.task, "plan/a");

    let mut client =
        TaskDispatcherClient::connect(format!("http://{}", service.config.listen.grpc.task_dispatcher)).await.unwrap();
    let answer = client.capacity(CapacityRequest {}).await.unwrap().into_inner();
    assert_eq!((answer.max_concurrent, answer.slots, answer.active), (5, 1, 1));
    assert_eq!((answer.ready, answer.paused), (2, false));
    drop(client);

    world.cancel("a").await;
    let freed = Event { task: "plan/a".into(), from: "assigned".into(), to: "cancelled".into(), ..Event::default() };
    world.queue.add(&Stream::Events, &Event { actor: "orchestrator".into(), ..freed }).await.unwrap();
    assert_eq!(next(&mut work).await.task, "plan/b");
    assert_eq!(world.keys_in(TaskState::Ready).await, ["c"]);

    service.shutdown.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_lost_is_offered_again_as_soon_as_it_is_back() {
    let mut world = World::new(0, &[("a", P2, None)]).await;
    let service = world.service();
    let running = tokio::spawn(task_dispatcher::run(service.clone()));
    is_ready(&service).await;
    world.executor(1).await;
    // Whoever acts on this entry has been connected, and will notice that it no longer is.
    world.queue.add(&Stream::Ready, &Ready { task: id("a").to_string(), ..Ready::default() }).await.unwrap();
    let mut work = world.consume::<Work>(Stream::Work("default".to_owned()));
    let first = next(&mut work).await;
    drop(work);
    world.redis.lose_everything();
    let mut work = world.consume::<Work>(Stream::Work("default".to_owned()));
    let again = next(&mut work).await;
    assert_eq!((again.task, again.attempt, again.token), (first.task, first.attempt, first.token));
    service.shutdown.drain();
    running.await.unwrap().unwrap();
}
