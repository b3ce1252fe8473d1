//! What flows through a session, what does not, and what is told of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use coditect_gateway::{
    Api, Credential, Gateway, Holds, Notice, Open, PriceList, Prices, Reach, Scheme, Session, Upstream,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

const KEY: &str = "sk-the-real-key";

/// Longer than anything takes, on a busy machine too.
const LONG: Duration = Duration::from_secs(20);

/// A service that answers as a test wants, and keeps what it was asked.
struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Service {
    /// `answer` is given how many requests came before.
    async fn start(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| {
            let (answer, kept) = (answer.clone(), Arc::clone(&kept));
            async move {
                let (parts, body) = request.into_parts();
                // One that is given up on its way was not asked.
                let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return Response::default() };
                let before = {
                    let mut kept = kept.lock().unwrap();
                    kept.push((format!("{parts:?}"), String::from_utf8_lossy(&body).into_owned()));
                    kept.len() - 1
                };
                answer(before)
            }
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

fn events(lines: &[serde_json::Value]) -> String {
    lines.iter().map(|line| format!("event: {}\ndata: {line}\n\n", line["type"].as_str().unwrap())).collect()
}

/// An answer of the Messages API that reads `input` tokens and writes `output`.
fn message(input: u64, output: u64) -> String {
    events(&[
        json!({ "type": "message_start", "message": { "model": "claude-sonnet-4-5", "usage": { "input_tokens": input, "output_tokens": 1 } } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "words" } }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": output } }),
        json!({ "type": "message_stop" }),
    ])
}

fn streamed(body: impl Into<Body>) -> Response {
    Response::builder().header("content-type", "text/event-stream").body(body.into()).unwrap()
}

/// A session and where it listens.
struct Way {
    session: Session,
    address: SocketAddr,
    notices: mpsc::Receiver<Notice>,
}

impl Way {
    fn open(service: &Service, budget_micros: i64, hold: Option<(Holds, String)>) -> Self {
        let credential = Credential::new(Scheme::XApiKey, KEY).unwrap();
        let upstream = Upstream::new(Api::Anthropic, &format!("http://{}", service.address), credential).unwrap();
        Self::with(Some(upstream), budget_micros, hold, &[], Reach::Private)
    }

    fn with(
        upstream: Option<Upstream>,
        budget_micros: i64,
        hold: Option<(Holds, String)>,
        hosts: &[String],
        reach: Reach,
    ) -> Self {
        // A dollar for each token, which makes sums easy.
        let dollar = Prices { input: 1_000_000_000_000, output: 1_000_000_000_000, cache_write: 0, cache_read: 0 };
        let prices = Arc::new(PriceList::new(BTreeMap::from([("claude".to_owned(), dollar)])));
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        let mut session = Gateway::new().unwrap().open(Open { upstream, budget_micros, prices, hosts, hold });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let notices = session.notices().unwrap();
        session.serve(listener, reach).unwrap();
        Self { session, address, notices }
    }

    /// Asks the model, with a key, and leaves the answer to be read.
    async fn ask_with(&self, key: &str) -> TcpStream {
        let body = r#"{"model":"claude-sonnet-4-5","stream":true}"#;
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        stream
    }

    async fn ask(&self) -> String {
        let mut stream = self.ask_with(self.session.token()).await;
        all(&mut stream).await
    }

    async fn told(&mut self) -> Notice {
        tokio::time::timeout(LONG, self.notices.recv()).await.unwrap().unwrap()
    }
}

async fn all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

/// Reads until this has come.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains(wanted) {
        let read = tokio::time::timeout(LONG, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(read > 0, "{wanted} did not come: {seen}");
        seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_as_it_was_sent_and_when_it_was_sent_and_the_key_stays_here() {
    let (more, pieces) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let pieces = Arc::new(Mutex::new(Some(pieces)));
    let service = Service::start(move |_| {
        let pieces = pieces.lock().unwrap().take().unwrap();
        streamed(Body::from_stream(UnboundedReceiverStream::new(pieces).map(Ok::<_, std::io::Error>)))
    })
    .await;
    let way = Way::open(&service, 1_000_000_000, None);
    let whole = message(3, 4);
    let (first, rest) = whole.split_at(whole.find("event: content").unwrap());
    let mut stream = way.ask_with(way.session.token()).await;
    more.send(Bytes::from(first.to_owned())).unwrap();
    // The second piece is not sent before the first has arrived.
    let mut seen = until(&mut stream, "message_start").await;
    more.send(Bytes::from(rest.to_owned())).unwrap();
    drop(more);
    seen += &all(&mut stream).await;
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    let unchunked: String = seen.split("\r\n").filter(|line| line.contains('\n')).collect();
    assert_eq!(unchunked, whole);
    assert!(!seen.contains(KEY));
    let asked = service.asked();
    assert!(asked[0].0.contains(KEY) || asked[0].0.contains("Sensitive"), "{}", asked[0].0);
    assert!(!asked[0].0.contains(way.session.token()), "{}", asked[0].0);
    assert_eq!(asked[0].1, r#"{"model":"claude-sonnet-4-5","stream":true}"#);
    assert_eq!((way.session.usage().input, way.session.usage().output, way.session.spent_micros()), (3, 4, 7_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_own_session_while_that_is_open_and_for_nothing_else() {
    let service = Service::start(|_| streamed(message(1, 1))).await;
    let (way, other) = (Way::open(&service, 1_000_000_000, None), Way::open(&service, 1_000_000_000, None));
    for key in ["", "sk-guessed", other.session.token(), KEY] {
        let answer = all(&mut way.ask_with(key).await).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("authentication_error"), "{answer}");
    }
    assert!(service.asked().is_empty());
    // What is no question to a model could use the account in ways that nobody counts.
    let mut stream = TcpStream::connect(way.address).await.unwrap();
    let batch = format!(
        "POST /v1/messages/batches HTTP/1.1\r\nHost: x\r\nx-api-key: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        way.session.token()
    );
    stream.write_all(batch.as_bytes()).await.unwrap();
    assert!(all(&mut stream).await.starts_with("HTTP/1.1 403 "));
    assert!(service.asked().is_empty());
    let (token, address) = (way.session.token().to_owned(), way.address);
    assert!(way.ask().await.starts_with("HTTP/1.1 200 "));
    drop(way);
    let gone = async {
        loop {
            let Ok(mut stream) = TcpStream::connect(address).await else { return };
            let head = format!("GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key: {token}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            assert!(!answer.starts_with(b"HTTP/1.1 200"));
        }
    };
    tokio::time::timeout(LONG, gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_ends_the_run_and_no_model_is_asked_any_more() {
    let service = Service::start(|_| streamed(message(2, 3))).await;
    // Five dollars: exactly what one answer costs.
    let mut way = Way::open(&service, 5_000_000, None);
    assert!(way.ask().await.contains("message_stop"));
    assert!(!way.session.settle().is_cancelled());
    let refused = way.ask().await;
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("x-should-retry: false"), "{refused}");
    assert!(way.session.settle().is_cancelled());
    assert_eq!(way.session.exceeded_micros(), Some(5_000_000));
    assert_eq!(service.asked().len(), 1);
    assert!(matches!(way.told().await, Notice::BudgetSpent { spent_micros: 5_000_000, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_goes_beyond_the_budget_is_cut_while_it_comes() {
    let service = Service::start(|_| {
        let start = events(&[
            json!({ "type": "message_start", "message": { "model": "claude-sonnet-4-5", "usage": { "input_tokens": 1, "output_tokens": 1 } } }),
        ]);
        let word = events(&[
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "w".repeat(400) } }),
        ]);
        // It never ends by itself.
        let pieces = std::iter::once(start).chain(std::iter::repeat(word)).map(Ok::<_, std::io::Error>);
        streamed(Body::from_stream(tokio_stream::iter(pieces)))
    })
    .await;
    let way = Way::open(&service, 1_000_000_000, None);
    let mut stream = way.ask_with(way.session.token()).await;
    let mut answer = Vec::new();
    // The connection breaks in the middle of the answer.
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(way.session.settle().is_cancelled());
    assert!(way.session.spent_micros() > 1_000_000_000 && way.session.spent_micros() < 10_000_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_paused_account_wait_and_go_on_when_it_is_resumed() {
    let service = Service::start(|_| streamed(message(1, 1))).await;
    let holds = Holds::default();
    holds.set(["main".to_owned()]);
    let mut way = Way::open(&service, 1_000_000_000, Some((holds.clone(), "main".to_owned())));
    let mut stream = way.ask_with(way.session.token()).await;
    assert_eq!(way.told().await, Notice::Held);
    assert!(way.session.activity().is_held() && service.asked().is_empty());
    // Another account's pause is another's.
    holds.set(["other".to_owned()]);
    assert!(all(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(way.told().await, Notice::Released);
    assert!(!way.session.activity().is_held());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_says_of_the_account_is_told_with_the_time_the_client_never_shows() {
    let service = Service::start(|before| match before {
        0 => Response::builder().status(429).header("retry-after", "3600").body(Body::from("{}")).unwrap(),
        1 => Response::builder().status(401).header("content-type", "application/json").body(Body::from("{}")).unwrap(),
        _ => streamed(message(1, 1)),
    })
    .await;
    let mut way = Way::open(&service, 1_000_000_000, None);
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!(way.ask().await.contains("retry-after: 3600"), "passed on as it is");
    let Notice::RateLimited { reset_at_ms } = way.told().await else { panic!("not told") };
    let hour = i64::try_from(before).unwrap() + 3_600_000;
    assert!((hour..hour + 60_000).contains(&reset_at_ms), "{reset_at_ms}");
    assert_eq!(way.session.reset_at_ms(), Some(reset_at_ms));
    way.ask().await;
    assert_eq!(way.told().await, Notice::Refused { status: 401 });
    way.ask().await;
    assert_eq!(way.told().await, Notice::Ok);
    assert_eq!(way.session.reset_at_ms(), None);
    // A failure costs nothing.
    assert_eq!(way.session.spent_micros(), 2_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_reached_through_the_proxy_where_they_are_allowed() {
    let service = Service::start(|_| Response::new(Body::from("hello"))).await;
    let allowed = service.address.to_string();
    let mut way = Way::with(None, 0, None, std::slice::from_ref(&allowed), Reach::Machine);
    let connect = async |host: &str, token: Option<&str>| {
        let mut stream = TcpStream::connect(way.address).await.unwrap();
        let basic = token.map(|token| {
            use base64::Engine as _;
            let user = base64::engine::general_purpose::STANDARD.encode(format!("attempt:{token}"));
            format!("Proxy-Authorization: Basic {user}\r\n")
        });
        let head = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", basic.unwrap_or_default());
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = until(&mut stream, "\r\n\r\n").await;
        (answer, stream)
    };
    let token = way.session.token().to_owned();
    assert!(connect(&allowed, None).await.0.starts_with("HTTP/1.1 407 "));
    for host in ["example.org:443", "127.0.0.1:1", "localhost:80"] {
        assert!(connect(host, Some(&token)).await.0.starts_with("HTTP/1.1 403 "), "{host}");
    }
    let (answer, mut tunnel) = connect(&allowed, Some(&token)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    tunnel.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(all(&mut tunnel).await.ends_with("hello"));
    let Notice::HostRefused { host, .. } = way.told().await else { panic!("not told") };
    assert_eq!(host, "example.org:443");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_do_not_pass_the_budget_together() {
    // Each of them reads four tokens and writes four, a dollar each.
    let answer = r#"{"model":"claude-sonnet-4-5","usage":{"input_tokens":4,"output_tokens":4}}"#;
    let service = Service::start(move |_| {
        Response::builder().header("content-type", "application/json").body(Body::from(answer)).unwrap()
    })
    .await;
    let way = Way::open(&service, 20_000_000, None);
    let body = r#"{"model":"claude-sonnet-4-5","max_tokens":12}"#;
    let all: Vec<_> = (0..20)
        .map(|_| {
            let (address, token) = (way.address, way.session.token().to_owned());
            tokio::spawn(async move { post(address, &token, body).await })
        })
        .collect();
    let mut answers = Vec::new();
    for one in all {
        answers.push(one.await.unwrap());
    }
    // The third passes the budget, which was not spent before it.
    assert_eq!((service.asked().len(), way.session.spent_micros()), (3, 24_000_000), "{answers:#?}");
    assert!(answers.iter().any(|answer| answer.contains("budget of this attempt is spent")), "{answers:#?}");
}

#[tokio::test]
async fn an_answer_that_is_given_later_is_refused_as_nobody_would_count_it() {
    let service = Service::start(|_| Response::new(Body::empty())).await;
    let way = Way::open(&service, 20_000_000, None);
    let answer = post(way.address, way.session.token(), r#"{"model":"claude-sonnet-4-5","background":true}"#).await;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("nothing else of the account"), "{answer}");
    assert!(service.asked().is_empty());
}

/// Asks a model, and reads the whole answer.
async fn post(address: SocketAddr, token: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LONG, connection.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}
