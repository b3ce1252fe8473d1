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
use coditect_service::leadership::{self, Term};
use coditect_service::{Readiness, Service, database, ticker};
use coditect_store::Durability;
use tokio::sync::{Mutex, RwLock};

use crate::agents::Agents;
use crate::dispatch::Dispatcher;
use crate::wake::{Wake, frees_a_slot};

/// How many entries are read at once.
const BATCH: usize = 256;

/// The name of the group and, as one dispatcher leads, of its consumer.
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
    let every = config.reconcile.interval();
    let agents = Arc::new(RwLock::new(Agents::new(config.clone())));
    let wake = Wake::default();
    let act = |term| act(&service, &queue, Arc::clone(&agents), &wake, term);
    let leading = leadership::lead(&service, &store, act, std::future::pending);
    let api = api::api(store.clone(), service.live.clone(), Arc::clone(&agents), Arc::clone(&wake.notify));
    tokio::try_join!(service.serve_grpc(api), async {
        tokio::join!(leading, watch_redis(&queue, &service.readiness, every, &service));
        Ok(())
    })?;
    Ok(())
}

/// What the leader does.
async fn act(service: &Service, queue: &Queue, agents: Arc<RwLock<Agents>>, wake: &Wake, term: Term) {
    let (config, readiness, ended) = (&term.config, &service.readiness, &term.ended);
    *agents.write().await = Agents::new(config.clone());
    let options = || ConsumerOptions { batch: BATCH, prefetch: BATCH, ..ConsumerOptions::new(GROUP, GROUP) };
    let ready = queue.consume::<Ready>(Stream::Ready, options(), ended.clone());
    let events = queue.consume::<Event>(Stream::Events, options(), ended.clone());
    let dispatcher = Mutex::new(Dispatcher::new(term.store.clone(), queue.clone(), config.clone(), agents));
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
    tokio::join!(
        wake.on(ready, |_| true, ended),
        wake.on(events, frees_a_slot, ended),
        ticker::run("dispatch", config.reconcile.interval(), &wake.notify, ended, pass),
    );
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
