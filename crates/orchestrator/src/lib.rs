//! The brain: applies what executors report, retries, leases, people's words, and answers for everyone.
//!
//! Every loop is level-triggered: what it does follows from what the database holds, so that it can be stopped and
//! started at any moment.

mod accounts;
mod answers;
mod api;
mod attempts;
mod backups;
mod figures;
mod http;
mod insight;
mod interventions;
mod logs;
mod metrics;
mod proposal;
mod questions;
mod reconcile;
mod requests;
mod results;
mod specification;
mod status;
#[cfg(test)]
mod tests;
mod views;

use std::sync::Arc;

use coditect_core::{Clock, RetryPolicy};
use coditect_proto::v1::orchestrator_server::{OrchestratorServer, SERVICE_NAME};
use coditect_queue::Queue;
use coditect_service::config::{LandingMode, Live};
use coditect_service::grpc::Api;
use coditect_service::leadership::{self, Term};
use coditect_service::metrics::at_scrape;
use coditect_service::{Config, Service, SystemClock, database, ticker};
use coditect_store::{Durability, Store};
use tokio::sync::Notify;

/// What all parts of the orchestrator share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Orchestrator {
    store: Store,
    queue: Queue,
    /// The configuration: for a leader that of its term, for answers the one of now.
    live: Live,
    retry: RetryPolicy,
    clock: SystemClock,
    /// Wakes the reconcile loop.
    wake: Arc<Notify>,
    /// Wakes the loop that looks after pull requests.
    delivered: Arc<Notify>,
    /// Since when it is certain that leases could be renewed: the beginning of the term.
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
    if config.landing.mode == LandingMode::PullRequest {
        // What cannot be opened is to be known before any work is done for it.
        requests::forge(&config)?;
    }
    let listener = http::listen(&service).await?;
    let Some(store) = database::open(&service, Durability::Full).await else { return Ok(()) };
    let clock = SystemClock;
    let orchestrator = Orchestrator {
        store,
        queue: Queue::connect(config.redis.url.expose(), &config.project.name)?,
        retry: RetryPolicy::try_from(&config.retry)?,
        wake: Arc::default(),
        delivered: Arc::default(),
        started_at_ms: clock.now_ms(),
        insight: Arc::default(),
        transitions: http::Transitions::default(),
        clock,
        live: service.live.clone(),
    };
    let act = |term| orchestrator.clone().lead(term);
    let leading = leadership::lead(&service, &orchestrator.store, act, std::future::pending);
    let drain = &service.shutdown.drain;
    let serving = http::serve(listener, orchestrator.clone(), drain.clone());
    let routes = tonic::service::Routes::new(OrchestratorServer::new(orchestrator.clone()));
    let api = Api { routes, names: &[SERVICE_NAME], descriptors: coditect_proto::FILE_DESCRIPTORS };
    tokio::try_join!(service.serve_grpc(api), serving, async {
        tokio::join!(leading, orchestrator.clone().tell_transitions(drain.clone()));
        Ok(())
    })?;
    Ok(())
}

impl Orchestrator {
    fn config(&self) -> Arc<Config> {
        self.live.get()
    }

    /// What the leader does: everything but to answer, which every instance can.
    async fn lead(mut self, term: Term) {
        self.store = term.store;
        self.retry = RetryPolicy::try_from(&term.config.retry).unwrap_or(self.retry);
        (self.live, _) = Live::new(term.config);
        self.started_at_ms = self.clock.now_ms();
        let this = self.clone();
        let _told = at_scrape(move || this.clone().snapshot());
        let every = self.config().reconcile.interval();
        tokio::join!(
            self.clone().consume_results(term.ended.clone()),
            self.clone().drain_logs(term.ended.clone()),
            self.clone().keep_backups(term.ended.clone()),
            self.clone().watch_requests(term.ended.clone()),
            ticker::run("orchestrator", every, &self.wake, &term.ended, || self.reconcile()),
        );
    }
}
