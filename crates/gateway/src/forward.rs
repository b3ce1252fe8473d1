//! The forward proxy: to the hosts of `executor.sandbox.hosts`, and to no others.
//!
//! Names are resolved here, not by whoever asks, and what they resolve to is checked: a name that is allowed leads out into the world and not
//! to this machine, its network, or the metadata service of a cloud, unless the setting names that very address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::io::InspectReader;

use crate::hosts::{self, Leave};
use crate::notice::Notice;
use crate::serve::{drop_hop_by_hop, text};
use crate::session::{Reach, Shared};
use crate::upstream::Body;

/// How long a connection to one address may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// How much of a host's name is told.
const HOST_TOLD: usize = 260;

/// Answers `CONNECT host:port` and requests for `http://host/…`.
pub(crate) async fn answer(shared: &Arc<Shared>, reach: Reach, request: Request<Incoming>) -> Response<Body> {
    if reach == Reach::Machine {
        let authorization = request.headers().get("proxy-authorization");
        let is_ours = authorization.is_some_and(|value| shared.token.is_in_proxy_authorization(value.as_bytes()));
        if !is_ours {
            let mut response = text(
                StatusCode::PROXY_AUTHENTICATION_REQUIRED,
                "this proxy serves one attempt, whose HTTP_PROXY names its token\n",
            );
            response.headers_mut().insert("proxy-authenticate", HeaderValue::from_static("Basic realm=\"attempt\""));
            return response;
        }
    }
    let tunnel = request.method() == Method::CONNECT;
    let Some((host, port)) = place(request.uri(), tunnel) else {
        return text(StatusCode::BAD_REQUEST, "expected CONNECT host:port, or a request for an http:// URL\n");
    };
    let stream = match reachable(shared, &host, port).await {
        Ok(stream) => stream,
        Err(refused) => return refused,
    };
    if tunnel { through(shared, request, stream) } else { pass_on(shared, request, stream).await }
}

fn place(uri: &Uri, tunnel: bool) -> Option<(String, u16)> {
    let host = uri.host()?.to_owned();
    let port = if tunnel { uri.port_u16()? } else { uri.port_u16().unwrap_or(80) };
    (tunnel || uri.scheme() == Some(&http::uri::Scheme::HTTP)).then_some((host, port))
}

/// A connection to the host, if it is allowed.
async fn reachable(shared: &Shared, host: &str, port: u16) -> Result<TcpStream, Response<Body>> {
    let refused = |why: &'static str| {
        let host: String = format!("{host}:{port}").chars().take(HOST_TOLD).collect();
        let body = format!("{host} is not reachable from here: {why}\n");
        shared.teller.once(Notice::HostRefused { host, why });
        text(StatusCode::FORBIDDEN, body)
    };
    let leave = hosts::leave(&shared.hosts, host, port);
    if leave == Leave::No {
        return Err(refused("it is not in executor.sandbox.hosts"));
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let looked_up = tokio::time::timeout(CONNECT_LIMIT, tokio::net::lookup_host((bare, port))).await;
    let addresses: Vec<SocketAddr> = match looked_up {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) | Err(_) => return Err(text(StatusCode::BAD_GATEWAY, format!("the name {host} has no address\n"))),
    };
    let allowed = |address: &SocketAddr| leave == Leave::ThatAddress || hosts::is_of_the_world(address.ip());
    if !addresses.iter().any(allowed) {
        return Err(refused(
            "its address is of this machine or its network, which executor.sandbox.hosts must name as an address, like 10.0.0.5:443",
        ));
    }
    for address in addresses.into_iter().filter(allowed) {
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
    }
    Err(text(StatusCode::BAD_GATEWAY, format!("no connection to {host}:{port}\n")))
}

/// Carries bytes both ways until either end, or the session, is over.
fn through(shared: &Arc<Shared>, request: Request<Incoming>, stream: TcpStream) -> Response<Body> {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let inner = TokioIo::new(upgraded);
        let mut inner = InspectReader::new(inner, |_| shared.activity.touch());
        let mut outer = InspectReader::new(stream, |_| shared.activity.touch());
        let carried = tokio::io::copy_bidirectional(&mut inner, &mut outer);
        tokio::select! {
            () = shared.closed() => {}
            ended = carried => if let Err(error) = ended {
                tracing::debug!(%error, "a tunnel ended");
            },
        }
    });
    Response::new(http_body_util::Empty::new().map_err(|never| match never {}).boxed())
}

/// Sends a request for an `http://` URL to its host.
async fn pass_on(shared: &Arc<Shared>, request: Request<Incoming>, stream: TcpStream) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    // A user and password in it are not the host's name.
    let authority = authority.rsplit('@').next().unwrap_or_default();
    drop_hop_by_hop(&mut parts.headers);
    if let Ok(host) = HeaderValue::from_str(authority) {
        parts.headers.insert(HOST, host);
    }
    parts.uri = parts.uri.path_and_query().map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()));
    let failed = |error: hyper::Error| {
        tracing::debug!(%error, "a host did not answer");
        text(StatusCode::BAD_GATEWAY, format!("{authority} did not answer\n"))
    };
    let mut client = hyper::client::conn::http1::Builder::new();
    let handshake = client.preserve_header_case(true).handshake(TokioIo::new(stream));
    let (mut sender, connection) = match handshake.await {
        Ok(made) => made,
        Err(error) => return failed(error),
    };
    let shared = Arc::clone(shared);
    let closed = Arc::clone(&shared);
    tokio::spawn(async move {
        tokio::select! {
            () = closed.closed() => {}
            _ = connection => {}
        }
    });
    match sender.send_request(Request::from_parts(parts, body)).await {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            drop_hop_by_hop(&mut parts.headers);
            let body = body.map_frame(move |frame| {
                shared.activity.touch();
                frame
            });
            Response::from_parts(parts, body.map_err(Into::into).boxed())
        }
        Err(error) => failed(error),
    }
}
