//! A Redis, a database and a configuration of one's own for each test.
#![allow(unreachable_pub, missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use coditect_queue::{Consumer, ConsumerOptions, Message, Queue, Stream};
use coditect_service::config::SecretUrl;
use coditect_service::{Config, Service, ServiceName};
use coditect_store::{Durability, Store};
use tempfile::TempDir;

/// Longer than anything takes, on a busy machine too.
pub const LONG: Duration = Duration::from_secs(30);

pub struct World {
    _folder: TempDir,
    pub store: Store,
    pub queue: Queue,
    pub service: Service,
    redis: Child,
}

impl World {
    pub async fn new(name: ServiceName) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = Store::open(&database, Durability::Normal).await.unwrap();
        store.migrate().await.unwrap();
        let (redis, port) = redis(&folder);
        let mut config = Config::default();
        config.repository.path = folder.path().to_str().unwrap().to_owned();
        config.database.url = SecretUrl::new(database);
        config.redis.url = SecretUrl::new(format!("redis://127.0.0.1:{port}"));
        config.plan.debounce_ms = 20;
        // So rarely that only the entries can have woken the service.
        config.reconcile.interval_ms = 600_000;
        config.listen.grpc.sync_daemon = free_address();
        config.listen.grpc.dependency_resolver = free_address();
        let queue = Queue::connect(config.redis.url.expose(), &config.project.name).unwrap();
        let service = Service::new(name, config);
        Self { _folder: folder, store, queue, service, redis }
    }

    pub fn consume<M: Message>(&self, stream: Stream) -> Consumer<M> {
        self.queue.consume(stream, ConsumerOptions::new("test", "test"), self.service.shutdown.drain.clone())
    }

    pub async fn is_ready(&self) {
        let mut watch = self.service.readiness.watch();
        tokio::time::timeout(LONG, watch.wait_for(|report| report.ready)).await.unwrap().unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.redis.kill();
        let _ = self.redis.wait();
    }
}

pub async fn next<M: Message>(consumer: &mut Consumer<M>) -> M {
    let delivery = tokio::time::timeout(LONG, consumer.next()).await.unwrap().unwrap();
    delivery.message
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A Redis that answers, and its port.
fn redis(folder: &TempDir) -> (Child, u16) {
    loop {
        let port = free_address().port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = command.spawn().expect("redis-server is installed");
        let end = Instant::now() + LONG;
        while server.try_wait().unwrap().is_none() && Instant::now() < end {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return (server, port);
            }
            std::thread::yield_now();
        }
        let _ = server.kill();
        let _ = server.wait();
    }
}
