//! Serving gRPC: a service's own routes with health and reflection beside them.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{Readiness, trace};

/// How often an idle connection is asked whether its other end still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What every server offers beside its own.
const HEALTH: &str = "grpc.health.v1.Health";

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
        names.iter().chain(&[HEALTH]).fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET),
            |builder, name| builder.with_service_name(*name),
        )
    };
    let (reporter, health) = tonic_health::server::health_reporter();
    let routes =
        routes.add_service(health).add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
    let serving = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .trace_fn(|request| {
            let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
            trace::of_call(traceparent, request.uri().path())
        })
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio_stream::{StreamExt, once};
    use tonic::transport::Channel;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    use super::*;
    use crate::listen;

    const OWN: &str = "grpc.reflection.v1.ServerReflection";

    async fn health(channel: &Channel, name: &str) -> i32 {
        let request = HealthCheckRequest { service: name.into() };
        HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status
    }

    #[tokio::test]
    async fn health_follows_readiness_and_reflection_lists_the_services_by_name() {
        let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen.grpc.orchestrator").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (readiness, until) = (Readiness::default(), CancellationToken::new());
        let server = tokio::spawn({
            let (readiness, until) = (readiness.clone(), until.clone());
            let descriptors = tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET;
            let api = Api { routes: Routes::default(), names: &[OWN], descriptors };
            async move { serve(listener, api, &readiness, until).await }
        });
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        assert_eq!(health(&channel, OWN).await, ServingStatus::NotServing as i32);

        let mut watch =
            HealthClient::new(channel.clone()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        readiness.pass("database");
        let serving = ServingStatus::Serving as i32;
        while watch.next().await.unwrap().unwrap().status != serving {}
        assert_eq!(health(&channel, OWN).await, serving);
        drop(watch);

        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers = ServerReflectionClient::new(channel.clone())
            .server_reflection_info(once(request))
            .await
            .unwrap()
            .into_inner();
        let Some(MessageResponse::ListServicesResponse(list)) = answers.next().await.unwrap().unwrap().message_response
        else {
            panic!("no list")
        };
        let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
        assert!(names.contains(&OWN) && names.contains(&HEALTH), "{names:?}");

        drop((answers, channel));
        until.cancel();
        server.await.unwrap().unwrap();
    }
}
