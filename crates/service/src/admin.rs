//! The admin port: is the process alive, can it do its work, and how much of it has it done?

use std::io;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Readiness, metrics};

/// The routes of the admin port.
///
/// `/healthz` answers 200 as long as the process runs; `/readyz` answers 200 or 503 with every check as JSON; `/metrics`
/// is for Prometheus.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(async || ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text().await)))
        .with_state(readiness)
}

/// Serves the admin port until `until` is cancelled.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, until: CancellationToken) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(until.cancelled_owned()).await
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;
    use crate::listen;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_live_service_whose_check_fails_is_healthy_but_not_ready() {
        let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen.admin.orchestrator").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (readiness, until) = (Readiness::default(), CancellationToken::new());
        let server = tokio::spawn(serve(listener, router(readiness.clone()), until.clone()));

        readiness.fail("redis", "connection refused");
        assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let answer = get(address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains(r#""redis":{"status":"failing","reason":"connection refused"}"#), "{answer}");

        let answer = get(address, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("# EOF\n"), "{answer}");

        readiness.pass("redis");
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        until.cancel();
        server.await.unwrap().unwrap();
    }
}
