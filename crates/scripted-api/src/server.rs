//! The server: finds the rule, counts, answers.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::{StreamExt, iter, pending};

use crate::api::Api;
use crate::request::Request;
use crate::scenario::{Fail, Fault, Rule, Scenario, Step};

/// The largest request: conversations carry whole files.
const BODY: usize = 64 * 1024 * 1024;

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The rule's name, or its place in the scenario.
    pub rule: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How many answers the conversation had.
    pub answers: usize,
    /// The model that was asked for.
    pub model: String,
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<io::Result<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    scenario: Scenario,
    /// How often each rule has answered.
    used: Vec<u32>,
    seen: Vec<Seen>,
}

impl Server {
    /// Starts on the address; port 0 is any free one.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(address: SocketAddr, scenario: Scenario) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { state: Mutex::default() });
        let app = axum::Router::new()
            .route("/", get(|| async { "scripted" }))
            .route("/v1/messages", post(messages))
            .route("/v1/messages/count_tokens", post(|| async { Json(json!({ "input_tokens": 100 })) }))
            .route("/v1/responses", post(responses))
            .route("/v1beta/models/{call}", post(gemini))
            .route("/scripted/requests", get(requests))
            .layer(axum::extract::DefaultBodyLimit::max(BODY))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, app).await });
        let this = Self { address, shared, task };
        this.play(scenario);
        Ok(this)
    }

    /// Where it answers, as clients want it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes on with another scenario.
    pub fn play(&self, scenario: Scenario) {
        let mut script = self.shared.lock();
        script.used = vec![0; scenario.rules.len()];
        script.scenario = scenario;
    }

    /// What was answered so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// The server cannot go on.
    pub async fn wait(mut self) -> io::Result<()> {
        (&mut self.task).await.map_err(io::Error::other)?
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a rule has to say to a request.
enum Reply {
    Fail(Fail),
    Fault(Fault, u64),
    Step(Step, u64),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Script> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of the first rule that fits, which is counted.
    fn reply(&self, request: &Request, credential: Option<&str>) -> Reply {
        let script = &mut *self.lock();
        let rules = script.scenario.rules.iter().zip(&mut script.used).enumerate();
        let found = rules.into_iter().find(|(_, (rule, used))| fits(rule, **used, request, credential));
        let (name, reply) = match found {
            Some((at, (rule, used))) => {
                *used += 1;
                let name = if rule.name.is_empty() { format!("rule {}", at + 1) } else { rule.name.clone() };
                let last = rule.steps.len().saturating_sub(1);
                let number = script.seen.len() as u64;
                let reply = match (&rule.fail, rule.fault, rule.steps.get(request.answers.min(last))) {
                    (Some(fail), ..) => Reply::Fail(fail.clone()),
                    (None, Some(fault), _) => Reply::Fault(fault, number),
                    (None, None, Some(step)) => Reply::Step(step.clone(), number),
                    (None, None, None) => {
                        Reply::Fail(refuse(&format!("{name} has neither `fail` nor `fault` nor `steps`")))
                    }
                };
                (name, reply)
            }
            None => ("none".to_owned(), Reply::Fail(refuse("no rule of the scenario fits this request"))),
        };
        let status = match &reply {
            Reply::Fail(fail) => fail.status,
            Reply::Step(..) | Reply::Fault(..) => 200,
        };
        let (answers, model) = (request.answers, request.model().to_owned());
        script.seen.push(Seen { rule: name, status, answers, model });
        reply
    }
}

fn fits(rule: &Rule, used: u32, request: &Request, credential: Option<&str>) -> bool {
    rule.times.is_none_or(|times| used < times)
        && rule.contains.as_ref().is_none_or(|text| request.contains(text))
        && rule.credential.as_ref().is_none_or(|wanted| credential == Some(wanted))
}

fn refuse(message: &str) -> Fail {
    let (kind, headers) = ("invalid_request_error".to_owned(), std::collections::BTreeMap::new());
    Fail { status: 400, kind, message: message.to_owned(), headers }
}

async fn messages(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    reply(&shared, &headers, &Request::new(Api::Messages, "", &body)).await
}

async fn responses(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    reply(&shared, &headers, &Request::new(Api::Responses, "", &body)).await
}

/// The path's last part is `<model>:<method>`.
async fn gemini(
    State(shared): State<Arc<Shared>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if call.ends_with(":countTokens") {
        return Json(json!({ "totalTokens": 100 })).into_response();
    }
    reply(&shared, &headers, &Request::new(Api::Gemini, &call, &body)).await
}

async fn reply(shared: &Shared, headers: &HeaderMap, request: &Request) -> Response {
    let bearer = || headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ");
    let named = |name: &str| headers.get(name)?.to_str().ok();
    let credential = named("x-api-key").or_else(|| named("x-goog-api-key")).or_else(bearer);
    match shared.reply(request, credential) {
        Reply::Fail(fail) => {
            let status = StatusCode::from_u16(fail.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, Json(request.api.failure(&fail))).into_response();
            for (name, value) in &fail.headers {
                if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        Reply::Fault(fault, number) => faulty(request, fault, number).await,
        Reply::Step(step, number) => {
            tokio::time::sleep(Duration::from_millis(step.wait_ms())).await;
            let answer = request.api.answer(request, &step, number);
            if request.streams {
                ([(header::CONTENT_TYPE, "text/event-stream")], request.api.events(&answer)).into_response()
            } else {
                Json(answer).into_response()
            }
        }
    }
}

async fn faulty(request: &Request, fault: Fault, number: u64) -> Response {
    let kind = if request.streams { "text/event-stream" } else { "application/json" };
    let answer = request.api.answer(request, &Step::text("This is never said to its end."), number);
    let whole = if request.streams { request.api.events(&answer) } else { answer.to_string() };
    let beginning = whole.chars().take(whole.chars().count() / 2).collect::<String>();
    let first = Ok::<_, io::Error>(Bytes::from(beginning));
    let body = match fault {
        Fault::Hang => std::future::pending().await,
        Fault::Stall => Body::from_stream(iter([first]).chain(pending())),
        Fault::Cut => Body::from_stream(iter([first, Err(io::ErrorKind::ConnectionReset.into())])),
        Fault::Malformed => Body::from("data: {\"type\": \u{0}]<html>this is not the API you are looking for\n\n"),
    };
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

async fn requests(State(shared): State<Arc<Shared>>) -> Json<Vec<Seen>> {
    Json(shared.lock().seen.clone())
}
