//! The way to the APIs: one pool of connections for all sessions of an executor.
//!
//! HTTP/1.1, so that every stream has its own connection and none waits for another's flow control.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use crate::outbound::Outbound;

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// What went wrong with a body on its way.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way.
pub(crate) type Body = BoxBody<Bytes, BodyError>;

/// A client of the APIs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client(legacy::Client<HttpsConnector<Outbound>, Body>);

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the gateway cannot speak TLS")]
pub struct TlsError(#[source] rustls::Error);

impl Client {
    /// Trusts what this machine trusts (`SSL_CERT_FILE` names another file); where it has no certificates of its own, what Mozilla does.
    pub(crate) fn new() -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(TlsError)?;
        let config = match config.clone().with_native_roots() {
            Ok(config) => config,
            Err(error) => {
                tracing::debug!(%error, "this machine has no certificates of its own; those of Mozilla are trusted");
                config.with_webpki_roots()
            }
        };
        Ok(Self::with_tls(config.with_no_client_auth()))
    }

    fn with_tls(config: ClientConfig) -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_LIMIT));
        http.set_keepalive(Some(Duration::from_secs(30)));
        http.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Outbound::new(http, Matcher::from_env()));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_preserve_header_case(true)
            .build(connector);
        Self(client)
    }

    pub(crate) fn send(&self, request: http::Request<Body>) -> legacy::ResponseFuture {
        self.0.request(request)
    }
}
