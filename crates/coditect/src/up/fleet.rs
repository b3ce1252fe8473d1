//! The six processes of a run, what each is told, and the file that says where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use coditect_queue::Queue;
use coditect_service::config::{ShutdownConfig, variable};
use coditect_service::leadership::{INSTANCE, machine};
use coditect_service::{SUPERVISED, ServiceName};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::child::{self, Event, Order, Spec};
use super::home::Home;
use super::ports::Ports;
use super::screen::Screen;
use super::settings::{DATABASE, FORGE, Settings, TOKEN, WEBHOOK};
use super::{checks, redis};
use crate::failure::{Failure, at};
use crate::output;
use crate::run_file::RunFile;

/// What the private Redis is called.
pub(super) const REDIS: &str = "redis-server";

/// How long Redis may take to answer for the first time.
const REDIS_WITHIN: Duration = Duration::from_secs(20);

/// The processes.
#[derive(Debug)]
pub(crate) struct Fleet {
    specs: Vec<Spec>,
    orders: BTreeMap<&'static str, watch::Sender<Order>>,
    running: Vec<&'static str>,
    events: mpsc::UnboundedSender<Event>,
    screen: Screen,
    folder: PathBuf,
    file: RunFile,
}

impl Fleet {
    /// Nothing runs yet.
    pub(super) fn new(
        settings: &Settings,
        home: &Home,
        ports: &Ports,
        screen: &Screen,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, Failure> {
        let own = std::env::current_exe().map_err(|error| Failure::wrong(format!("cannot find myself: {error}")))?;
        let binaries = checks::service_binaries()?;
        let root = settings.repository.root.clone();
        let data = home.redis();
        std::fs::create_dir_all(&data).map_err(at("create", &data))?;
        let mut specs = vec![Spec {
            name: REDIS,
            program: own,
            arguments: redis::guarded(&checks::redis_server()?, &data, ports.redis),
            environment: Vec::new(),
            folder: root.clone(),
            log: home.log(REDIS),
            redis: Some(data),
        }];
        let common = common(settings, ports);
        let database = database(settings, home)?;
        for service in ServiceName::ALL {
            let mut environment = common.clone();
            // Executors hold no database credentials.
            let credentials = if service == ServiceName::AgentExecutor { &[][..] } else { &database[..] };
            environment.extend(DATABASE.map(|name| (name.to_owned(), None)));
            environment.push((variable("database.url"), None));
            environment.extend(credentials.iter().cloned());
            // And nobody but they those of the accounts.
            if service != ServiceName::AgentExecutor {
                let accounts = settings.config.accounts.values();
                environment.extend(accounts.map(|account| (account.credential.clone(), None)));
            }
            if service != ServiceName::Orchestrator {
                environment.extend(TOKEN.map(|name| (name.to_owned(), None)));
            }
            if service != ServiceName::SyncDaemon {
                environment.extend(WEBHOOK.map(|name| (name.to_owned(), None)));
            }
            if service != ServiceName::Orchestrator {
                environment.extend(FORGE.map(|name| (name.to_owned(), None)));
            }
            specs.push(Spec {
                name: service.as_str(),
                program: binaries.join(service.as_str()),
                arguments: Vec::new(),
                environment,
                folder: root.clone(),
                log: home.log(service.as_str()),
                redis: None,
            });
        }
        let file = RunFile {
            pid: std::process::id(),
            project: settings.config.project.name.clone(),
            orchestrator: ports.endpoint(ServiceName::Orchestrator),
            dependency_resolver: ports.endpoint(ServiceName::DependencyResolver),
            sync_daemon: ports.endpoint(ServiceName::SyncDaemon),
            task_dispatcher: ports.endpoint(ServiceName::TaskDispatcher),
            agent_executor: ports.endpoint(ServiceName::AgentExecutor),
            redis_url: ports.redis_url(),
            database_url: settings.database.redacted(),
            http: format!("http://{}", ports.http),
            started_at_ms: output::now_ms(),
            processes: BTreeMap::new(),
        };
        let (orders, running) = (BTreeMap::new(), Vec::new());
        let folder = home.folder().to_path_buf();
        Ok(Self { specs, orders, running, events, screen: screen.clone(), folder, file })
    }

    /// Starts Redis, and returns when it answers.
    pub(super) async fn start_redis(&mut self) -> Result<(), Failure> {
        self.start(REDIS);
        let log = self.folder.join("logs/redis-server.log");
        let failed = |why: String| {
            Failure::wrong(format!("redis-server does not start: {why}"))
                .help(format!("its last words are in {}", log.display()))
        };
        let queue = Queue::connect(&self.file.redis_url, &self.file.project);
        let queue = queue.map_err(|error| failed(error.to_string()))?;
        let deadline = tokio::time::Instant::now() + REDIS_WITHIN;
        loop {
            match queue.ping().await {
                Ok(()) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > deadline => return Err(failed(error.to_string())),
                Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
            }
        }
    }

    /// Starts the five services.
    pub(super) fn start_services(&mut self) {
        for service in ServiceName::ALL {
            self.start(service.as_str());
        }
    }

    fn start(&mut self, name: &'static str) {
        let Some(spec) = self.specs.iter().find(|spec| spec.name == name).cloned() else { return };
        let (order, orders) = watch::channel(Order::Run);
        self.orders.insert(name, order);
        self.running.push(name);
        tokio::spawn(child::supervise(spec, orders, self.events.clone(), self.screen.clone()));
    }

    /// Keeps account of what happened.
    pub(super) fn note(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Up { name, pid } => {
                self.file.processes.insert(name.to_owned(), pid);
                self.file.write(&self.folder)
            }
            Event::Down { name } => {
                self.file.processes.remove(name);
                self.file.write(&self.folder)
            }
            Event::Ended { name } => {
                self.running.retain(|running| *running != name);
                Ok(())
            }
            Event::Fatal(failure) => Err(failure),
        }
    }

    /// Gives an order to these; a weaker one than they have means nothing.
    pub(super) fn order(&self, names: &[&str], order: Order) {
        for (_, sender) in self.orders.iter().filter(|(name, _)| names.contains(name)) {
            sender.send_if_modified(|now| {
                let stronger = order > *now;
                *now = order.max(*now);
                stronger
            });
        }
    }

    /// Whether any of these still runs.
    pub(super) fn any_running(&self, names: &[&str]) -> bool {
        self.running.iter().any(|running| names.contains(running))
    }
}

/// What every service is told.
fn common(settings: &Settings, ports: &Ports) -> Vec<(String, Option<String>)> {
    let root = &settings.repository.root;
    let mut told: Vec<(String, Option<String>)> = Vec::new();
    told.extend(settings.overrides.iter().map(|(name, value)| (name.clone(), Some(value.clone()))));
    let mut set = |key: &str, value: String| told.push((variable(key), Some(value)));
    set("plan.paths", json!(settings.plans).to_string());
    set("repository.path", settings.remote.clone().unwrap_or_else(|| root.display().to_string()));
    set("plan.data_dir", root.join(&settings.config.plan.data_dir).display().to_string());
    set("listen.http", ports.http.to_string());
    set("executor.orchestrator", ports.endpoint(ServiceName::Orchestrator));
    set("executor.data_dir", root.join(&settings.config.executor.data_dir).display().to_string());
    for service in ServiceName::ALL {
        set(&format!("listen.grpc.{}", service.key()), ports.grpc(service).to_string());
        set(&format!("listen.admin.{}", service.key()), ports.admin(service).to_string());
    }
    if settings.config.shutdown == ShutdownConfig::default() {
        set("shutdown.drain_limit_ms", settings.drain_limit().as_millis().to_string());
    }
    let file = settings.config_file.as_ref().map(|file| file.display().to_string());
    told.push(("CODITECT_CONFIG".to_owned(), file));
    told.push((SUPERVISED.to_owned(), Some("1".to_owned())));
    // One process of each service at a time: what is started again need not wait for its predecessor's lease.
    told.push((INSTANCE.to_owned(), Some(format!("{}:{}", machine(), root.display()))));
    told.push(("REDIS_URL_FILE".to_owned(), None));
    told.push(("REDIS_URL".to_owned(), Some(ports.redis_url())));
    if settings.tell && std::env::var_os("RUST_LOG").is_none() {
        told.push(("RUST_LOG".to_owned(), Some("error".to_owned())));
    }
    told
}

/// Where the database is; with a password, only a file says so.
fn database(settings: &Settings, home: &Home) -> Result<Vec<(String, Option<String>)>, Failure> {
    let url = settings.database.expose();
    Ok(match settings.database.scheme() {
        "sqlite" => vec![("DATABASE_URL".to_owned(), Some(url.to_owned()))],
        _ => {
            let file = home.keep_secret(url)?;
            vec![("DATABASE_URL_FILE".to_owned(), Some(file.display().to_string()))]
        }
    })
}
