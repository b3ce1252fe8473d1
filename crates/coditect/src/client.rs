//! The way to a running system: where it is, and what its refusals mean to a person.

use std::time::Duration;

use coditect_proto::v1::dependency_resolver_client::DependencyResolverClient;
use coditect_proto::v1::orchestrator_client::OrchestratorClient;
use coditect_proto::v1::sync_daemon_client::SyncDaemonClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::failure::Failure;
use crate::run_file::RunFile;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A list of ten thousand tasks is a large message.
const LARGEST_ANSWER: usize = 64 << 20;

/// Which running system is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    /// The orchestrator's gRPC endpoint [default: that of the `coditect up` of this project]
    #[arg(long, value_name = "URL", env = "CODITECT_ORCHESTRATOR")]
    endpoint: Option<String>,
}

impl Target {
    /// The orchestrator that is meant.
    pub(crate) fn orchestrator(&self) -> Result<OrchestratorClient<Channel>, Failure> {
        match &self.endpoint {
            Some(endpoint) => orchestrator(endpoint),
            None => orchestrator(&here("an orchestrator with --endpoint URL or CODITECT_ORCHESTRATOR")?.orchestrator),
        }
    }
}

/// Which running sync-daemon is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Daemon {
    /// The sync-daemon's gRPC endpoint [default: that of the `coditect up` of this project]
    #[arg(long, value_name = "URL", env = "CODITECT_SYNC_DAEMON")]
    endpoint: Option<String>,
}

impl Daemon {
    /// The sync-daemon that is meant.
    pub(crate) fn client(&self) -> Result<SyncDaemonClient<Channel>, Failure> {
        match &self.endpoint {
            Some(endpoint) => sync_daemon(endpoint),
            None => sync_daemon(&here("a sync-daemon with --endpoint URL or CODITECT_SYNC_DAEMON")?.sync_daemon),
        }
    }
}

/// The run of the project the current folder is in. `other`: what may be named instead, and how.
pub(crate) fn here(other: &str) -> Result<RunFile, Failure> {
    let folder = std::env::current_dir().map_err(|error| Failure::wrong(format!("no current folder: {error}")))?;
    RunFile::find(&folder)?.ok_or_else(|| {
        Failure::unreachable(format!("nothing runs for {}: no .coditect/run.json here or above", folder.display()))
            .help(format!("start it with `coditect up`, or name {other}"))
    })
}

/// The orchestrator at an endpoint.
pub(crate) fn orchestrator(endpoint: &str) -> Result<OrchestratorClient<Channel>, Failure> {
    Ok(OrchestratorClient::new(channel(endpoint)?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The sync-daemon at an endpoint.
pub(crate) fn sync_daemon(endpoint: &str) -> Result<SyncDaemonClient<Channel>, Failure> {
    Ok(SyncDaemonClient::new(channel(endpoint)?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The dependency-resolver at an endpoint.
pub(crate) fn resolver(endpoint: &str) -> Result<DependencyResolverClient<Channel>, Failure> {
    Ok(DependencyResolverClient::new(channel(endpoint)?).max_decoding_message_size(LARGEST_ANSWER))
}

/// Connects when first used, and again when the connection breaks.
fn channel(endpoint: &str) -> Result<Channel, Failure> {
    let url = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
    let endpoint = Endpoint::from_shared(url).map_err(|_| {
        Failure::usage(format!("`{endpoint}` is no endpoint")).help("name one like http://127.0.0.1:7001")
    })?;
    Ok(endpoint.connect_timeout(CONNECT_WITHIN).timeout(ANSWER_WITHIN).connect_lazy())
}

/// What a refused request means to a person.
pub(crate) fn refused(status: Status) -> Failure {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
            let why = status.message();
            let why = if why.is_empty() { "no answer" } else { why };
            Failure::unreachable(format!("the system cannot be reached: {why}"))
                .help("start it with `coditect up`, or name a running one with --endpoint URL")
        }
        Code::Unimplemented => Failure::wrong("the running system does not know this request")
            .help("bring it and this command line to the same version"),
        _ => Failure::wrong(status.message().to_owned()),
    }
}
