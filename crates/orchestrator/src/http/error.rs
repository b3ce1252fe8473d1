//! What a request that is not granted is answered with: a status, and JSON that says why and what to do.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tonic::Code;
use utoipa::ToSchema;

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

/// Why, and what to do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorDetail {
    /// not_found, invalid, does_not_apply, unauthorized, forbidden, unavailable, internal
    code: String,
    /// What is wrong.
    message: String,
    /// What to do about it; may be empty.
    help: String,
}

/// A request that is not granted.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    help: &'static str,
}

impl Refusal {
    pub(super) fn unauthorized() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: "unauthorized",
            message: "the request carries no token, or not the right one".to_owned(),
            help: "send the header `Authorization: Bearer <token>` with the token of CODITECT_HTTP_TOKEN",
        }
    }

    pub(super) fn forbidden(message: impl Into<String>, help: &'static str) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "forbidden", message: message.into(), help }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid", message: message.into(), help: "" }
    }

    pub(super) fn route() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "not_found",
            message: "there is no such route".to_owned(),
            help: "/api/v1/openapi.json has all of them; a slash within a task's id is written %2F",
        }
    }

    pub(super) fn method() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "invalid",
            message: "the route is there, but not for this method".to_owned(),
            help: "/api/v1/openapi.json has all of them",
        }
    }
}

impl From<tonic::Status> for Refusal {
    fn from(status: tonic::Status) -> Self {
        let message = status.message().to_owned();
        let (status, code, help) = match status.code() {
            Code::NotFound => (StatusCode::NOT_FOUND, "not_found", "GET /api/v1/tasks lists the tasks"),
            Code::InvalidArgument => (StatusCode::BAD_REQUEST, "invalid", ""),
            Code::FailedPrecondition => {
                (StatusCode::CONFLICT, "does_not_apply", "`actions` of the task are what applies")
            }
            Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again in a moment"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "the orchestrator's log has more"),
        };
        Self { status, code, message, help }
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self { status: rejection.status(), ..Self::invalid(rejection.body_text()) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, message, help } = self;
        let error = ErrorDetail { code: code.to_owned(), message, help: help.to_owned() };
        let mut response = (status, Json(ErrorBody { error })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
