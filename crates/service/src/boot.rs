//! From the command line to a running service, and from its end to an exit code.

use std::{ffi::OsString, future::Future, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Parser;
use tokio::runtime::Runtime;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info};

use crate::{
    Config, Readiness, ServiceName, Shutdown, admin,
    config::Live,
    fault,
    grpc::{self, Api},
    listen, metrics,
    reload::Follower,
    telemetry,
};

/// What a cut service has to put things down before its process ends.
const CUT_GRACE: Duration = Duration::from_secs(2);

/// Exit code of a service that failed or was cut off.
const FAILED: u8 = 1;

/// Exit code for a command line or configuration that cannot be used.
const WRONG_USAGE: u8 = 2;

/// A service that has booted: what it is, what it was told, and how it says how it is.
#[derive(Debug, Clone)]
pub struct Service {
    /// Which service this is.
    pub name: ServiceName,
    /// Its configuration, as it was when it started.
    pub config: Arc<Config>,
    /// Its configuration, as it is now.
    pub live: Live,
    /// When to stop.
    pub shutdown: Shutdown,
    /// What `/readyz` and `grpc.health.v1` answer.
    pub readiness: Readiness,
}

impl Service {
    /// A service that nothing has been heard of yet, and whose configuration stays as it is.
    #[must_use]
    pub fn new(name: ServiceName, config: Config) -> Self {
        let config = Arc::new(config);
        let (live, _) = Live::new(Arc::clone(&config));
        Self { name, config, live, shutdown: Shutdown::default(), readiness: Readiness::default() }
    }

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
        info!(address = %listener.local_addr()?, "serving gRPC");
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
(or DATABASE_URL_FILE and REDIS_URL_FILE, which name a file) set the two URLs; RUST_LOG sets how much is logged;
OTEL_EXPORTER_OTLP_ENDPOINT sends traces to a collector; CODITECT_INSTANCE names an instance that runs once at a time.
SIGHUP reads the configuration again.

Example: task-dispatcher --config config/orchestrator-config.json";

/// Runs a service from its command line to its exit code.
///
/// Loads the configuration, sets up logs, signals and the admin port, and gives `run` a [`Service`]. Exit code 0: `run`
/// ended well. 1: it failed, or was cut off. 2: wrong flags or configuration. Tasks that `run` spawned and did not wait
/// for end with it.
pub fn main<F, Fut>(name: ServiceName, run: F) -> ExitCode
where
    F: FnOnce(Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let _faults = fault::set_up();
    ExitCode::from(exit_code(name, std::env::args_os(), run))
}

fn exit_code<F, Fut>(name: ServiceName, arguments: impl Iterator<Item = OsString>, run: F) -> u8
where
    F: FnOnce(Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let (config, file) = match prepare(name, arguments) {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return 0,
        Err(refusal) => {
            eprintln!("{name}: {refusal:#}");
            return WRONG_USAGE;
        }
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: cannot start the runtime: {error}");
            return FAILED;
        }
    };
    let telemetry = {
        let _within = runtime.enter();
        telemetry::init(name, &config.log)
    };
    let telemetry = match telemetry {
        Ok(telemetry) => Arc::new(telemetry),
        Err(refusal) => {
            eprintln!("{name}: {:#}", anyhow::Error::new(refusal));
            return WRONG_USAGE;
        }
    };
    let mut service = Service::new(name, config);
    let (live, sender) = Live::new(Arc::clone(&service.config));
    service.live = live;
    let ended = runtime.block_on(async {
        let follower = Follower::new(file, sender, service.readiness.clone(), Arc::clone(&telemetry));
        let following = AbortOnDropHandle::new(tokio::spawn(follower.context("cannot listen for SIGHUP")?.run()));
        let ended = live_until_end(service, run).await;
        following.abort();
        ended
    });
    // While there is a runtime that can send them.
    telemetry.finish();
    // Blocking calls that are still under way do not hold up the end of the process.
    runtime.shutdown_background();
    match ended {
        Ok(()) => {
            info!("stopped");
            0
        }
        Err(failure) => {
            error!(cause = format!("{failure:#}"), "failed");
            FAILED
        }
    }
}

/// The configuration, and the file it was to be read from.
type Prepared = (Config, Option<PathBuf>);

/// The configuration; nothing if the command line asks for no more than an answer.
fn prepare(name: ServiceName, arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Option<Prepared>> {
    let flags = match parse(name, arguments) {
        Ok(flags) => flags,
        // `--help` and `--version`, which end well.
        Err(answer) if !answer.use_stderr() => {
            let _ = answer.print();
            return Ok(None);
        }
        Err(usage) => anyhow::bail!("{}", usage.render()),
    };
    let config = Config::load(flags.config.as_deref())?;
    if flags.check {
        eprintln!("{name}: the configuration is fine");
        return Ok(None);
    }
    Ok(Some((config, flags.config)))
}

fn parse(name: ServiceName, arguments: impl Iterator<Item = OsString>) -> Result<Flags, clap::Error> {
    let command = <Flags as clap::CommandFactory>::command().name(name.as_str()).bin_name(name.as_str());
    <Flags as clap::FromArgMatches>::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

async fn live_until_end<F, Fut>(service: Service, run: F) -> anyhow::Result<()>
where
    F: FnOnce(Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let Service { name, config, shutdown, readiness, .. } = &service;
    shutdown.listen(config.shutdown.drain_limit()).context("cannot listen for signals")?;
    let (address, key) = config.admin_address(*name);
    let listener = listen::bind(address, &key).await?;
    metrics::started(*name);
    info!(version = env!("CARGO_PKG_VERSION"), admin = %listener.local_addr()?, "started");
    // A task of its own, which answers however busy `run` is, drained or not.
    let mut admin = tokio::spawn(admin::serve(listener, admin::router(readiness.clone()), CancellationToken::new()));

    let (shutdown, readiness) = (shutdown.clone(), readiness.clone());
    let drained = shutdown.drain.clone();
    tokio::spawn(async move {
        drained.cancelled().await;
        readiness.drain();
    });
    tokio::select! {
        ended = Box::pin(run(service)) => ended,
        served = &mut admin => served?.context("the admin port failed"),
        () = cut(&shutdown) => anyhow::bail!("cut off before everything under way was finished"),
    }
}

/// Returns when a cut service has had its time.
async fn cut(shutdown: &Shutdown) {
    shutdown.cut.cancelled().await;
    tokio::time::sleep(CUT_GRACE).await;
}

#[cfg(test)]
mod process_tests;

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
