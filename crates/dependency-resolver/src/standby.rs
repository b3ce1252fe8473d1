//! While another instance leads, this one keeps its graph fresh, so that it can answer.

use coditect_queue::Queue;
use coditect_service::Service;
use coditect_store::Store;
use tokio::sync::Mutex;
use tracing::debug;

use crate::resolver::Resolver;

/// Runs until it is dropped. Writes nothing.
pub async fn answer(service: &Service, queue: &Queue, store: &Store, resolver: &Mutex<Resolver>) {
    loop {
        match queue.ping().await {
            Ok(()) => service.readiness.pass("redis"),
            Err(_) => service.readiness.fail("redis", "does not answer"),
        }
        match resolver.lock().await.read(store).await {
            Ok(()) => service.readiness.pass("graph"),
            Err(error) => debug!(cause = format!("{error:#}"), "the graph could not be read"),
        }
        tokio::time::sleep(service.config.reconcile.interval()).await;
    }
}
