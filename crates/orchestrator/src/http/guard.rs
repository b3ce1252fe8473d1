//! Who may use the API: a bearer token where one is needed, and no pages of other sites at all.
//!
//! On loopback, a page on the internet could still make the browser send requests here: by a name that it makes point
//! to 127.0.0.1 (the `Host` header gives it away), or by posting across origins (the `Origin` header does).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use coditect_service::config::HttpConfig;
use subtle::ConstantTimeEq;

use super::error::Refusal;

/// The one route that needs no token: it says whether the others do.
pub(super) const SESSION: &str = "/api/v1/session";

/// Where proxies that know who people are put their name.
const IDENTITIES: [&str; 4] =
    ["x-goog-authenticated-user-email", "x-auth-request-email", "x-forwarded-email", "x-forwarded-user"];

const HARDENING: [(&str, &str); 3] =
    [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")];

/// What requests are checked against.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    token: Option<Arc<str>>,
    loopback: bool,
    behind_identity_proxy: bool,
}

impl Guard {
    pub(super) fn new(config: &HttpConfig, address: SocketAddr) -> Self {
        Self {
            token: config.token.as_ref().map(|token| token.expose().into()),
            loopback: address.ip().is_loopback(),
            behind_identity_proxy: config.behind_identity_proxy,
        }
    }

    pub(super) const fn auth_required(&self) -> bool {
        self.token.is_some()
    }

    /// Who asks, as far as it is known.
    pub(super) fn person(&self, headers: &HeaderMap) -> String {
        let named = IDENTITIES.iter().filter(|_| self.behind_identity_proxy).find_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            // Google's begins with where the account is: `accounts.google.com:ada@example.com`.
            let name: String = value.rsplit(':').next()?.trim().chars().take(200).collect();
            (!name.is_empty()).then_some(name)
        });
        named.unwrap_or_else(|| "dashboard".to_owned())
    }

    fn refuse(&self, method: &Method, path: &str, authority: Option<&str>, headers: &HeaderMap) -> Option<Refusal> {
        let host = authority.or_else(|| headers.get(header::HOST)?.to_str().ok()).unwrap_or_default();
        if self.loopback && !is_local(host) {
            return Some(Refusal::forbidden(
                format!("`{host}` is not a name of this machine"),
                "use http://localhost or http://127.0.0.1 with the port",
            ));
        }
        if !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && is_foreign(headers, host) {
            return Some(Refusal::forbidden(
                "pages of other sites may change nothing here",
                "use the dashboard itself",
            ));
        }
        let needs_token = path.starts_with("/api/") && path != SESSION;
        (needs_token && !self.lets_in(headers)).then(Refusal::unauthorized)
    }

    /// Whether the request carries the token, compared in constant time.
    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let (scheme, given) = given.split_at(given.len().min("Bearer ".len()));
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.trim_ascii().ct_eq(token.as_bytes()))
    }
}

/// Checks every request, and hardens every answer.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let api = uri.path().starts_with("/api/");
    let refusal = guard.refuse(request.method(), uri.path(), uri.authority().map(|a| a.as_str()), request.headers());
    let mut response = match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HARDENING {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Whether a `Host` is this machine, whatever the port.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a browser says that the request comes from a page of another origin.
fn is_foreign(headers: &HeaderMap, host: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let origin = headers.get(header::ORIGIN).is_some_and(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
        !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    });
    site || origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for local in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080", "[::1]"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]"]
        {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn a_post_from_another_origin_is_foreign_and_one_without_any_is_not() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
        };
        let host = "127.0.0.1:8080";
        assert!(!is_foreign(&headers(&[]), host));
        assert!(!is_foreign(&headers(&[("origin", "http://127.0.0.1:8080")]), host));
        assert!(is_foreign(&headers(&[("origin", "http://127.0.0.1:9090")]), host));
        assert!(is_foreign(&headers(&[("origin", "null")]), host));
        assert!(is_foreign(&headers(&[("sec-fetch-site", "cross-site")]), host));
        assert!(!is_foreign(&headers(&[("sec-fetch-site", "same-origin")]), host));
    }
}
