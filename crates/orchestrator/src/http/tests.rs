//! The API as a client meets it: over a real socket, on a real database, with Redis away.

use std::net::SocketAddr;

use coditect_service::config::HttpConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::guard::Guard;
use super::{router, routes};
use crate::tests::World;

const TOKEN: &str = "a token that is long enough";

/// A server and what it serves.
struct Site {
    world: World,
    address: SocketAddr,
    drain: CancellationToken,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.drain.cancel();
    }
}

impl Site {
    async fn open() -> Self {
        Self::with(&json!({})).await
    }

    async fn with(config: &Value) -> Self {
        let (world, drain) = (World::new().await, CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config: HttpConfig = serde_json::from_value(config.clone()).unwrap();
        let router = router(world.orchestrator.clone(), Guard::new(&config, address), drain.clone());
        tokio::spawn(
            axum::serve(listener, router).with_graceful_shutdown(drain.clone().cancelled_owned()).into_future(),
        );
        tokio::spawn(world.orchestrator.clone().tell_transitions(drain.clone()));
        Self { world, address, drain }
    }

    async fn connect(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "host") {
            request.push_str(&format!("host: {}\r\n", self.address));
        }
        if !body.is_empty() {
            request.push_str("content-type: application/json\r\n");
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
        stream
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut stream = self.connect(method, path, headers, body).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, &[], "").await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, &[], &body.to_string()).await
    }
}

/// Reads a stream until it has all of these.
async fn read_until(stream: &mut TcpStream, wanted: &[&str]) -> String {
    let mut text = String::new();
    let mut part = [0; 4096];
    while !wanted.iter().all(|wanted| text.contains(wanted)) {
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "the stream ended after: {text}");
        text.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    text
}

#[tokio::test]
async fn a_task_is_listed_shown_and_found_by_what_is_asked_of_it() {
    let site = Site::open().await;
    let list = site.get("/api/v1/tasks?state=pending,ready&q=DO&limit=10").await;
    assert_eq!((&list["total"], &list["tasks"][0]["id"]), (&json!(1), &json!("plan/1.1")));
    assert_eq!((&list["tasks"][0]["document"], &list["tasks"][0]["failure"]), (&json!("PLAN.md"), &Value::Null));
    for nothing in ["state=failed", "q=nothing%25", "q=_", "agent=nobody", "epic=none", "offset=1"] {
        assert_eq!(site.get(&format!("/api/v1/tasks?{nothing}")).await["tasks"], json!([]), "{nothing}");
    }
    let detail = site.get("/api/v1/tasks/plan%2F1.1").await;
    assert_eq!(detail["task"]["state"], "pending");
    assert_eq!(detail["actions"], json!(["assign", "skip", "cancel"]));
    let why = site.get("/api/v1/tasks/1.1/why").await;
    assert_eq!((&why["ready"], &why["holds_up"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn what_is_wrong_is_said_in_json_with_the_fitting_status() {
    let site = Site::open().await;
    for (method, path, body, status, code) in [
        ("GET", "/api/v1/tasks/nothing", "", 404, "not_found"),
        ("GET", "/api/v1/nothing", "", 404, "not_found"),
        ("GET", "/api/v1/tasks/%FF", "", 400, "invalid"),
        ("GET", "/api/v1/tasks/%00", "", 404, "not_found"),
        ("GET", "/api/v1/tasks?state=tired", "", 400, "invalid"),
        ("GET", "/api/v1/tasks?limit=many", "", 400, "invalid"),
        ("DELETE", "/api/v1/tasks", "", 405, "invalid"),
        ("POST", "/api/v1/tasks/1.1/actions", r#"{"action":"dance"}"#, 400, "invalid"),
        ("POST", "/api/v1/tasks/1.1/actions", r#"{"action":"answer","text":" "}"#, 400, "invalid"),
        ("POST", "/api/v1/tasks/1.1/actions", r#"{"action":"approve"}"#, 409, "does_not_apply"),
        ("POST", "/api/v1/tasks/1.1/actions", "{", 400, "invalid"),
        ("GET", "/api/v1/queues", "", 503, "unavailable"),
    ] {
        let (got, answer) = site.ask(method, path, &[], body).await;
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{method} {path} {body}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    }
}

#[tokio::test]
async fn the_status_has_what_runs_with_its_last_line_and_the_figures() {
    let site = Site::open().await;
    let fence = site.world.claimed(1).await;
    let mut tx = site.world.orchestrator.store.begin().await.unwrap();
    let line = |seq, text: &str| coditect_store::LogRow { seq, at_ms: 5, kind: "stdout".into(), text: text.into() };
    tx.append_log(fence.attempt, &[line(1, "first"), line(2, "last")]).await.unwrap();
    tx.commit().await.unwrap();
    let status = site.get("/api/v1/status").await;
    assert_eq!((&status["total"], &status["by_state"]), (&json!(1), &json!({ "running": 1 })));
    let run = &status["running"][0];
    assert_eq!(
        (&run["title"], &run["last_line"], &run["last_line_at_ms"]),
        (&"Do it".into(), &"last".into(), &5.into())
    );
    assert_eq!((&status["done"], &status["stuck"], &status["leader"]), (&json!(false), &json!(false), &json!("")));
    let names: Vec<_> = status["figures"].as_array().unwrap().iter().map(|figure| &figure["name"]).collect();
    let five = ["tasks_completed", "success_ratio", "autonomy_ratio", "dispatch_p95_ms", "throughput_per_hour"];
    assert_eq!(json!(names), json!(five));
    assert_eq!(status["figures"][1]["value"], Value::Null);
    assert_eq!(site.get("/api/v1/runs").await["runs"][0]["last_line"], "last");
    assert_eq!(
        site.get("/api/v1/tasks/1.1/log?after=1").await["lines"],
        json!([
            { "seq": 2, "at_ms": 5, "kind": "stdout", "text": "last" }
        ])
    );
    assert_eq!(site.get("/api/v1/accounts").await["accounts"][0]["active"], 1);
    assert_eq!(site.get("/api/v1/agents").await["agents"][0]["breaker"]["state"], "closed");
    assert_eq!(site.get("/api/v1/graph").await["nodes"][0]["key"], "1.1");
    let forecast = site.get("/api/v1/forecast?slots=2").await;
    assert_eq!((&forecast["slots"], &forecast["factor"], &forecast["measured"]), (&2.into(), &1.0.into(), &0.into()));
}

#[tokio::test]
async fn the_figures_are_those_of_the_history() {
    let site = Site::open().await;
    let fence = site.world.claimed(1).await;
    site.world.land(&fence).await;
    let status = site.get("/api/v1/status").await;
    let value = |name: &str| {
        let figures = status["figures"].as_array().unwrap();
        figures.iter().find(|figure| figure["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(
        (value("tasks_completed"), value("success_ratio"), value("autonomy_ratio")),
        (json!(1.0), json!(1.0), json!(1.0))
    );
    assert_eq!(value("dispatch_p95_ms"), json!(0.0));
    let history = site.get("/api/v1/history").await;
    assert_eq!((&history["buckets"][0]["completed"], &history["buckets"][0]["failed"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_person_answers_and_the_task_goes_on_with_what_was_said() {
    let site = Site::open().await;
    site.world.stopped(1).await;
    let detail = site.get("/api/v1/tasks/1.1").await;
    assert_eq!(detail["actions"], json!(["retry", "answer", "approve", "assign", "skip", "cancel"]));
    let body = json!({ "action": "answer", "text": "use the other one" });
    let (status, task) = site.post("/api/v1/tasks/plan%2F1.1/actions", &body).await;
    assert_eq!((status, &task["state"]), (200, &json!("pending")), "{task}");
    let detail = site.get("/api/v1/tasks/1.1").await;
    let said = &detail["answers"][0];
    assert_eq!((&said["answer"], &said["actor"]), (&json!("use the other one"), &json!("person:dashboard")));
    assert!(said["question"].as_str().unwrap().contains("config"), "{said}");
    let last = detail["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["actor"], &last["from"], &last["to"]),
        (&json!("person:dashboard"), &"needs_human".into(), &"pending".into())
    );
}

#[tokio::test]
async fn a_task_is_given_to_an_agent_and_approved_and_both_are_in_the_history() {
    let site = Site::open().await;
    let (status, task) = site.post("/api/v1/tasks/1.1/actions", &json!({ "action": "assign", "agent": "smith" })).await;
    assert_eq!((status, &task["agent"], &task["state"]), (200, &json!("smith"), &json!("pending")));
    site.world.stopped(1).await;
    let (_, task) = site.post("/api/v1/tasks/1.1/actions", &json!({ "action": "assign" })).await;
    assert_eq!((&task["agent"], &task["state"]), (&Value::Null, &json!("pending")));
    site.world.stopped(2).await;
    let (_, task) =
        site.post("/api/v1/tasks/1.1/actions", &json!({ "action": "approve", "reason": "good enough" })).await;
    assert_eq!(task["state"], "completed");
    let detail = site.get("/api/v1/tasks/1.1").await;
    let events = detail["events"].as_array().unwrap();
    let people: Vec<_> =
        events.iter().filter(|event| event["actor"] == "person:dashboard").map(|e| &e["cause"]).collect();
    assert_eq!(
        json!(people),
        json!(["assign_agent: smith", "assign_agent: as planned", "retry", "complete: good enough"])
    );
}

#[tokio::test]
async fn pausing_is_undone_by_resuming() {
    let site = Site::open().await;
    assert_eq!(site.post("/api/v1/pause", &json!({})).await.1["paused"], json!(["all"]));
    assert_eq!(site.get("/api/v1/status").await["paused"], true);
    assert_eq!(site.post("/api/v1/resume", &json!({})).await.1["paused"], json!([]));
    assert_eq!(site.get("/api/v1/status").await["paused"], false);
}

#[tokio::test]
async fn transitions_are_told_as_they_happen_and_again_to_who_comes_back() {
    let site = Site::open().await;
    let mut live = site.connect("GET", "/api/v1/events", &[], "").await;
    read_until(&mut live, &["event: hello", "\"now_ms\":"]).await;
    site.post("/api/v1/tasks/1.1/actions", &json!({ "action": "skip" })).await;
    let text = read_until(&mut live, &["\"to\":\"skipped\""]).await;
    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert!(text.contains("event: task") && text.contains("\"task\":\"plan/1.1\""), "{text}");
    drop(live);
    site.post("/api/v1/tasks/1.1/actions", &json!({ "action": "retry" })).await;
    let mut back = site.connect("GET", "/api/v1/events", &[("last-event-id", id)], "").await;
    read_until(&mut back, &["\"missed\":false", "\"from\":\"skipped\",\"to\":\"pending\""]).await;
}

#[tokio::test]
async fn a_log_is_streamed_to_its_end() {
    let site = Site::open().await;
    let fence = site.world.claimed(1).await;
    let mut live = site.connect("GET", "/api/v1/tasks/1.1/log/stream", &[], "").await;
    read_until(&mut live, &["text/event-stream"]).await;
    let mut tx = site.world.orchestrator.store.begin().await.unwrap();
    let line = coditect_store::LogRow { seq: 1, at_ms: 5, kind: "stdout".into(), text: "hello".into() };
    tx.append_log(fence.attempt, &[line]).await.unwrap();
    tx.commit().await.unwrap();
    site.world.land(&fence).await;
    read_until(&mut live, &["event: line", "\"text\":\"hello\"", "event: ended"]).await;
}

#[tokio::test]
async fn numbers_at_their_bounds_are_answered() {
    let site = Site::open().await;
    for path in
        ["history?since_ms=-9223372036854775808", "history?since_ms=9223372036854775807", "tasks?limit=-1&offset=-1"]
    {
        site.get(&format!("/api/v1/{path}")).await;
    }
    let last = [("last-event-id", "-9223372036854775808:x")];
    let mut live = site.connect("GET", "/api/v1/events", &last, "").await;
    read_until(&mut live, &["event: hello"]).await;
}

#[tokio::test]
async fn without_the_token_there_is_only_the_session_and_the_page() {
    let site = Site::with(&json!({ "token": TOKEN })).await;
    assert_eq!(site.get("/api/v1/session").await, json!({ "auth_required": true }));
    assert_eq!(site.ask("GET", "/", &[], "").await.0, 200);
    let right = format!("Bearer {TOKEN}");
    let wrong = [format!("Bearer {TOKEN}x"), TOKEN.to_owned(), "Bearer".to_owned(), format!("Basic {TOKEN}")];
    for path in ["/api/v1/status", "/api/v1/openapi.json", "/api/v1/events", "/api/v1/nothing"] {
        assert_eq!(site.ask("GET", path, &[], "").await.0, 401, "{path}");
        for wrong in &wrong {
            assert_eq!(site.ask("GET", path, &[("authorization", wrong)], "").await.0, 401, "{path} {wrong}");
        }
    }
    assert_eq!(site.ask("GET", "/api/v1/status", &[("authorization", &right)], "").await.0, 200);
}

#[tokio::test]
async fn other_sites_are_kept_out() {
    let site = Site::open().await;
    assert_eq!(site.ask("GET", "/api/v1/status", &[("host", "evil.example")], "").await.0, 403);
    let origin = [("origin", "http://evil.example")];
    assert_eq!(site.ask("POST", "/api/v1/pause", &origin, "{}").await.0, 403);
    let own = format!("http://{}", site.address);
    assert_eq!(site.ask("POST", "/api/v1/pause", &[("origin", &own)], "{}").await.0, 200);
}

#[tokio::test]
async fn whom_the_proxy_names_is_in_the_history() {
    let site = Site::with(&json!({ "behind_identity_proxy": true })).await;
    let named = [("x-goog-authenticated-user-email", "accounts.google.com:ada@example.com")];
    site.ask("POST", "/api/v1/tasks/1.1/actions", &named, r#"{"action":"skip"}"#).await;
    let detail = site.get("/api/v1/tasks/1.1").await;
    assert_eq!(detail["events"][0]["actor"], "person:ada@example.com");
}

#[tokio::test]
async fn every_route_is_in_the_document_and_every_reference_in_it_resolves() {
    let site = Site::open().await;
    let document = site.get("/api/v1/openapi.json").await;
    let routes = [
        ("get", "/api/v1/session"),
        ("get", "/api/v1/openapi.json"),
        ("get", "/api/v1/status"),
        ("get", "/api/v1/tasks"),
        ("get", "/api/v1/tasks/{id}"),
        ("get", "/api/v1/tasks/{id}/why"),
        ("get", "/api/v1/tasks/{id}/log"),
        ("get", "/api/v1/tasks/{id}/log/stream"),
        ("post", "/api/v1/tasks/{id}/actions"),
        ("get", "/api/v1/runs"),
        ("get", "/api/v1/graph"),
        ("get", "/api/v1/forecast"),
        ("get", "/api/v1/history"),
        ("get", "/api/v1/accounts"),
        ("get", "/api/v1/agents"),
        ("get", "/api/v1/queues"),
        ("get", "/api/v1/backups"),
        ("post", "/api/v1/pause"),
        ("post", "/api/v1/resume"),
        ("get", "/api/v1/events"),
    ];
    for (method, path) in routes {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        let described = |response: &Value| response["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(responses.contains_key("200") && responses.values().all(described), "{method} {path}");
    }
    assert_eq!(document["paths"].as_object().unwrap().len(), routes.len());
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let task = &document["components"]["schemas"]["Task"]["properties"];
    assert_eq!(task["id"]["type"], "string");
    assert_eq!(routes::routes().get_openapi().paths.paths.len(), routes.len());
}
