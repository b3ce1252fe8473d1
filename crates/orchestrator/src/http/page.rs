//! What a browser finds at `/`.

use axum::Router;
use axum::response::Html;
use axum::routing::get;

const PAGE: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>CODITECT</title>\
<p>This is the orchestrator. Its API is at <a href=\"/api/v1/openapi.json\">/api/v1</a>.</p></html>\n";

/// The page.
pub(crate) fn router() -> Router {
    Router::new().route("/", get(async || Html(PAGE)))
}
