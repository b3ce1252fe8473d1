//! Reaching a running system.

use std::time::Duration;

use coditect_proto::v1::dependency_resolver_client::DependencyResolverClient;
use coditect_proto::v1::orchestrator_client::OrchestratorClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::failure::Failure;
use crate::run_file::RunFile;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

fn channel(endpoint: &str) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(endpoint.to_owned())
        .map_err(|_| Failure::usage(format!("`{endpoint}` is no endpoint")).help("expected http://HOST:PORT"))?;
    Ok(endpoint.timeout(LIMIT).connect_timeout(Duration::from_secs(2)).connect_lazy())
}

/// The orchestrator at `endpoint`.
pub(crate) fn orchestrator(endpoint: &str) -> Result<OrchestratorClient<Channel>, Failure> {
    Ok(OrchestratorClient::new(channel(endpoint)?))
}

/// The dependency-resolver at `endpoint`.
fn resolver(endpoint: &str) -> Result<DependencyResolverClient<Channel>, Failure> {
    Ok(DependencyResolverClient::new(channel(endpoint)?))
}

/// Which running system is meant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    /// The orchestrator's gRPC endpoint [default: of the `coditect up` that runs in this project]
    #[arg(long, value_name = "http://HOST:PORT", env = "CODITECT_ORCHESTRATOR")]
    endpoint: Option<String>,
    /// The dependency-resolver's gRPC endpoint [default: likewise]
    #[arg(long, value_name = "http://HOST:PORT", env = "CODITECT_RESOLVER", hide = true)]
    resolver: Option<String>,
}

impl Target {
    /// The orchestrator that is meant.
    pub(crate) fn orchestrator(&self) -> Result<OrchestratorClient<Channel>, Failure> {
        match &self.endpoint {
            Some(endpoint) => orchestrator(endpoint),
            None => orchestrator(&here()?.orchestrator),
        }
    }

    /// The dependency-resolver that is meant.
    pub(crate) fn resolver(&self) -> Result<DependencyResolverClient<Channel>, Failure> {
        match &self.resolver {
            Some(endpoint) => resolver(endpoint),
            None => resolver(&here()?.dependency_resolver),
        }
    }
}

/// The run file of the project we are in.
pub(crate) fn here() -> Result<RunFile, Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::wrong(format!("no current folder: {error}")))?;
    RunFile::find(&here)?.ok_or_else(|| {
        Failure::unreachable("nothing of CODITECT runs in this project")
            .help("start it with `coditect up`, or name a running one with --endpoint http://HOST:PORT")
    })
}

/// What a refused or failed call means for a person.
#[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
pub(crate) fn refused(status: Status) -> Failure {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown => {
            Failure::unreachable("the system cannot be reached")
                .help(format!("is `coditect up` still running? ({})", status.message()))
        }
        Code::InvalidArgument => Failure::usage(status.message().to_owned()),
        _ => Failure::wrong(status.message().to_owned()),
    }
}
