//! A Redis, a database with a plan and a configuration of one's own for each test.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use coditect_core::{AttemptId, Change, Clock, FailureClass, Priority, TaskId, TaskState, Trigger};
use coditect_queue::{Consumer, ConsumerOptions, Message, Queue, Stream};
use coditect_service::config::{AccountConfig, Runtime, SecretUrl};
use coditect_service::{Config, Service, ServiceName, SystemClock};
use coditect_store::testing::Database;
use coditect_store::{AccountPause, AttemptEnd, ExecutorRow, OpenAttempt, PlannedDocument, PlannedTask, Store, Tx};
use task_dispatcher::agents::Agents;
use task_dispatcher::dispatch::Dispatcher;
use tempfile::TempDir;
use tokio::sync::RwLock;

/// Longer than anything takes, on a busy machine too.
pub const LONG: Duration = Duration::from_secs(30);

pub struct World {
    database: Database,
    pub store: Store,
    pub queue: Queue,
    pub config: Config,
    pub redis: Redis,
}

impl World {
    /// A world with one executor of `slots` slots and these ready tasks.
    pub async fn new(slots: i64, tasks: &[(&str, Priority, Option<&str>)]) -> Self {
        Self::on(Database::sqlite().await, slots, tasks).await
    }

    /// The same on this database.
    pub async fn on(database: Database, slots: i64, tasks: &[(&str, Priority, Option<&str>)]) -> Self {
        let redis = Redis::start();
        let mut config = Config::default();
        config.database.url = SecretUrl::new(database.url.clone());
        config.redis.url = SecretUrl::new(format!("redis://127.0.0.1:{}", redis.port));
        config.listen.grpc.task_dispatcher = free_address();
        // So long that what happens, happens because of an entry.
        config.reconcile.interval_ms = 3_600_000;
        let queue = Queue::connect(config.redis.url.expose(), &config.project.name).unwrap();
        let world = Self { store: database.store.clone(), database, queue, config, redis };
        world.executor(slots).await;
        world.plan(tasks).await;
        world
    }

    pub async fn executor(&self, slots: i64) {
        let (id, pool) = ("executor-1".to_owned(), "default".to_owned());
        let seen = ExecutorRow { id, pool, slots, draining: false, seen_at_ms: SystemClock.now_ms() };
        let mut tx = self.store.begin().await.unwrap();
        tx.executor_seen(&seen).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn plan(&self, tasks: &[(&str, Priority, Option<&str>)]) {
        let planned = PlannedDocument {
            id: "plan".to_owned(),
            path: "PLAN.md".to_owned(),
            format: "coditect".to_owned(),
            hash: "1".to_owned(),
            text: None,
            diagnostics: "[]".to_owned(),
            tasks: tasks.iter().map(|(key, priority, agent)| task(key, *priority, *agent)).collect(),
        };
        let mut tx = self.store.begin().await.unwrap();
        tx.sync_document(&planned, "person", 1).await.unwrap();
        for (key, ..) in tasks {
            tx.settle(&id(key), true, 1).await.unwrap().unwrap();
        }
        tx.commit().await.unwrap();
    }

    pub async fn fact(&self, key: &str, value: &str) {
        let mut tx = self.store.begin().await.unwrap();
        tx.set_fact(key, value, 1).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A person cancels a task.
    pub async fn cancel(&self, key: &str) {
        let mut tx = self.store.begin().await.unwrap();
        let seen = tx.lifecycle(&id(key)).await.unwrap().unwrap();
        let change = Change::Intervene { trigger: Trigger::Cancel, reason: None };
        tx.change(&id(key), &seen, change, AttemptEnd::default(), "person", 1).await.unwrap().unwrap();
        tx.commit().await.unwrap();
    }

    /// A task was assigned at this time, and its entry never arrived.
    pub async fn assigned(&self, key: &str, at_ms: i64) {
        let mut tx = self.store.begin().await.unwrap();
        let seen = tx.lifecycle(&id(key)).await.unwrap().unwrap();
        let open = OpenAttempt {
            id: AttemptId::from_parts(at_ms, &[1; 10]),
            agent: "a".into(),
            account: "b".into(),
            because: Vec::new(),
        };
        tx.assign(&id(key), &seen, open, "task-dispatcher", at_ms).await.unwrap().unwrap();
        tx.commit().await.unwrap();
    }

    /// Attempts use accounts: these, each for so many attempts at once.
    pub fn accounts(&mut self, accounts: &[(&str, u32)]) {
        self.config.executor.runtime = Runtime::Command;
        self.config.executor.command = vec!["agent".to_owned()];
        let account = |(name, max_concurrent): &(&str, u32)| {
            ((*name).to_owned(), AccountConfig { max_concurrent: *max_concurrent, ..AccountConfig::default() })
        };
        self.config.accounts = accounts.iter().map(account).collect();
    }

    /// Something is written.
    pub async fn write(&self, write: impl AsyncFnOnce(&mut Tx)) {
        let mut tx = self.store.begin().await.unwrap();
        write(&mut tx).await;
        tx.commit().await.unwrap();
    }

    /// An account hit its limit.
    pub async fn limited(&self, account: &str, until_ms: Option<i64>) {
        let (account, cause) = (account.to_owned(), "rate_limited".to_owned());
        let pause = AccountPause { account, cause, reason: "the quota is used up".to_owned(), until_ms, at_ms: 1 };
        self.write(async |tx| assert!(tx.pause_account(&pause).await.unwrap())).await;
    }

    /// The attempt at a task ends, requeued, having cost so much.
    pub async fn ended(&self, key: &str, cost_micros: i64) {
        let end = AttemptEnd { cost_micros: Some(cost_micros), ..AttemptEnd::default() };
        let (trigger, class) = (Trigger::Requeue, FailureClass::ExecutorLost);
        let change = Change::Fail { trigger, class, reason: "lost".to_owned(), due_at_ms: None };
        self.write(async |tx| {
            let seen = tx.lifecycle(&id(key)).await.unwrap().unwrap();
            let now_ms = SystemClock.now_ms();
            tx.change(&id(key), &seen, change, end, "orchestrator", now_ms).await.unwrap().unwrap();
            tx.settle(&id(key), true, now_ms).await.unwrap().unwrap();
        })
        .await;
    }

    /// The accounts of the open attempts, by the task's key.
    pub async fn charged(&self) -> Vec<(String, String)> {
        let open = self.store.open_attempts().await.unwrap();
        let mut all: Vec<_> = open.into_iter().map(|a| (a.task.key().to_owned(), a.account)).collect();
        all.sort();
        all
    }

    /// A dispatcher with a connection of its own.
    pub async fn another(&self) -> Dispatcher {
        self.dispatcher_on(self.database.again().await)
    }

    pub fn dispatcher(&self) -> Dispatcher {
        self.dispatcher_on(self.store.clone())
    }

    fn dispatcher_on(&self, store: Store) -> Dispatcher {
        let config = Arc::new(self.config.clone());
        let agents = Arc::new(RwLock::new(Agents::new(Arc::clone(&config))));
        Dispatcher::new(store, self.queue.clone(), config, agents)
    }

    pub fn service(&self) -> Service {
        Service::new(ServiceName::TaskDispatcher, self.config.clone())
    }

    pub fn consume<M: Message>(&self, stream: Stream) -> Consumer<M> {
        self.queue.consume(stream, ConsumerOptions::new("test", "test"), Default::default())
    }

    /// The keys of the tasks in this state, in the order of the plan.
    pub async fn keys_in(&self, state: TaskState) -> Vec<String> {
        let tasks = self.store.tasks().await.unwrap();
        tasks.into_iter().filter(|task| task.life.state == state).map(|task| task.key).collect()
    }
}

pub fn id(key: &str) -> TaskId {
    TaskId::new("plan", key)
}

fn task(key: &str, priority: Priority, agent: Option<&str>) -> PlannedTask {
    PlannedTask {
        key: key.to_owned(),
        plan_id: None,
        title: key.to_owned(),
        section: Vec::new(),
        description: String::new(),
        line: 1,
        priority,
        agent: agent.map(ToOwned::to_owned),
        estimate_minutes: None,
        steps: Vec::new(),
        acceptance: Vec::new(),
        verify: Vec::new(),
        touches: Vec::new(),
        script: None,
        depends_on: Vec::new(),
        dangling: Vec::new(),
        human: false,
        optional: false,
        verify_plan: Vec::new(),
        changes: Default::default(),
        marker: "pending".to_owned(),
    }
}

pub async fn is_ready(service: &Service) {
    let mut watch = service.readiness.watch();
    tokio::time::timeout(LONG, watch.wait_for(|report| report.ready)).await.unwrap().unwrap();
}

/// The next entry, which must come.
pub async fn next<M: Message>(consumer: &mut Consumer<M>) -> M {
    tokio::time::timeout(LONG, consumer.next()).await.expect("an entry comes").unwrap().message
}

pub struct Redis {
    port: u16,
    folder: TempDir,
    server: Child,
}

impl Redis {
    fn start() -> Self {
        loop {
            let (port, folder) = (free_address().port(), tempfile::tempdir().unwrap());
            if let Some(server) = spawn(port, &folder) {
                return Self { port, folder, server };
            }
        }
    }

    /// Ends it and starts it again on the same port, empty.
    pub fn lose_everything(&mut self) {
        self.stop();
        let end = Instant::now() + LONG;
        while Instant::now() < end {
            if let Some(server) = spawn(self.port, &self.folder) {
                self.server = server;
                return;
            }
        }
        panic!("redis-server does not start again on port {}", self.port);
    }

    fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn spawn(port: u16, folder: &TempDir) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = command.spawn().expect("redis-server is installed");
    let end = Instant::now() + LONG;
    while server.try_wait().unwrap().is_none() && Instant::now() < end {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            // Ours, and not one that another test put on this port first: then ours ends.
            return server.try_wait().unwrap().is_none().then_some(server);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = server.kill();
    let _ = server.wait();
    None
}
