//! From the command line to a running service, and from its end to an exit code.

use std::{ffi::OsString, future::Future, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Parser;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    Config, Readiness, ServiceName, Shutdown, admin,
    config::ConfigError,
    grpc::{self, Api},
    listen, telemetry,
};

/// What a cut service has to put things down before its process ends.
const CUT_GRACE: Duration = Duration::from_secs(2);

/// Exit code for a command line or configuration that cannot be used.
const WRONG_USAGE: u8 = 2;

/// A service that has booted: what it is, what it was told, and how it says how it is.
#[derive(Debug, Clone)]
pub struct Service {
    /// Which service this is.
    pub name: ServiceName,
    /// Its configuration.
    pub config: Arc<Config>,
    /// When to stop.
    pub shutdown: Shutdown,
    /// What `/readyz` and `grpc.health.v1` answer.
    pub readiness: Readiness,
}

impl Service {
    /// Serves `api` on this service's gRPC address until it drains.
    ///
    /// # Errors
    /// When the address cannot be listened on, or serving fails.
    pub async fn serve_grpc(&self, api: Api) -> anyhow::Result<()> {
        self.serve_grpc_until(api, self.shutdown.drain.clone()).await
    }

    /// Serves `api` on this service's gRPC address until `until` is cancelled: for services that answer while they
    /// drain.
    ///
    /// # Errors
    /// As [`Service::serve_grpc`].
    pub async fn serve_grpc_until(&self, api: Api, until: CancellationToken) -> anyhow::Result<()> {
        let (address, key) = self.config.grpc_address(self.name);
        let listener = listen::bind(address, &key).await?;
        info!(%address, "serving gRPC");
        Ok(grpc::serve(listener, api, &self.readiness, until).await?)
    }
}

#[derive(Debug, Parser)]
#[command(version, about = "A service of the CODITECT orchestration system", after_help = AFTER_HELP)]
struct Flags {
    /// The configuration file [default: config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    config: Option<PathBuf>,
    /// Check the configuration and exit
    #[arg(long)]
    check: bool,
}

const AFTER_HELP: &str = "\
Environment: CODITECT_<SECTION>__<KEY> sets <section>.<key>, like CODITECT_LOG__FORMAT=json; DATABASE_URL and REDIS_URL
(or DATABASE_URL_FILE and REDIS_URL_FILE, which name a file) set the two URLs; RUST_LOG sets how much is logged.

Example: task-dispatcher --config config/orchestrator-config.json";

/// Runs a service from its command line to its exit code.
///
/// Loads the configuration, sets up logs, signals and the admin port, and gives `run` a [`Service`]. Exit code 0: `run`
/// ended well. 1: it failed, or was cut off. 2: wrong flags or configuration.
pub fn main<F, Fut>(name: ServiceName, run: F) -> ExitCode
where
    F: FnOnce(Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let (flags, config) = match prepare(name, std::env::args_os()) {
        Ok(prepared) => prepared,
        Err(Refusal::Usage(usage)) => {
            // Also `--help` and `--version`, which go to standard output and end well.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(WRONG_USAGE));
        }
        Err(Refusal::Config(refusal)) => {
            eprintln!("{name}: {:#}", anyhow::Error::from(refusal));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    if flags.check {
        eprintln!("{name}: the configuration is fine");
        return ExitCode::SUCCESS;
    }
    if let Err(refusal) = telemetry::init(name, &config.log) {
        eprintln!("{name}: {:#}", anyhow::Error::from(refusal));
        return ExitCode::from(WRONG_USAGE);
    }
    match start(name, config, run) {
        Ok(()) => {
            info!("stopped");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            error!(cause = format!("{failure:#}"), "failed");
            ExitCode::FAILURE
        }
    }
}

enum Refusal {
    Usage(clap::Error),
    Config(ConfigError),
}

fn prepare(name: ServiceName, arguments: impl Iterator<Item = OsString>) -> Result<(Flags, Config), Refusal> {
    let flags = parse(name, arguments).map_err(Refusal::Usage)?;
    let config = Config::load(flags.config.as_deref()).map_err(Refusal::Config)?;
    Ok((flags, config))
}

fn parse(name: ServiceName, arguments: impl Iterator<Item = OsString>) -> Result<Flags, clap::Error> {
    let command = <Flags as clap::CommandFactory>::command().name(name.as_str()).bin_name(name.as_str());
    <Flags as clap::FromArgMatches>::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

fn start<F, Fut>(name: ServiceName, config: Config, run: F) -> anyhow::Result<()>
where
    F: FnOnce(Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let service = Service {
        name,
        config: Arc::new(config),
        shutdown: Shutdown::default(),
        readiness: Readiness::default(),
    };
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let ended = runtime.block_on(live(service, run));
    // Blocking calls that are still under way do not hold up the end of the process.
    runtime.shutdown_background();
    ended
}

async fn live<F, Fut>(service: Service, run: F) -> anyhow::Result<()>
where
    F: FnOnce(Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let Service { name, config, shutdown, readiness } = &service;
    shutdown.listen(config.shutdown.drain_limit()).context("cannot listen for signals")?;
    let (address, key) = config.admin_address(*name);
    let admin = listen::bind(address, &key).await?;
    // Answers to the very end of the process, drained or not.
    tokio::spawn(admin::serve(admin, admin::router(readiness.clone()), CancellationToken::new()));
    info!(version = env!("CARGO_PKG_VERSION"), admin = %address, "started");

    let (shutdown, readiness) = (shutdown.clone(), readiness.clone());
    let drained = shutdown.drain.clone();
    tokio::spawn(async move {
        drained.cancelled().await;
        readiness.drain();
    });
    tokio::select! {
        ended = run(service) => ended,
        () = cut(&shutdown) => anyhow::bail!("cut off before everything under way was finished"),
    }
}

/// Returns when a cut service has had its time.
async fn cut(shutdown: &Shutdown) {
    shutdown.cut.cancelled().await;
    tokio::time::sleep(CUT_GRACE).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments<'a>(arguments: &'a [&str]) -> impl Iterator<Item = OsString> + 'a {
        ["task-dispatcher"].iter().chain(arguments).map(OsString::from)
    }

    #[test]
    fn flags_are_read() {
        let flags = parse(ServiceName::TaskDispatcher, arguments(&["--config", "x.json", "--check"])).unwrap();
        assert_eq!((flags.config, flags.check), (Some(PathBuf::from("x.json")), true));
    }

    #[test]
    fn wrong_usage_exits_with_2_and_help_with_0() {
        let exit = |given: &[&str]| parse(ServiceName::TaskDispatcher, arguments(given)).unwrap_err().exit_code();
        assert_eq!((exit(&["--confgi"]), exit(&["--help"])), (2, 0));
    }
}
