//! The way out of the executor's machine: straight, or through the proxy that the executor's own environment names.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

/// What went wrong with a connection.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Makes connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    straight: HttpConnector,
    proxies: Arc<Matcher>,
}

impl Outbound {
    /// `proxies` says what goes through which proxy. Nothing on this machine does.
    pub(crate) fn new(straight: HttpConnector, proxies: Matcher) -> Self {
        Self { straight, proxies: Arc::new(proxies) }
    }
}

impl Service<Uri> for Outbound {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.straight.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut straight = self.straight.clone();
        let Some(proxy) = self.proxies.intercept(&to).filter(|_| !is_here(&to)) else {
            return Box::pin(async move { Ok(straight.call(to).await?) });
        };
        Box::pin(async move {
            // The address of a proxy may hold a password.
            if proxy.uri().scheme_str() != Some("http") {
                return Err(
                    "of the kinds of proxies only http:// is supported, and the environment names another".into()
                );
            }
            let mut tunnel = Tunnel::new(proxy.uri().clone(), straight);
            if let Some(auth) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(auth.clone());
            }
            tunnel
                .call(to)
                .await
                .map_err(|error| format!("the proxy of the environment does not lead there: {error}").into())
        })
    }
}

fn is_here(to: &Uri) -> bool {
    let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A proxy that says what it was asked, and leads to something that answers whatever is said.
    async fn proxy() -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://ann:secret@{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(client.read_u8().await.unwrap());
            }
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            client.read_u8().await.unwrap();
            client.write_all(b"hello").await.unwrap();
            String::from_utf8(asked).unwrap()
        });
        (url, asked)
    }

    #[tokio::test]
    async fn a_service_elsewhere_is_reached_through_the_proxy_and_one_on_this_machine_straight() {
        let (url, asked) = proxy().await;
        let mut straight = HttpConnector::new();
        straight.enforce_http(false);
        let matcher = Matcher::builder().all(url.clone()).no("inner.test").build();
        let mut outbound = Outbound::new(straight, matcher);
        let mut connection = outbound.call("https://api.service.test/v1".parse().unwrap()).await.unwrap().into_inner();
        connection.write_u8(b'?').await.unwrap();
        let mut greeting = [0; 5];
        connection.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"hello");
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("CONNECT api.service.test:443 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.to_lowercase().contains("proxy-authorization: basic "), "{asked}");

        let here = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}", here.local_addr().unwrap()).parse().unwrap();
        outbound.call(to).await.unwrap();
        here.accept().await.unwrap();
        let refused = outbound.call("https://inner.test".parse().unwrap()).await.unwrap_err().to_string();
        assert!(!refused.contains("proxy"), "it is not asked: {refused}");
    }

    #[tokio::test]
    async fn a_proxy_of_another_kind_is_refused_without_its_password() {
        let matcher = Matcher::builder().all("socks5://ann:secret@127.0.0.1:9").build();
        let mut outbound = Outbound::new(HttpConnector::new(), matcher);
        let refused = outbound.call("https://api.service.test".parse().unwrap()).await.unwrap_err().to_string();
        assert!(refused.contains("only http://") && !refused.contains("secret"), "{refused}");
    }
}
