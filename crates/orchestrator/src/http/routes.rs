//! The routes, with what the OpenAPI document says of them: a route that is not in it cannot be made.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use coditect_proto::v1::{self, orchestrator_server::Orchestrator as _};
use serde::{Deserialize, Serialize};
use tonic::Request;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes as documented;

use super::error::{ErrorBody, Refusal};
use super::{App, events, logs};

/// A page of tasks, unless another length is asked for, and at most.
const PAGE: i64 = 100;
const LARGEST_PAGE: i64 = 1_000;

type Answer<T> = Result<Json<T>, Refusal>;

/// The parameters of a query, refused in JSON.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Ok(Self(Query::from_request_parts(parts, state).await?.0))
    }
}

/// The task in the path, refused in JSON.
pub(super) struct TaskName(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for TaskName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Ok(Self(Path::from_request_parts(parts, state).await?.0))
    }
}

/// A JSON body, refused in JSON.
struct Body<T>(T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: HttpRequest, state: &S) -> Result<Self, Refusal> {
        Ok(Self(Json::from_request(request, state).await?.0))
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "CODITECT", description = "Tasks, attempts and people's words. Times are epoch milliseconds."),
    modifiers(&Bearer),
    security(("token" = [])),
    tags((name = "tasks"), (name = "overview"), (name = "live"), (name = "control"))
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// All routes of the API.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(documented!(session))
        .routes(documented!(openapi))
        .routes(documented!(status))
        .routes(documented!(tasks))
        .routes(documented!(task))
        .routes(documented!(why))
        .routes(documented!(log))
        .routes(documented!(logs::log_stream))
        .routes(documented!(act))
        .routes(documented!(runs))
        .routes(documented!(graph))
        .routes(documented!(forecast))
        .routes(documented!(history))
        .routes(documented!(accounts))
        .routes(documented!(agents))
        .routes(documented!(queues))
        .routes(documented!(backups))
        .routes(documented!(pause))
        .routes(documented!(resume))
        .routes(documented!(events::events))
}

/// Whether the other routes need a token.
#[derive(Debug, Serialize, ToSchema)]
struct Session {
    auth_required: bool,
}

/// Whether the other routes need a token. Needs none itself.
#[utoipa::path(get, path = "/api/v1/session", tag = "overview", security(()),
    responses((status = 200, body = Session, description = "granted"), (status = "default", body = ErrorBody, description = "refused")))]
async fn session(State(app): State<App>) -> Json<Session> {
    Json(Session { auth_required: app.guard.auth_required() })
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "overview",
    responses((status = 200, body = serde_json::Value, description = "an OpenAPI document"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn openapi(State(app): State<App>) -> Json<serde_json::Value> {
    Json(app.document.as_ref().clone())
}

/// How it all stands.
#[utoipa::path(get, path = "/api/v1/status", tag = "overview",
    responses((status = 200, body = v1::Status, description = "granted"), (status = "default", body = ErrorBody, description = "refused")))]
async fn status(State(app): State<App>) -> Answer<v1::Status> {
    Ok(Json(app.orchestrator.get_status(Request::new(v1::GetStatusRequest {})).await?.into_inner()))
}

/// Which tasks, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TasksQuery {
    /// States, separated by commas.
    state: Option<String>,
    /// A part of the id, key or title.
    q: Option<String>,
    /// An epic's id.
    epic: Option<String>,
    /// An agent's name.
    agent: Option<String>,
    /// 100 unless said, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// How many to leave out at the beginning.
    #[param(minimum = 0)]
    offset: Option<i64>,
}

/// Tasks, in the order of the plan, a page at a time.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", params(TasksQuery),
    responses((status = 200, body = v1::ListTasksResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn tasks(State(app): State<App>, Params(query): Params<TasksQuery>) -> Answer<v1::ListTasksResponse> {
    let TasksQuery { state, q, epic, agent, limit, offset } = query;
    let states = state.unwrap_or_default();
    let request = v1::ListTasksRequest {
        states: states.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        text: q.unwrap_or_default(),
        epic: epic.unwrap_or_default(),
        agent: agent.unwrap_or_default(),
        limit: limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE),
        offset: offset.unwrap_or_default(),
    };
    Ok(Json(app.orchestrator.list_tasks(Request::new(request)).await?.into_inner()))
}

/// A task, with everything known about it.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks",
    params(("id" = String, Path, description = "the task's id, its slash as %2F; or its key where only one plan has it")),
    responses((status = 200, body = v1::TaskDetail, description = "granted"), (status = 404, body = ErrorBody, description = "no such task"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn task(State(app): State<App>, TaskName(task): TaskName) -> Answer<v1::TaskDetail> {
    Ok(Json(app.orchestrator.get_task(Request::new(v1::GetTaskRequest { task })).await?.into_inner()))
}

/// Why a task is, or is not, worked on.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/why", tag = "tasks",
    params(("id" = String, Path, description = "the task's id")),
    responses((status = 200, body = v1::WhyResponse, description = "granted"), (status = 404, body = ErrorBody, description = "no such task"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn why(State(app): State<App>, TaskName(task): TaskName) -> Answer<v1::WhyResponse> {
    Ok(Json(app.orchestrator.explain_task(Request::new(v1::GetTaskRequest { task })).await?.into_inner()))
}

/// Which lines of which attempt.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// The attempt's number; the newest unless said.
    #[param(minimum = 0)]
    pub(super) attempt: Option<i64>,
    /// Only lines after this one.
    #[param(minimum = 0)]
    pub(super) after: Option<i64>,
    /// 1000 lines unless said, 10000 at most.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<i64>,
}

/// What an attempt printed.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/log", tag = "tasks",
    params(("id" = String, Path, description = "the task's id"), LogQuery),
    responses((status = 200, body = v1::ReadLogResponse, description = "granted"),
              (status = 404, body = ErrorBody, description = "no such task or attempt"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn log(
    State(app): State<App>,
    TaskName(task): TaskName,
    Params(query): Params<LogQuery>,
) -> Answer<v1::ReadLogResponse> {
    let request = v1::ReadLogRequest {
        task,
        number: query.attempt.unwrap_or_default(),
        after: query.after.unwrap_or_default(),
        limit: query.limit.unwrap_or_default(),
    };
    Ok(Json(app.orchestrator.read_log(Request::new(request)).await?.into_inner()))
}

/// What a person wants of a task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActionBody {
    /// retry, cancel, skip, answer, approve or assign
    #[schema(example = "retry")]
    action: String,
    /// For `answer`: what the next attempt is told.
    text: Option<String>,
    /// For `assign`: the agent; none gives the task back to the plan's.
    agent: Option<String>,
    /// Why, for the history.
    reason: Option<String>,
}

/// Does what a person wants of a task.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/actions", tag = "control", request_body = ActionBody,
    params(("id" = String, Path, description = "the task's id")),
    responses((status = 200, body = v1::Task, description = "granted"), (status = 404, body = ErrorBody, description = "no such task"),
              (status = 409, body = ErrorBody, description = "it means nothing in the task's state"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn act(
    State(app): State<App>,
    TaskName(task): TaskName,
    headers: HeaderMap,
    Body(body): Body<ActionBody>,
) -> Answer<v1::Task> {
    let ActionBody { action, text, agent, reason } = body;
    let request = v1::InterveneRequest {
        task,
        action,
        actor: app.guard.person(&headers),
        reason: reason.unwrap_or_default(),
        text: text.unwrap_or_default(),
        agent: agent.unwrap_or_default(),
    };
    let intervened = v1::orchestrator_server::Orchestrator::intervene(&app.orchestrator, Request::new(request)).await?;
    Ok(Json(intervened.into_inner()))
}

/// The attempts that run now.
#[utoipa::path(get, path = "/api/v1/runs", tag = "overview",
    responses((status = 200, body = v1::ListRunsResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn runs(State(app): State<App>) -> Answer<v1::ListRunsResponse> {
    Ok(Json(app.orchestrator.list_runs(Request::new(v1::ListRunsRequest {})).await?.into_inner()))
}

/// Every task and dependency.
#[utoipa::path(get, path = "/api/v1/graph", tag = "overview",
    responses((status = 200, body = v1::GraphResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn graph(State(app): State<App>) -> Answer<v1::GraphResponse> {
    Ok(Json(app.orchestrator.get_graph(Request::new(v1::GetGraphRequest {})).await?.into_inner()))
}

/// With how many slots.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ForecastQuery {
    /// How many tasks are worked on at once; as many as the configuration allows unless said.
    #[param(minimum = 1)]
    slots: Option<i64>,
}

/// A prediction: when each unfinished task would be worked on, and when all would be done.
#[utoipa::path(get, path = "/api/v1/forecast", tag = "overview", params(ForecastQuery),
    responses((status = 200, body = v1::ForecastResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn forecast(
    State(app): State<App>,
    Params(ForecastQuery { slots }): Params<ForecastQuery>,
) -> Answer<v1::ForecastResponse> {
    let request = v1::ForecastRequest { slots: slots.unwrap_or_default() };
    Ok(Json(app.orchestrator.forecast(Request::new(request)).await?.into_inner()))
}

/// Since when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// Epoch milliseconds; the beginning unless said.
    #[param(minimum = 0)]
    since_ms: Option<i64>,
}

/// What was completed and what failed, by time.
#[utoipa::path(get, path = "/api/v1/history", tag = "overview", params(HistoryQuery),
    responses((status = 200, body = v1::HistoryResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn history(State(app): State<App>, Params(query): Params<HistoryQuery>) -> Answer<v1::HistoryResponse> {
    let request = v1::GetHistoryRequest { since_ms: query.since_ms.unwrap_or_default() };
    Ok(Json(app.orchestrator.get_history(Request::new(request)).await?.into_inner()))
}

/// The accounts, what they cost today, and what is paused.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "overview",
    responses((status = 200, body = v1::ListAccountsResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn accounts(State(app): State<App>) -> Answer<v1::ListAccountsResponse> {
    Ok(Json(app.orchestrator.list_accounts(Request::new(v1::ListAccountsRequest {})).await?.into_inner()))
}

/// The agents, and what came of their attempts.
#[utoipa::path(get, path = "/api/v1/agents", tag = "overview",
    responses((status = 200, body = v1::ListAgentsResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn agents(State(app): State<App>) -> Answer<v1::ListAgentsResponse> {
    Ok(Json(app.orchestrator.list_agents(Request::new(v1::ListAgentsRequest {})).await?.into_inner()))
}

/// The streams, as their groups see them.
#[utoipa::path(get, path = "/api/v1/queues", tag = "overview",
    responses((status = 200, body = v1::ListQueuesResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn queues(State(app): State<App>) -> Answer<v1::ListQueuesResponse> {
    Ok(Json(app.orchestrator.list_queues(Request::new(v1::ListQueuesRequest {})).await?.into_inner()))
}

/// The backups of the database.
#[utoipa::path(get, path = "/api/v1/backups", tag = "overview",
    responses((status = 200, body = v1::ListBackupsResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn backups(State(app): State<App>) -> Answer<v1::ListBackupsResponse> {
    Ok(Json(app.orchestrator.list_backups(Request::new(v1::ListBackupsRequest {})).await?.into_inner()))
}

/// What to pause; nothing named: everything.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct PauseBody {
    /// Only attempts of this agent.
    agent: Option<String>,
    /// Only attempts with this account.
    account: Option<String>,
}

/// Starts no new attempts; what runs is finished.
#[utoipa::path(post, path = "/api/v1/pause", tag = "control", request_body = PauseBody,
    responses((status = 200, body = v1::PauseResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn pause(State(app): State<App>, headers: HeaderMap, Body(body): Body<PauseBody>) -> Answer<v1::PauseResponse> {
    let request = v1::PauseRequest {
        agent: body.agent.unwrap_or_default(),
        account: body.account.unwrap_or_default(),
        actor: app.guard.person(&headers),
    };
    Ok(Json(app.orchestrator.pause(Request::new(request)).await?.into_inner()))
}

/// An object without members.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResumeBody {}

/// Starts attempts again.
#[utoipa::path(post, path = "/api/v1/resume", tag = "control", request_body = ResumeBody,
    responses((status = 200, body = v1::PauseResponse, description = "granted"),
              (status = "default", body = ErrorBody, description = "refused")))]
async fn resume(
    State(app): State<App>,
    headers: HeaderMap,
    Body(ResumeBody {}): Body<ResumeBody>,
) -> Answer<v1::PauseResponse> {
    let request = v1::ResumeRequest { actor: app.guard.person(&headers) };
    Ok(Json(app.orchestrator.resume(Request::new(request)).await?.into_inner()))
}
