//! Reaching a running system.

use std::time::Duration;

use coditect_proto::v1::dependency_resolver_client::DependencyResolverClient;
use coditect_proto::v1::orchestrator_client::OrchestratorClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::failure::{Failure, UNREACHABLE};
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
pub(crate) fn resolver(endpoint: &str) -> Result<DependencyResolverClient<Channel>, Failure> {
    Ok(DependencyResolverClient::new(channel(endpoint)?))
}

/// The run file of the project we are in.
pub(crate) fn run_file() -> Result<RunFile, Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::wrong(format!("no current folder: {error}")))?;
    RunFile::find(&here)?.ok_or_else(|| {
        Failure::unreachable("nothing of CODITECT runs in this project")
            .help("start it with `coditect up`, or name a running one with --endpoint http://HOST:PORT")
    })
}

/// The orchestrator that is meant: named, or of the project we are in.
pub(crate) fn connect(endpoint: Option<&str>) -> Result<OrchestratorClient<Channel>, Failure> {
    match endpoint {
        Some(endpoint) => orchestrator(endpoint),
        None => orchestrator(&run_file()?.orchestrator),
    }
}

/// What a refused or failed call means for a person.
pub(crate) fn failed(status: Status) -> Failure {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown => {
            let failure = Failure { code: UNREACHABLE, message: "the system cannot be reached".to_owned(), help: None };
            failure.help(format!("is `coditect up` still running? ({})", status.message()))
        }
        Code::InvalidArgument => Failure::usage(status.message().to_owned()),
        _ => Failure::wrong(status.message().to_owned()),
    }
}
