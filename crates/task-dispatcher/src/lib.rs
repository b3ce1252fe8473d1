//! Gives ready tasks to agents: as many as there are free slots, in dispatch order.
//!
//! A pass takes no input: it reads from the database what is ready, what is free and what is held, decides, and assigns, all
//! in one transaction that no other dispatcher's overlaps. A task that its agent or account holds up does not hold up
//! others. Entries of `ready` and of `events` only wake it; the order of waiting tasks is the
//! database's. Assigned attempts that nobody claims are offered again, so that a lost entry costs time and no task.

pub mod account;
pub mod agents;
pub mod api;
pub mod capacity;
pub mod dispatch;
pub mod explain;
pub mod ledger;
pub mod look;
pub mod offer;
pub mod offers;
pub mod pauses;
pub mod wake;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

use coditect_queue::message::{Event, Ready};
use coditect_queue::{ConsumerOptions, Queue, Stream};
use coditect_service::{Readiness, Service, database, ticker};
use coditect_store::Durability;
use tokio::sync::{Mutex, RwLock};

use crate::agents::Agents;
use crate::dispatch::Dispatcher;
use crate::wake::{Wake, frees_a_slot};

/// How many entries are read at once.
const BATCH: usize = 256;

/// The name of the group and, as there is one dispatcher, of its consumer.
const GROUP: &str = "task-dispatcher";

/// Runs the service until it drains.
///
/// # Errors
/// A configuration that cannot be followed; a port that cannot be listened on.
pub async fn run(service: Service) -> anyhow::Result<()> {
    for check in ["database", "redis"] {
        service.readiness.wait_for(check);
    }
    let config = &service.config;
    let queue = Queue::connect(config.redis.url.expose(), &config.project.name)?;
    let Some(store) = database::open(&service, Durability::Normal).await else { return Ok(()) };
    let drain = &service.shutdown.drain;
    let options = || ConsumerOptions { batch: BATCH, prefetch: BATCH, ..ConsumerOptions::new(GROUP, GROUP) };
    let ready = queue.consume::<Ready>(Stream::Ready, options(), drain.clone());
    let events = queue.consume::<Event>(Stream::Events, options(), drain.clone());
    let agents = Arc::new(RwLock::new(Agents::new(config.clone())));
    let dispatcher = Mutex::new(Dispatcher::new(store.clone(), queue.clone(), config.clone(), Arc::clone(&agents)));
    let (wake, readiness) = (Wake::default(), &service.readiness);
    let pass = async || {
        let lost = wake.take_lost();
        let mut dispatcher = dispatcher.lock().await;
        let passed = dispatcher.pass(lost).await;
        match &passed {
            Ok(_) => {
                readiness.pass("database");
                wake.at(dispatcher.due_ms());
            }
            Err(_) => {
                readiness.fail("database", "fails");
                wake.remember(lost);
            }
        }
        passed.map(drop)
    };
    let every = config.reconcile.interval();
    tokio::try_join!(service.serve_grpc(api::api(store, config.clone(), agents, Arc::clone(&wake.notify))), async {
        tokio::join!(
            wake.on(ready, |_| true, drain),
            wake.on(events, frees_a_slot, drain),
            ticker::run("dispatch", every, &wake.notify, drain, pass),
            watch_redis(&queue, readiness, every, &service),
        );
        Ok(())
    })?;
    Ok(())
}

/// Keeps the check of Redis up to date until the service drains.
async fn watch_redis(queue: &Queue, readiness: &Readiness, every: Duration, service: &Service) {
    while !service.shutdown.drain.is_cancelled() {
        match queue.ping().await {
            Ok(()) => readiness.pass("redis"),
            Err(_) => readiness.fail("redis", "does not answer"),
        }
        tokio::select! {
            () = service.shutdown.drain.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}
