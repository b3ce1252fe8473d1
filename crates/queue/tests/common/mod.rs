//! A Redis of one's own for each test, and the few things every test does with it.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use coditect_queue::message::Ready;
use coditect_queue::{CancellationToken, Consumer, ConsumerOptions, Delivery, Message, Queue, Stream};

/// Longer than anything takes, on a busy machine too.
pub const LONG: Duration = Duration::from_secs(20);

pub struct Redis {
    port: u16,
    folder: tempfile::TempDir,
    server: Child,
}

impl Redis {
    pub fn start() -> Self {
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = tempfile::tempdir().unwrap();
            if let Some(server) = spawn(port, &folder) {
                return Self { port, folder, server };
            }
        }
    }

    pub fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Sends it a signal: `STOP` makes it hang without closing a connection, `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.server.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Starts it again on the same port, empty.
    pub fn start_again(&mut self) {
        let end = Instant::now() + LONG;
        while Instant::now() < end {
            if let Some(server) = spawn(self.port, &self.folder) {
                self.server = server;
                return;
            }
        }
        panic!("redis-server does not start again on port {}", self.port);
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn queue(&self) -> Queue {
        Queue::connect(&self.url(), "test").unwrap()
    }

    /// A connection that knows nothing of the crate under test.
    pub async fn raw(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(port: u16, folder: &tempfile::TempDir) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = command.spawn().expect("redis-server is installed");
    let end = Instant::now() + LONG;
    while server.try_wait().unwrap().is_none() {
        if answers(port) {
            // Ours, and not one that another test put on this port first: then ours has ended by now.
            return server.try_wait().unwrap().is_none().then_some(server);
        }
        if Instant::now() > end {
            let _ = server.kill();
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = server.wait();
    None
}

fn answers(port: u16) -> bool {
    let ping = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        std::io::Result::Ok(answer == *b"+PONG\r\n")
    };
    ping().unwrap_or(false)
}

/// Quick enough for a test.
pub fn quick(consumer: &str) -> ConsumerOptions {
    ConsumerOptions { min_idle: Duration::from_millis(200), max_deliveries: 3, ..ConsumerOptions::new("svc", consumer) }
}

/// One entry at a time and only when asked for, held under a heartbeat.
pub fn one_at_a_time(consumer: &str) -> ConsumerOptions {
    ConsumerOptions { batch: 1, prefetch: 0, heartbeat: Some(Duration::from_millis(50)), ..quick(consumer) }
}

pub fn consume(queue: &Queue, options: ConsumerOptions) -> Consumer<Ready> {
    queue.consume(Stream::Ready, options, CancellationToken::new())
}

pub fn ready(task: &str) -> Ready {
    Ready { task: task.into(), priority: 1, rank: 7, ..Ready::default() }
}

/// The next entry, which must come.
pub async fn next<M: Message>(consumer: &mut Consumer<M>) -> Delivery<M> {
    tokio::time::timeout(LONG, consumer.next()).await.expect("an entry comes").expect("no shutdown")
}

/// Whether no entry comes for a while that is long beside the times of [`quick`].
pub async fn nothing<M: Message>(consumer: &mut Consumer<M>) -> bool {
    tokio::time::timeout(Duration::from_millis(1200), consumer.next()).await.is_err()
}

/// Asks until the answer is the one that is wanted.
pub async fn until<T, F: Future<Output = T>>(mut ask: impl FnMut() -> F, wanted: impl Fn(&T) -> bool) -> T {
    let end = Instant::now() + LONG;
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "it does not come to pass");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many entries of the stream `ready` are pending in the group of [`quick`].
pub async fn pending(queue: &Queue) -> u64 {
    let streams = queue.inspect().await.unwrap();
    let group = streams.iter().find(|stream| stream.name == "ready").and_then(|stream| stream.groups.first());
    group.map_or(0, |group| group.pending)
}
