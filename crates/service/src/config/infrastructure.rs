//! The sections about what the services stand on: database, Redis, addresses, logs.

use std::{net::SocketAddr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretUrl;

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite://<file>` or `postgres://<user>@<host>/<database>`. A URL with a password belongs into the environment
    /// variable `DATABASE_URL`, or into a file that `DATABASE_URL_FILE` names; the configuration file refuses it.
    #[schemars(with = "String")]
    pub url: SecretUrl,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: SecretUrl::new("sqlite://.coditect/coditect.db") }
    }
}

/// Redis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://<host>:<port>`, or `rediss://` over TLS. A URL with a password belongs into the environment variable
    /// `REDIS_URL`, or into a file that `REDIS_URL_FILE` names; the configuration file refuses it.
    #[schemars(with = "String")]
    pub url: SecretUrl,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self { url: SecretUrl::new("redis://127.0.0.1:6379") }
    }
}

/// The addresses that services listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// The dashboard and the REST API: an IP address and a port.
    #[schemars(with = "String")]
    pub http: SocketAddr,
    /// The gRPC server of each service.
    pub grpc: GrpcListenConfig,
    /// The admin port of each service: `/healthz`, `/readyz`.
    pub admin: AdminListenConfig,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self { http: loopback(8080), grpc: GrpcListenConfig::default(), admin: AdminListenConfig::default() }
    }
}

/// The gRPC server of each service: an IP address and a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcListenConfig {
    /// Of `orchestrator`.
    #[schemars(with = "String")]
    pub orchestrator: SocketAddr,
    /// Of `sync-daemon`.
    #[schemars(with = "String")]
    pub sync_daemon: SocketAddr,
    /// Of `dependency-resolver`.
    #[schemars(with = "String")]
    pub dependency_resolver: SocketAddr,
    /// Of `task-dispatcher`.
    #[schemars(with = "String")]
    pub task_dispatcher: SocketAddr,
    /// Of `agent-executor`.
    #[schemars(with = "String")]
    pub agent_executor: SocketAddr,
}

impl Default for GrpcListenConfig {
    fn default() -> Self {
        Self {
            orchestrator: loopback(7001),
            sync_daemon: loopback(7002),
            dependency_resolver: loopback(7003),
            task_dispatcher: loopback(7004),
            agent_executor: loopback(7005),
        }
    }
}

/// The admin port of each service: an IP address and a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminListenConfig {
    /// Of `orchestrator`.
    #[schemars(with = "String")]
    pub orchestrator: SocketAddr,
    /// Of `sync-daemon`.
    #[schemars(with = "String")]
    pub sync_daemon: SocketAddr,
    /// Of `dependency-resolver`.
    #[schemars(with = "String")]
    pub dependency_resolver: SocketAddr,
    /// Of `task-dispatcher`.
    #[schemars(with = "String")]
    pub task_dispatcher: SocketAddr,
    /// Of `agent-executor`.
    #[schemars(with = "String")]
    pub agent_executor: SocketAddr,
}

impl Default for AdminListenConfig {
    fn default() -> Self {
        Self {
            orchestrator: loopback(7101),
            sync_daemon: loopback(7102),
            dependency_resolver: loopback(7103),
            task_dispatcher: loopback(7104),
            agent_executor: loopback(7105),
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// How services stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// How long a service that is asked to stop may finish what is under way before it is cut off, in milliseconds.
    /// Attempts that are cut off cost their tasks nothing.
    #[schemars(range(min = 1))]
    pub drain_limit_ms: u64,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { drain_limit_ms: 30_000 }
    }
}

impl ShutdownConfig {
    /// How long a service may finish what is under way.
    #[must_use]
    pub const fn drain_limit(&self) -> Duration {
        Duration::from_millis(self.drain_limit_ms)
    }
}

/// What services log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Lines for people, or one JSON object a line.
    pub format: LogFormat,
    /// How much: `error`, `warn`, `info`, `debug` or `trace`, or levels by module, like `info,coditect_queue=debug`. The
    /// environment variable `RUST_LOG` wins over it.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
