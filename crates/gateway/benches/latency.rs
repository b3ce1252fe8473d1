//! What the gateway adds to an answer: the same requests, straight to a service on this machine and through a session.
//!
//! `cargo bench -p coditect-gateway`; docs/benchmarks/gateway.md has a table of results.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops where something is wrong")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use axum::Router;
use coditect_gateway::{Api, Credential, Gateway, Open, PriceList, Reach, Scheme, Session, Upstream};
use divan::Bencher;
use divan::counter::BytesCount;

const PATHS: [Path; 2] = [Path::Straight, Path::Gateway];

/// What ends an answer.
const END: &[u8] = b"{\"type\":\"message_stop\"}\n\n";

#[derive(Debug, Clone, Copy)]
enum Path {
    Straight,
    Gateway,
}

fn main() {
    divan::main();
}

/// An answer in so many pieces, as the Messages API streams it.
fn answer(pieces: usize) -> String {
    let start = r#"{"type":"message_start","message":{"model":"claude-sonnet-4-5","usage":{"input_tokens":9,"output_tokens":1}}}"#;
    let piece =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a few words of an answer "}}"#;
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#;
    let mut text = format!("event: message_start\ndata: {start}\n\n");
    for _ in 0..pieces {
        text.push_str(&format!("event: content_block_delta\ndata: {piece}\n\n"));
    }
    text + &format!("event: message_delta\ndata: {end}\n\nevent: message_stop\ndata: {}", String::from_utf8_lossy(END))
}

/// A connection that stays open, to a service or to a session before it.
struct Client {
    connection: TcpStream,
    request: Vec<u8>,
    read: Vec<u8>,
    /// Serves for as long as this is there.
    _serving: (tokio::runtime::Runtime, Option<Session>),
}

impl Client {
    /// `body` is what the service answers, `asked` how much it is asked.
    fn open(path: Path, body: String, asked: usize) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (address, session) = runtime.block_on(async {
            let app = Router::new().fallback(move |asked: axum::body::Bytes| {
                let body = body.clone();
                async move {
                    std::hint::black_box(asked);
                    ([("content-type", "text/event-stream")], body)
                }
            });
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let service = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, app).await });
            match path {
                Path::Straight => (service, None),
                Path::Gateway => through(service),
            }
        });
        let key = session.as_ref().map_or("key", Session::token);
        let question = format!(r#"{{"model":"claude-sonnet-4-5","stream":true,"messages":"{}"}}"#, "x".repeat(asked));
        let head = format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: ");
        let request = format!("{head}{}\r\n\r\n{question}", question.len()).into_bytes();
        let connection = TcpStream::connect(address).unwrap();
        connection.set_nodelay(true).unwrap();
        let mut client = Self { connection, request, read: Vec::new(), _serving: (runtime, session) };
        client.ask();
        client
    }

    /// Asks, and reads the answer to its end.
    fn ask(&mut self) -> usize {
        self.connection.write_all(&self.request).unwrap();
        self.read.clear();
        let mut piece = [0; 64 * 1024];
        loop {
            let count = self.connection.read(&mut piece).unwrap();
            assert!(count > 0, "closed: {}", String::from_utf8_lossy(&self.read));
            self.read.extend_from_slice(&piece[..count]);
            let whole = self.read.strip_suffix(b"\r\n0\r\n\r\n").unwrap_or(&self.read);
            if whole.ends_with(END) {
                assert!(self.read.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&self.read));
                return self.read.len();
            }
        }
    }
}

fn through(service: SocketAddr) -> (SocketAddr, Option<Session>) {
    let credential = Credential::new(Scheme::XApiKey, "sk-the-real-key").unwrap();
    let upstream = Upstream::new(Api::Anthropic, &format!("http://{service}"), credential).unwrap();
    let session = Gateway::new().unwrap().open(Open {
        upstream: Some(upstream),
        budget_micros: i64::MAX,
        prices: Arc::new(PriceList::default()),
        hosts: Vec::new(),
        hold: None,
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    session.serve(listener, Reach::Private).unwrap();
    (address, Some(session))
}

/// An answer of two hundred pieces to a question of 64 KB.
#[divan::bench(args = PATHS, sample_count = 500, sample_size = 4)]
fn a_turn(bencher: Bencher<'_, '_>, path: Path) {
    let mut client = Client::open(path, answer(200), 64 * 1024);
    bencher.bench_local(move || client.ask());
}

/// The shortest answer to the shortest question.
#[divan::bench(args = PATHS, sample_count = 500, sample_size = 4)]
fn a_word(bencher: Bencher<'_, '_>, path: Path) {
    let mut client = Client::open(path, answer(1), 1);
    bencher.bench_local(move || client.ask());
}

/// Sixteen megabytes of pieces.
#[divan::bench(args = PATHS, sample_count = 10, sample_size = 1)]
fn a_flood(bencher: Bencher<'_, '_>, path: Path) {
    let body = answer(120_000);
    let length = body.len();
    let mut client = Client::open(path, body, 1);
    bencher.counter(BytesCount::new(length)).bench_local(move || client.ask());
}
