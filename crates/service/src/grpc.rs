//! Serving gRPC: a service's own routes with health and reflection beside them.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::Readiness;

/// How often an idle connection is asked whether its other end still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What a server offers.
#[derive(Debug)]
pub struct Api {
    /// The services.
    pub routes: Routes,
    /// Their full names, like `coditect.v1.Orchestrator` (the generated `SERVICE_NAME`s): what reflection lists and
    /// health answers for.
    pub names: &'static [&'static str],
    /// The encoded descriptors of their protocol files.
    pub descriptors: &'static [u8],
}

/// Serving ended in an error.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptors are not what reflection can read.
    #[error("the embedded gRPC descriptors are broken")]
    Descriptors(#[from] tonic_reflection::server::Error),
    /// The connection failed.
    #[error("the gRPC server stopped")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves `api` until `until` is cancelled, then lets requests under way end.
///
/// `grpc.health.v1` follows `readiness`; reflection speaks v1 and v1alpha. Streams that never end keep this from
/// returning: whoever calls it bounds it, as [`crate::boot::main`] does.
///
/// # Errors
/// When the descriptors cannot be read, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    readiness: &Readiness,
    until: CancellationToken,
) -> Result<(), ServeError> {
    let Api { routes, names, descriptors } = api;
    let reflection = || {
        names.iter().fold(
            tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(descriptors),
            |builder, name| builder.with_service_name(*name),
        )
    };
    let (reporter, health) = tonic_health::server::health_reporter();
    let routes = routes
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let serving = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), until.cancelled_owned());
    tokio::select! {
        served = serving => Ok(served?),
        () = follow(readiness, &reporter, names) => Ok(()),
    }
}

/// Reports readiness as health. Does not return.
async fn follow(readiness: &Readiness, reporter: &HealthReporter, names: &[&str]) {
    let mut watch = readiness.watch();
    loop {
        let ready = watch.borrow_and_update().ready;
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in names.iter().chain(&[""]) {
            reporter.set_service_status(*name, status).await;
        }
        // `readiness` keeps the sender, so that an error cannot be; it would leave the last status standing.
        if watch.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
