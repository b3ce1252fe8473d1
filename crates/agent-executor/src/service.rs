//! The executor as a service: takes work while it has free slots, keeps leases alive, drains.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use coditect_gateway::{HostPattern, PriceList, Prices};
use coditect_prompt::Template;
use coditect_proto::v1::HeartbeatRequest;
use coditect_proto::v1::agent_executor_server::{AgentExecutorServer, SERVICE_NAME};
use coditect_proto::v1::orchestrator_client::OrchestratorClient;
use coditect_queue::message::Work;
use coditect_queue::{ConsumerOptions, Queue, Stream};
use coditect_service::config::{PriceConfig, micros};
use coditect_service::trace::{self, Stage};
use coditect_service::{Config, Service, git, grpc};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::{Channel, Endpoint};
use tracing::{Instrument, debug, info, warn};

use crate::api::Api;
use crate::disk;
use crate::egress::Policy;
use crate::kept;
use crate::outbox::Outbox;
use crate::pipeline::Host;
use crate::sandbox::Sandbox;
use crate::worker::{Worker, outbox_folder};

/// How long a call to the orchestrator may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Runs the service until it has drained.
///
/// # Errors
/// What keeps it from starting: the configuration, its folder, an address in use.
pub async fn run(service: Service) -> anyhow::Result<()> {
    keep_own_environment()?;
    let config = Arc::clone(&service.config);
    let root = std::path::absolute(&config.executor.data_dir).context("executor.data_dir is no path")?;
    let binary = std::env::current_exe().context("cannot find this program's own file")?;
    let sandbox = Sandbox::open(&config.executor.sandbox, &binary)?;
    match sandbox.off() {
        Some(off) => warn!("{off}; see docs/sandbox.md"),
        None => info!("commands are confined"),
    }
    let host = Host::open(&root, binary, &git::access())?.with_sandbox(sandbox).with_egress(egress(&config)?);
    let host = match &config.prompt.template {
        Some(file) => host.with_template(template(file)?),
        None => host,
    };
    let host = Arc::new(host.with_kept(kept(&config)));
    let name = name(&root).with_context(|| format!("cannot keep a name in {}", root.display()))?;
    let swept = host.sweep(&[]).await?;
    info!(executor = name, slots = config.executor.slots, swept = ?swept, "ready to work");

    let queue = Queue::connect(config.redis.url.expose(), &config.project.name)?;
    let orchestrator = OrchestratorClient::new(orchestrators(&config)?);
    let worker = Worker {
        outbox: Outbox::open(outbox_folder(&root), queue.clone(), orchestrator.clone()).await?,
        name,
        config,
        live: service.live.clone(),
        host,
        queue,
        orchestrator,
        runs: crate::runs::Runs::default(),
        worked: crate::runs::Worked::default(),
        cut: service.shutdown.cut.clone(),
    };

    let ended = CancellationToken::new();
    let background = TaskTracker::new();
    background.spawn(keep_leases(worker.clone(), service.clone(), ended.clone()));
    background.spawn(worker.outbox.clone().deliver(ended.clone()));
    let api = Api { runs: worker.runs.clone(), shutdown: service.shutdown.clone() };
    let api = grpc::Api {
        routes: tonic::service::Routes::new(AgentExecutorServer::new(api)),
        names: &[SERVICE_NAME],
        descriptors: coditect_proto::FILE_DESCRIPTORS,
    };
    let serving = {
        let (service, ended) = (service.clone(), ended.clone());
        tokio::spawn(async move { service.serve_grpc_until(api, ended).await })
    };
    take_work(&worker, &service).await;
    ended.cancel();
    background.close();
    background.wait().await;
    serving.await??;
    Ok(())
}

/// How much is kept of failed attempts, as it is configured.
fn kept(config: &Config) -> kept::Bounds {
    let bytes = config.worktree.keep_mib.saturating_mul(1024 * 1024);
    kept::Bounds { bytes, age: config.worktree.keep() }
}

/// The project's own template.
fn template(file: &str) -> anyhow::Result<Template> {
    let text = std::fs::read_to_string(file).with_context(|| format!("prompt.template: {file} cannot be read"))?;
    Template::new(file, &text).context("prompt.template (docs/prompt.md says what a template can name)")
}

/// What commands may reach, and what models cost, as it is configured.
fn egress(config: &Config) -> anyhow::Result<Policy> {
    let mut hosts = Vec::new();
    for host in &config.executor.sandbox.hosts {
        hosts.push(host.parse::<HostPattern>().context("executor.sandbox.hosts")?);
    }
    let prices = config.pricing.iter().map(|(model, price)| {
        let micros = |dollars: f64| u64::try_from(micros(dollars)).unwrap_or_default();
        let PriceConfig { input, output, cache_write, cache_read } = *price;
        let (input, output) = (micros(input), micros(output));
        let cached = |dollars: Option<f64>| dollars.map_or(input, micros);
        let prices = Prices { input, output, cache_write: cached(cache_write), cache_read: cached(cache_read) };
        (model.clone(), prices)
    });
    let prices = Arc::new(PriceList::new(prices.collect()));
    let mut policy = Policy::new()?;
    policy.gateway = config.executor.gateway;
    policy.hosts = hosts;
    policy.prices = prices;
    Ok(policy)
}

/// The environment has the keys of all accounts, and an agent runs as the same user: it may not read it in `/proc`, nor look
/// into this process's memory. (For root there is no such bound.)
fn keep_own_environment() -> anyhow::Result<()> {
    nix::sys::prctl::set_dumpable(false).context("cannot keep the environment from other processes")
}

/// A channel to the orchestrator's instances: each can answer, and where one does not, the next try goes elsewhere.
fn orchestrators(config: &Config) -> anyhow::Result<Channel> {
    let endpoint = |url: &str| {
        let endpoint = Endpoint::from_shared(url.to_owned());
        let endpoint = endpoint.with_context(|| format!("executor.orchestrator: `{url}` is no endpoint"))?;
        anyhow::Ok(endpoint.timeout(CALL_LIMIT).connect_timeout(CALL_LIMIT))
    };
    let mut endpoints = config.executor.orchestrators().map(endpoint).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(match endpoints.len() {
        1 => endpoints.remove(0).connect_lazy(),
        _ => Channel::balance_list(endpoints.into_iter()),
    })
}

/// Takes entries while there are free slots, until the service drains; then waits for what runs.
async fn take_work(worker: &Worker, service: &Service) {
    let drain = service.shutdown.drain.clone();
    let tell = |full: Option<disk::Full>| match full {
        Some(full) => service.readiness.fail("disk", full.to_string()),
        None => service.readiness.pass("disk"),
    };
    let stream = Stream::Work(worker.config.dispatch.pool.clone());
    let options = ConsumerOptions::for_runs("agent-executor", worker.name.clone());
    let mut entries = worker.queue.consume::<Work>(stream, options, drain.clone());
    let slots = Arc::new(Semaphore::new(usize::try_from(worker.config.executor.slots).unwrap_or(1)));
    let runs = TaskTracker::new();
    loop {
        let slot = tokio::select! {
            () = drain.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        if !disk::room(worker.host.root().path(), &worker.live.get().worktree, &drain, tell).await {
            break;
        }
        let (Ok(slot), Some(delivery)) = (slot, entries.next().await) else { break };
        // It may have been long in coming, and the disk have been filled by others meanwhile.
        if !disk::room(worker.host.root().path(), &worker.live.get().worktree, &drain, tell).await {
            break;
        }
        let worker = worker.clone();
        runs.spawn(async move {
            let (task, parent) = (delivery.message.task.clone(), delivery.message.traceparent.clone());
            worker.work(delivery).instrument(trace::follow(Stage::Attempt, &task, &parent)).await;
            drop(slot);
        });
    }
    runs.close();
    if !runs.is_empty() {
        info!(running = runs.len(), "draining: no more work is taken, what runs is finished");
    }
    tokio::select! {
        () = runs.wait() => {}
        () = worker.cut.cancelled() => {
            worker.runs.cancel_all();
            runs.wait().await;
        }
    }
}

/// Announces the executor and keeps its attempts' leases alive: by gRPC, else by Redis. Ends with `until`.
async fn keep_leases(mut worker: Worker, service: Service, until: CancellationToken) {
    let lease = worker.config.executor.lease();
    loop {
        let named = worker.runs.names();
        let request = HeartbeatRequest {
            executor: worker.name.clone(),
            pool: worker.config.dispatch.pool.clone(),
            slots: i64::from(worker.config.executor.slots),
            attempts: named.clone(),
            draining: service.shutdown.drain.is_cancelled(),
        };
        let asked = Instant::now();
        // One that hangs must leave time to renew in Redis what would else be lost.
        let answer = tokio::time::timeout(lease / 4, worker.orchestrator.heartbeat(request)).await;
        let reached = match answer.unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer in time"))) {
            Ok(answer) => {
                worker.runs.renewed(&named, &answer.get_ref().stop, asked);
                worker.host.egress().holds.set(answer.into_inner().paused_accounts);
                service.readiness.pass("orchestrator");
                true
            }
            Err(status) => {
                debug!(%status, "the orchestrator cannot be reached; leases are renewed in Redis");
                service.readiness.fail("orchestrator", "it cannot be reached");
                worker.runs.renew_in_redis(&worker.queue, lease).await;
                false
            }
        };
        // Until it is reached, often: nothing is assigned to an executor that nobody has heard of.
        let pause = if reached { lease / 5 } else { Duration::from_millis(200) };
        tokio::select! {
            () = until.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// This executor's name: the machine's, made unique once and kept in its folder over restarts.
fn name(root: &Path) -> io::Result<String> {
    let file = root.join("name");
    match std::fs::read_to_string(&file) {
        Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = Some(machine.trim()).filter(|machine| !machine.is_empty()).unwrap_or("executor").to_owned();
    let unique = uuid::Uuid::now_v7().simple().to_string();
    let name = format!("{machine}-{}", unique.get(24..).unwrap_or(&unique));
    std::fs::write(&file, &name)?;
    Ok(name)
}
