//! The brain: applies what executors report, retries, leases, people's words, and answers for everyone.
//!
//! Every loop is level-triggered: what it does follows from what the database holds, so that it can be stopped and
//! started at any moment.

mod answers;
mod api;
mod attempts;
mod backups;
mod figures;
mod http;
mod insight;
mod interventions;
mod logs;
mod reconcile;
mod results;
mod status;
#[cfg(test)]
mod tests;
mod views;

use std::sync::Arc;

use coditect_core::{Clock, RetryPolicy};
use coditect_proto::v1::orchestrator_server::{OrchestratorServer, SERVICE_NAME};
use coditect_queue::Queue;
use coditect_service::grpc::Api;
use coditect_service::{Config, Service, SystemClock, database, ticker};
use coditect_store::{Durability, Store};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// What all parts of the orchestrator share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Orchestrator {
    store: Store,
    queue: Queue,
    config: Arc<Config>,
    retry: RetryPolicy,
    clock: SystemClock,
    /// Wakes the reconcile loop.
    wake: Arc<Notify>,
    /// Since when leases could be renewed at all.
    started_at_ms: i64,
    insight: Arc<tokio::sync::Mutex<insight::Insight>>,
    /// Every transition, to whoever listens.
    transitions: http::Transitions,
}

/// Runs the service until it drains.
///
/// # Errors
/// What keeps it from starting: the configuration, the database, an address in use.
pub async fn run(service: Service) -> anyhow::Result<()> {
    let config = Arc::clone(&service.config);
    let listener = http::listen(&service).await?;
    let Some(store) = database::open(&service, Durability::Full).await else { return Ok(()) };
    let clock = SystemClock;
    let orchestrator = Orchestrator {
        store,
        queue: Queue::connect(config.redis.url.expose(), &config.project.name)?,
        retry: RetryPolicy::try_from(&config.retry)?,
        wake: Arc::default(),
        started_at_ms: clock.now_ms(),
        insight: Arc::default(),
        transitions: http::Transitions::default(),
        clock,
        config,
    };
    let tasks = TaskTracker::new();
    let drain = service.shutdown.drain.clone();
    tasks.spawn(orchestrator.clone().consume_results(drain.clone()));
    tasks.spawn(orchestrator.clone().drain_logs(drain.clone()));
    {
        let (this, drain) = (orchestrator.clone(), drain.clone());
        tasks.spawn(async move {
            let every = this.config.reconcile.interval();
            ticker::run("orchestrator", every, &this.wake, &drain, || this.reconcile()).await;
        });
    }
    tasks.spawn(orchestrator.clone().keep_backups(drain.clone()));
    tasks.spawn(orchestrator.clone().tell_transitions(drain.clone()));
    let serving = http::serve(listener, orchestrator.clone(), drain.clone());
    tasks.close();
    let routes = tonic::service::Routes::new(OrchestratorServer::new(orchestrator));
    let api = Api { routes, names: &[SERVICE_NAME], descriptors: coditect_proto::FILE_DESCRIPTORS };
    tokio::try_join!(service.serve_grpc(api), serving)?;
    tasks.wait().await;
    Ok(())
}
