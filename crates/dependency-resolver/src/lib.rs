//! Decides which tasks may start.
//!
//! A [`resolver::Resolver`] holds the graph of all plans in memory and moves tasks between pending and ready in the
//! database, which checks every move itself. Entries only name tasks: what is decided follows from the database alone,
//! so that an entry which is repeated or lost changes nothing.

pub mod announce;
pub mod api;
pub mod cycles;
pub mod resolver;
pub mod standby;
pub mod work;

use std::sync::Arc;

use coditect_queue::{ConsumerOptions, Queue, Stream};
use coditect_service::leadership::{self, Term};
use coditect_service::{Service, database};
use coditect_store::Durability;
use tokio::sync::Mutex;

use crate::resolver::Resolver;
use crate::work::{BATCH, Work};

/// The name of the group and, as one resolver leads, of its consumer.
const GROUP: &str = "dependency-resolver";

/// Runs the service until it drains.
///
/// # Errors
/// A configuration that cannot be followed; a port that cannot be listened on.
pub async fn run(service: Service) -> anyhow::Result<()> {
    for check in ["database", "redis", "graph"] {
        service.readiness.wait_for(check);
    }
    let config = &service.config;
    let queue = Queue::connect(config.redis.url.expose(), &config.project.name)?;
    let Some(store) = database::open(&service, Durability::Normal).await else { return Ok(()) };
    let resolver = Resolver::new(store.clone(), config.cycles.policy).with_optional(config.plan.optional);
    let resolver = Arc::new(Mutex::new(resolver));
    let act = |term| act(&service, &queue, &resolver, term);
    let leading = leadership::lead(&service, &store, act, || standby::answer(&service, &queue, &store, &resolver));
    let api = api::api(Arc::clone(&resolver), store.clone(), config.dispatch.max_concurrent);
    tokio::try_join!(service.serve_grpc(api), async {
        leading.await;
        Ok(())
    })?;
    Ok(())
}

/// What the leader does.
async fn act(service: &Service, queue: &Queue, resolver: &Arc<Mutex<Resolver>>, term: Term) {
    let options = || ConsumerOptions { batch: BATCH, prefetch: BATCH, ..ConsumerOptions::new(GROUP, GROUP) };
    let plans = queue.consume(Stream::Plan, options(), term.ended.clone());
    let events = queue.consume(Stream::Events, options(), term.ended.clone());
    resolver.lock().await.lead(term.store.clone());
    Work::new(Arc::clone(resolver), term.store, queue.clone(), service, term.ended).run(plans, events).await;
}
