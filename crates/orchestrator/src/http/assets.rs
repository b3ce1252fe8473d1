//! The dashboard: the files that were embedded when this was built, or a page that says how to build them.
//!
//! Files below `/assets` have a hash of their content in their name and are kept by browsers for good; everything else
//! is asked for anew each time, so that a new build is seen at once. A path that is no file is a page of the
//! dashboard, which finds its own way; the policy allows nothing that does not come from here.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// A file's path, from the root of the dashboard, and what is in it.
type File = (&'static str, &'static [u8]);

/// Every file of the dashboard; none where it had not been built.
const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

const NO_DASHBOARD: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>CODITECT</title>\n\
<h1>This build has no dashboard</h1>\n\
<p>To build one, with Node.js 20.19 or later: <code>cargo xtask dashboard</code>, then build the orchestrator again.\n\
<p>The API is there: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>. So is the command line: \
<code>coditect status --watch</code>.\n</html>\n";

/// Serves the dashboard at `/` and wherever nothing else is.
pub(crate) fn router() -> Router {
    Router::new().fallback(serve)
}

async fn serve(method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    answer(FILES, uri.path())
}

fn answer(files: &'static [File], path: &str) -> Response {
    let find = |name: &str| files.iter().find(|(file, _)| *file == name);
    if let Some((name, content)) = find(path) {
        return respond(StatusCode::OK, name, content);
    }
    // What is asked for by a page that has been replaced must not be answered with a page.
    if path.starts_with("/assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match find("/index.html") {
        Some((name, content)) => respond(StatusCode::OK, name, content),
        None if path == "/" => respond(StatusCode::OK, "/index.html", NO_DASHBOARD.as_bytes()),
        None => respond(StatusCode::NOT_FOUND, "/index.html", NO_DASHBOARD.as_bytes()),
    }
}

fn respond(status: StatusCode, name: &str, content: &'static [u8]) -> Response {
    let kept = if name.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, content_type(name)),
        (header::CACHE_CONTROL, kept),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let headers = headers.map(|(header, value)| (header, HeaderValue::from_static(value)));
    (status, headers, content).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: &[File] =
        &[("/index.html", b"page"), ("/assets/index-abc.js", b"script"), ("/favicon.svg", b"<svg/>")];

    fn header_of(response: &Response, name: HeaderName) -> &str {
        response.headers()[name].to_str().unwrap()
    }

    #[test]
    fn files_with_a_hash_in_their_name_are_kept_and_others_asked_for_anew() {
        let script = answer(BUILT, "/assets/index-abc.js");
        assert_eq!(header_of(&script, header::CONTENT_TYPE), "text/javascript; charset=utf-8");
        assert!(header_of(&script, header::CACHE_CONTROL).contains("immutable"));
        let page = answer(BUILT, "/index.html");
        assert_eq!(header_of(&page, header::CACHE_CONTROL), "no-cache");
    }

    #[test]
    fn every_path_that_is_no_file_is_a_page() {
        for path in ["/", "/plan", "/task/docs%2FPLAN.md%2F1.2"] {
            let page = answer(BUILT, path);
            assert_eq!(page.status(), StatusCode::OK, "{path}");
            assert_eq!(header_of(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
        }
    }

    #[test]
    fn an_asset_that_is_gone_is_not_answered_with_a_page() {
        assert_eq!(answer(BUILT, "/assets/index-old.js").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_build_without_a_dashboard_says_so() {
        let page = answer(&[], "/");
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(header_of(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(answer(&[], "/plan").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn nothing_from_elsewhere_and_nothing_inline_may_run() {
        let page = answer(BUILT, "/");
        let policy = header_of(&page, header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("default-src 'none'"));
        assert!(!policy.contains("unsafe"));
    }
}
