//! One request of an agent: to the API behind the session, or through to a host that is allowed.
//!
//! Towards the API nothing is changed but the key, the host, and what belongs to one connection alone. One thing is asked for that the
//! client did not: an answer that is not compressed. Usage has to be read from it as it passes, and between two ends of a fast line
//! (this machine and the API) compression of a model's words saves nothing worth a decoder for each of its kinds.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::api::{Refusal, keys_of, without_key};
use crate::flow::{Answer, Flow, Sent};
use crate::forward;
use crate::notice::Notice;
use crate::session::{Reach, Shared, Upstream};
use crate::upstream::Body;

/// What holds for one connection and is not passed on (RFC 9110, section 7.6.1), beside what `Connection` names.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("te"),
    HeaderName::from_static("trailer"),
    HeaderName::from_static("transfer-encoding"),
    HeaderName::from_static("upgrade"),
];

/// What names another organisation or project than the key's own: it would be charged, or the key be refused there.
const FOR_OTHERS: [HeaderName; 3] = [
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("x-goog-user-project"),
];

/// How much of a path is told.
const PATH_TOLD: usize = 120;

/// Answers a request, whatever it is.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    reach: Reach,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    shared.activity.touch();
    Ok(if request.method() == Method::CONNECT || request.uri().authority().is_some() {
        forward::answer(&shared, reach, request).await
    } else {
        match shared.upstream.clone() {
            Some(upstream) => to_api(shared, &upstream, request).await,
            None => text(
                StatusCode::NOT_FOUND,
                "there is no API here: this proxy leads only to the hosts of executor.sandbox.hosts\n",
            ),
        }
    })
}

async fn to_api(shared: Arc<Shared>, upstream: &Upstream, request: Request<Incoming>) -> Response<Body> {
    let api = upstream.api;
    let (mut parts, body) = request.into_parts();
    let is_ours = keys_of(&parts.headers, &parts.uri).any(|key| shared.token.is(key));
    if !is_ours || shared.is_closed() {
        return refuse(upstream, Refusal::Token);
    }
    if !api.allows(&parts.method, parts.uri.path()) {
        let what: String = format!("{} {}", parts.method, parts.uri.path()).chars().take(PATH_TOLD).collect();
        shared.teller.once(Notice::PathRefused { what });
        return refuse(upstream, Refusal::Path);
    }
    let costs = parts.method == Method::POST && api.is_answered_by_a_model(parts.uri.path());
    if costs && shared.ledger.is_spent() {
        shared.budget_is_spent();
        return refuse(upstream, Refusal::Budget);
    }
    wait_while_held(&shared).await;
    // Others may have spent it meanwhile.
    if costs && shared.ledger.is_spent() {
        shared.budget_is_spent();
        return refuse(upstream, Refusal::Budget);
    }
    let Some(uri) = target(upstream, &parts.uri) else { return refuse(upstream, Refusal::Path) };
    let path = parts.uri.path().to_owned();
    parts.uri = uri;
    parts.version = http::Version::HTTP_11;
    drop_hop_by_hop(&mut parts.headers);
    parts.headers.remove(HOST);
    parts.headers.remove(EXPECT);
    for name in FOR_OTHERS {
        parts.headers.remove(name);
    }
    parts.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    upstream.credential.put(&mut parts.headers);

    let mut flow = Flow::begin(Arc::clone(&shared), api, &path, costs);
    let sent = Sent::new(body, flow.request(), costs.then(|| Arc::clone(&shared)));
    let request = Request::from_parts(parts, BodyExt::boxed(sent));
    match shared.client.send(request).await {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            drop_hop_by_hop(&mut parts.headers);
            parts.version = http::Version::HTTP_11;
            flow.answered(parts.status, &parts.headers);
            Response::from_parts(parts, BodyExt::boxed(Answer::new(body, flow)))
        }
        Err(error) => {
            flow.failed();
            if costs && shared.ledger.is_spent() {
                shared.budget_is_spent();
                return refuse(upstream, Refusal::Budget);
            }
            if flow.request().is_refused() {
                shared.teller.once(Notice::PathRefused { what: "answers in the background".to_owned() });
                return refuse(upstream, Refusal::Path);
            }
            let why = if error.is_connect() { "no connection" } else { "the connection broke" };
            // The error itself names addresses and reasons, nothing of the request.
            tracing::debug!(%error, "the model's service cannot be reached");
            shared.teller.once(Notice::Unreachable { why: format!("{why} to {}", upstream.authority.host()) });
            refuse(upstream, Refusal::Unreachable)
        }
    }
}

/// Waits until the account is not paused.
async fn wait_while_held(shared: &Shared) {
    let Some((holds, account)) = shared.hold.as_ref().filter(|(holds, account)| holds.holds(account)) else { return };
    let _held = shared.activity.hold();
    shared.teller.held(true);
    holds.released(account).await;
    shared.teller.held(false);
}

/// Where a request goes.
fn target(upstream: &Upstream, uri: &Uri) -> Option<Uri> {
    let path = format!("{}{}", upstream.path, without_key(uri));
    let parts = Uri::builder().scheme(upstream.scheme.clone()).authority(upstream.authority.clone());
    parts.path_and_query(path).build().ok()
}

pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn refuse(upstream: &Upstream, why: Refusal) -> Response<Body> {
    let (status, body, is_final) = upstream.api.refusal(why);
    let mut response = text(status, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if is_final {
        // Anthropic's and OpenAI's clients obey it.
        response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
    }
    response
}

pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Api, Credential, Scheme};

    #[test]
    fn a_request_goes_below_the_path_of_its_api_and_without_its_key() {
        let upstream =
            |url: &str| Upstream::new(Api::Gemini, url, Credential::new(Scheme::XGoogApiKey, "k").unwrap()).unwrap();
        let to = |url: &str, path: &str| target(&upstream(url), &path.parse().unwrap()).unwrap().to_string();
        assert_eq!(to("https://a.example", "/v1/x?beta=true"), "https://a.example/v1/x?beta=true");
        assert_eq!(to("https://a.example/s/1/", "/v1/x?key=t&alt=sse"), "https://a.example/s/1/v1/x?alt=sse");
        assert_eq!(to("http://127.0.0.1:1/", "/?key=t"), "http://127.0.0.1:1/");
        for bad in ["a.example", "ftp://a.example", "https://a.example?x=1", "/v1"] {
            let credential = Credential::new(Scheme::Bearer, "k").unwrap();
            assert!(Upstream::new(Api::OpenAi, bad, credential).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_belongs_to_one_connection_is_not_passed_on() {
        let headers =
            [("connection", "close, X-Own"), ("x-own", "1"), ("te", "trailers"), ("x-kept", "1"), ("upgrade", "h2c")];
        let mut headers: HeaderMap = headers
            .into_iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect();
        drop_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }
}
