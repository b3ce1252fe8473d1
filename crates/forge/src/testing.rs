//! A forge for tests: it speaks as GitHub and as GitLab do, and what people and checks do there is scripted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "for tests")]

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header::AUTHORIZATION};
use axum::response::{IntoResponse, Json, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Kind;

/// The token that it takes.
pub const TOKEN: &str = "forge-token-of-a-test";

/// The project that it has.
pub const PROJECT: &str = "owner/name";

/// A forge that runs until it is dropped.
#[derive(Debug)]
pub struct Scripted {
    /// The URL of its API.
    pub url: String,
    state: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

/// What the tip of a branch is.
type Tips = dyn Fn(&str) -> String + Send + Sync;

struct Shared {
    kind: Kind,
    tips: Box<Tips>,
    inner: Mutex<Inner>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("kind", &self.kind).field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Inner {
    requests: Vec<Opened>,
    refuse: Option<u16>,
    asked: Vec<String>,
}

/// A request that was opened.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The branch with the result.
    pub branch: String,
    /// The branch it goes to.
    pub target: String,
    /// Whether it is open.
    pub open: bool,
    /// What it was merged as.
    pub merged: Option<String>,
    /// It does not fit its target.
    pub conflicts: bool,
    remarks: Vec<Remark>,
    checks: Vec<Check>,
}

/// What somebody said.
#[derive(Debug, Clone)]
struct Remark {
    who: String,
    /// As GitHub calls the review.
    state: &'static str,
    text: String,
    place: Option<(String, i64)>,
    at: Timestamp,
    resolved: bool,
}

#[derive(Debug, Clone)]
struct Check {
    name: String,
    commit: String,
    failed: bool,
}

impl Scripted {
    /// Starts one. `tips` says where branches are.
    pub async fn start(kind: Kind, tips: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let state = Arc::new(Shared { kind, tips: Box::new(tips), inner: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, server }
    }

    /// What was opened, in the order of their numbers, which begin with 1.
    #[must_use]
    pub fn requests(&self) -> Vec<Opened> {
        self.state.lock().requests.clone()
    }

    /// What it was asked: method and path.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().asked.clone()
    }

    /// Refuses everything with this status, until it is told otherwise.
    pub fn refuse(&self, status: Option<u16>) {
        self.state.lock().refuse = status;
    }

    /// Somebody asks for changes.
    pub fn ask(&self, number: usize, who: &str, text: &str) {
        self.remark(number, who, "CHANGES_REQUESTED", text, None);
    }

    /// Somebody asks for changes on a line.
    pub fn ask_at(&self, number: usize, who: &str, text: &str, path: &str, line: i64) {
        self.remark(number, who, "CHANGES_REQUESTED", "", None);
        self.note_at(number, who, text, path, line);
    }

    /// Somebody says something in a review that asks for nothing.
    pub fn note(&self, number: usize, who: &str, text: &str) {
        self.remark(number, who, "COMMENTED", text, None);
    }

    /// Somebody says something about a line.
    pub fn note_at(&self, number: usize, who: &str, text: &str, path: &str, line: i64) {
        self.remark(number, who, "COMMENTED", text, Some((path.to_owned(), line)));
    }

    /// Somebody approves of it: what they asked for before is settled.
    pub fn approve(&self, number: usize, who: &str) {
        self.change(number, |request| {
            request.remarks.iter_mut().filter(|remark| remark.who == who).for_each(|remark| remark.resolved = true);
        });
        self.remark(number, who, "APPROVED", "", None);
    }

    /// A check of a commit has ended.
    pub fn check(&self, number: usize, name: &str, commit: &str, failed: bool) {
        let check = Check { name: name.to_owned(), commit: commit.to_owned(), failed };
        self.change(number, |request| request.checks.push(check));
    }

    /// It does not fit its target any more, or does again.
    pub fn conflict(&self, number: usize, conflicts: bool) {
        self.change(number, |request| request.conflicts = conflicts);
    }

    /// Somebody merges it.
    pub fn merge(&self, number: usize, commit: &str) {
        self.change(number, |request| (request.open, request.merged) = (false, Some(commit.to_owned())));
    }

    /// Somebody closes it.
    pub fn close(&self, number: usize) {
        self.change(number, |request| request.open = false);
    }

    fn remark(&self, number: usize, who: &str, state: &'static str, text: &str, place: Option<(String, i64)>) {
        let (who, text, at) = (who.to_owned(), text.to_owned(), Timestamp::now());
        self.change(number, |request| {
            request.remarks.push(Remark { who, state, text, place, at, resolved: false });
        });
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Opened)) {
        change(self.state.lock().requests.get_mut(number - 1).expect("there is such a request"));
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut inner = shared.lock();
    inner.asked.push(format!("{method} {}", uri.path()));
    if headers.get(AUTHORIZATION).is_none_or(|value| value != format!("Bearer {TOKEN}").as_str()) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Bad credentials" }))).into_response();
    }
    if let Some(status) = inner.refuse {
        return (StatusCode::from_u16(status).unwrap(), Json(json!({ "message": "not now" }))).into_response();
    }
    let root = match shared.kind {
        Kind::Github => format!("/api/repos/{PROJECT}/"),
        Kind::Gitlab => "/api/projects/owner%2Fname/".to_owned(),
    };
    let path: Vec<&str> = uri.path().strip_prefix(&root).unwrap_or_default().split('/').collect();
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let answered = match shared.kind {
        Kind::Github => github(&shared, &mut inner, &method, &path, uri.query().unwrap_or_default(), &body),
        Kind::Gitlab => gitlab(&shared, &mut inner, &method, &path, uri.query().unwrap_or_default(), &body),
    };
    match answered {
        Some(value) => Json(value).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({ "message": "Not Found" }))).into_response(),
    }
}

impl Inner {
    fn open(&mut self, body: &Value, names: [&str; 4]) -> usize {
        let [title, text, branch, target] = names.map(|name| body[name].as_str().unwrap_or_default().to_owned());
        self.requests.push(Opened { title, body: text, branch, target, open: true, ..Opened::default() });
        self.requests.len()
    }

    /// The numbers of those that are open for the branch that the query names.
    fn of_branch(&self, query: &str) -> Vec<usize> {
        let named = |request: &Opened| {
            let branch = request.branch.replace('/', "%2F");
            query
                .split('&')
                .any(|part| part.ends_with(&format!("={branch}")) || part.ends_with(&format!("%3A{branch}")))
        };
        let numbered = self.requests.iter().enumerate().filter(|(_, request)| request.open && named(request));
        numbered.map(|(at, _)| at + 1).collect()
    }
}

fn github(
    shared: &Shared,
    inner: &mut Inner,
    method: &Method,
    path: &[&str],
    query: &str,
    body: &Value,
) -> Option<Value> {
    let brief = |number: usize| json!({ "number": number, "html_url": format!("https://forge.test/pull/{number}") });
    match path {
        ["pulls"] if method == Method::GET => Some(inner.of_branch(query).into_iter().map(brief).collect()),
        ["pulls"] => Some(brief(inner.open(body, ["title", "body", "head", "base"]))),
        ["commits", commit, what] => {
            let checks = inner.requests.iter().flat_map(|request| &request.checks);
            let checks = checks.filter(|check| check.commit == *commit);
            Some(match *what {
                "check-runs" => json!({ "check_runs": checks.map(|check| json!({
                    "name": check.name,
                    "conclusion": if check.failed { "failure" } else { "success" },
                    "html_url": "https://forge.test/run/1",
                    "output": { "title": "2 tests failed", "summary": null },
                })).collect::<Vec<_>>() }),
                _ => json!({ "statuses": [] }),
            })
        }
        ["pulls", number, rest @ ..] => {
            let request = inner.requests.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
            let remarks = request.remarks.iter();
            Some(match rest {
                [] => json!({
                    "number": number, "state": if request.open { "open" } else { "closed" },
                    "merged": request.merged.is_some(), "merge_commit_sha": request.merged,
                    "mergeable": !request.conflicts, "head": { "sha": (shared.tips)(&request.branch) },
                }),
                ["reviews"] => remarks
                    .filter(|remark| remark.place.is_none())
                    .map(|remark| {
                        json!({ "state": remark.state, "body": remark.text, "submitted_at": remark.at,
                        "user": { "login": remark.who } })
                    })
                    .collect(),
                ["comments"] => remarks
                    .filter_map(|remark| {
                        let (path, line) = remark.place.as_ref()?;
                        Some(json!({ "path": path, "line": line, "body": remark.text, "created_at": remark.at,
                            "user": { "login": remark.who } }))
                    })
                    .collect(),
                _ => return None,
            })
        }
        _ => None,
    }
}

fn gitlab(
    shared: &Shared,
    inner: &mut Inner,
    method: &Method,
    path: &[&str],
    query: &str,
    body: &Value,
) -> Option<Value> {
    let brief = |number: usize| json!({ "iid": number, "web_url": format!("https://forge.test/merge/{number}") });
    match path {
        ["merge_requests"] if method == Method::GET => Some(inner.of_branch(query).into_iter().map(brief).collect()),
        ["merge_requests"] => Some(brief(inner.open(body, ["title", "description", "source_branch", "target_branch"]))),
        ["pipelines", number, "jobs"] => {
            let request = inner.requests.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
            let job = |check: &Check| {
                json!({ "name": check.name, "status": if check.failed { "failed" } else { "success" },
                "web_url": "https://forge.test/job/1" })
            };
            Some(request.checks.iter().map(job).collect())
        }
        ["merge_requests", number, rest @ ..] => {
            let number = number.parse::<usize>().ok()?;
            let request = inner.requests.get(number.checked_sub(1)?)?;
            let head = (shared.tips)(&request.branch);
            Some(match rest {
                [] => {
                    let failed = request.checks.iter().any(|check| check.failed && check.commit == head);
                    let state = match (&request.merged, request.open) {
                        (Some(_), _) => "merged",
                        (None, true) => "opened",
                        (None, false) => "closed",
                    };
                    json!({ "iid": number, "state": state, "sha": head, "merge_commit_sha": null,
                        "squash_commit_sha": request.merged, "has_conflicts": request.conflicts,
                        "head_pipeline": { "id": number, "status": if failed { "failed" } else { "running" }, "sha": head } })
                }
                ["discussions"] => {
                    let said = request.remarks.iter().filter(|remark| !remark.text.is_empty());
                    said.map(|remark| {
                        let place =
                            remark.place.as_ref().map(|(path, line)| json!({ "new_path": path, "new_line": line }));
                        json!({ "notes": [{ "body": remark.text, "created_at": remark.at, "resolvable": true,
                            "resolved": remark.resolved, "system": false, "position": place }] })
                    })
                    .collect()
                }
                _ => return None,
            })
        }
        _ => None,
    }
}
