//! `POST /hooks/plan`: whoever hosts the plan's repository tells that something was pushed.
//!
//! It is only ever a hint to look now instead of later: what is pushed is asked of the repository, and nothing in the
//! body is read. The caller proves that it knows `plan.webhook_secret`, with GitHub's signature of the body or by
//! showing it as GitLab does.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::post};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;

use crate::config::{PlanConfig, PlanSource, SecretText};

/// The path of the hook.
pub const PATH: &str = "/hooks/plan";

/// The hook, if the configuration has one; `told` is notified of each call that is believed.
pub fn router(config: &PlanConfig, told: Arc<Notify>) -> Router {
    let secret = config.webhook_secret.clone().filter(|_| config.source == PlanSource::Git);
    let Some(secret) = secret else { return Router::new() };
    let hook = async move |headers: HeaderMap, body: Bytes| {
        if !is_signed(&secret, &headers, &body) {
            return (StatusCode::UNAUTHORIZED, "the secret is not that of CODITECT_PLAN_WEBHOOK_SECRET\n");
        }
        told.notify_one();
        (StatusCode::ACCEPTED, "the plan will be looked at\n")
    };
    Router::new().route(PATH, post(hook))
}

/// Whether the caller knows the secret.
fn is_signed(secret: &SecretText, headers: &HeaderMap, body: &[u8]) -> bool {
    let secret = secret.expose().as_bytes();
    if let Some(signature) = headers.get("x-hub-signature-256") {
        let Some(claimed) = signature.to_str().ok().and_then(|text| unhex(text.strip_prefix("sha256=")?)) else {
            return false;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
        mac.update(body);
        return mac.verify_slice(&claimed).is_ok();
    }
    headers.get("x-gitlab-token").is_some_and(|shown| shown.as_bytes().ct_eq(secret).into())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect::<Option<_>>()?;
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | d)).collect())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn config(source: &str, secret: Option<&str>) -> PlanConfig {
        serde_json::from_value(serde_json::json!({ "source": source, "webhook_secret": secret })).unwrap()
    }

    /// The status of a call, and whether it was heard.
    async fn call(config: &PlanConfig, method: &str, header: &str, body: &str) -> (String, bool) {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Notify::new());
        let server = tokio::spawn(axum::serve(listener, router(config, Arc::clone(&told))).into_future());
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {PATH} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        server.abort();
        let heard = futures_ready(told).await;
        (answer.split(' ').nth(1).unwrap().to_owned(), heard)
    }

    /// Whether a call has been noted already.
    async fn futures_ready(told: Arc<Notify>) -> bool {
        tokio::select! {
            biased;
            () = told.notified() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn a_call_that_is_signed_or_shows_the_secret_is_heard_and_no_other() {
        let config = config("git", Some(SECRET));
        let body = r#"{"ref":"refs/heads/main"}"#;
        // printf '{"ref":"refs/heads/main"}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let signed = "X-Hub-Signature-256: sha256=859e2d6e16fe88dfaf072a7d84e0b2fb5fa89437a89516f3ab66de68497d080e";
        assert_eq!(call(&config, "POST", signed, body).await, ("202".to_owned(), true));
        assert_eq!(call(&config, "POST", signed, "{}").await, ("401".to_owned(), false));
        assert_eq!(call(&config, "POST", "X-Gitlab-Token: 0123456789abcdef", body).await, ("202".to_owned(), true));
        for header in [
            "X-Gitlab-Token: 0123456789abcdeF",
            "X-Gitlab-Token: ",
            "X-Hub-Signature-256: sha256=",
            "X-Hub-Signature-256: sha256=zz",
            "X-Hub-Signature-256: 0123456789abcdef",
            "Authorization: Bearer 0123456789abcdef",
        ] {
            assert_eq!(call(&config, "POST", header, body).await, ("401".to_owned(), false), "{header}");
        }
        assert_eq!(call(&config, "GET", "X-Gitlab-Token: 0123456789abcdef", "").await.0, "405");
    }

    #[tokio::test]
    async fn without_a_secret_or_a_repository_there_is_no_hook() {
        for config in [config("git", None), config("working-tree", Some(SECRET))] {
            assert_eq!(call(&config, "POST", "X-Gitlab-Token: 0123456789abcdef", "").await.0, "404");
        }
    }
}
