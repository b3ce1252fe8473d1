//! The dashboard's and everyone else's HTTP: REST under `/api/v1`, live events, and the page itself.
//!
//! A route is a thin skin over the gRPC service: what it answers is the same message, as JSON. [`routes`] has them,
//! [`events`] and [`logs`] the streams, [`guard`] who may use them, [`error`] how a refusal looks.

mod assets;
mod error;
mod events;
mod guard;
mod logs;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use coditect_service::{Service, listen};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::Orchestrator;
use error::Refusal;
use guard::Guard;

pub(crate) use events::Transitions;

/// Nobody has more to say than this at once.
const LARGEST_BODY: usize = 256 * 1024;

/// What the routes work with.
#[derive(Debug, Clone)]
struct App {
    orchestrator: Orchestrator,
    guard: Guard,
    drain: CancellationToken,
    /// The OpenAPI document.
    document: Arc<serde_json::Value>,
}

/// Listens on `listen.http`, if the configuration says who may use what is served there.
pub(crate) async fn listen(service: &Service) -> anyhow::Result<TcpListener> {
    let address = service.config.listen.http;
    if let Some(refusal) = service.config.http.refusal(address) {
        anyhow::bail!(refusal);
    }
    let listener = listen::bind(address, "listen.http").await?;
    info!(address = %listener.local_addr()?, "serving HTTP");
    Ok(listener)
}

/// Serves HTTP until `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    orchestrator: Orchestrator,
    drain: CancellationToken,
) -> anyhow::Result<()> {
    let guard = Guard::new(&orchestrator.config().http, listener.local_addr()?);
    let router = router(orchestrator, guard, drain.clone());
    Ok(axum::serve(listener, router).with_graceful_shutdown(drain.cancelled_owned()).await?)
}

fn router(orchestrator: Orchestrator, guard: Guard, drain: CancellationToken) -> Router {
    let (routes, document) = routes::routes().split_for_parts();
    let app = App { orchestrator, guard: guard.clone(), drain, document: Arc::new(serde_json::json!(document)) };
    routes
        .method_not_allowed_fallback(async || Refusal::method())
        .with_state(app)
        // What is not there is said in JSON below /api, and by the page elsewhere.
        .route("/api/{*rest}", axum::routing::any(async || Refusal::route()))
        .fallback_service(assets::router())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(guard, guard::check))
}
