//! Requests to the API of a forge: authorized, bounded in time and size, and understood when they fail.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::ConfigBuilderExt;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Kind;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// The longest answer that is read, in bytes. A page of a hundred comments is far below it.
const LONGEST: usize = 16 * 1024 * 1024;

/// How much of what a service says is repeated, in characters.
const SAID: usize = 300;

/// How many things are on a page: the most that either service gives.
const PAGE: usize = 100;

/// How many pages are read. What is beyond them is not looked at.
const PAGES: usize = 10;

/// Why a forge did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The settings make no client.
    #[error("landing.forge: {0}")]
    Settings(String),
    /// It did not answer.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// Its name.
        host: String,
        /// Why.
        why: String,
    },
    /// It refused, or answered what is not understood.
    #[error("{host} answers {what} with status {status}: {said}")]
    Refused {
        /// Its name.
        host: String,
        /// What it was asked.
        what: String,
        /// The status.
        status: u16,
        /// What it said.
        said: String,
    },
}

impl ForgeError {
    /// Whether it says nothing of what was asked, but of the forge, or of who asks.
    #[must_use]
    pub const fn is_of_the_forge(&self) -> bool {
        match self {
            Self::Settings(_) | Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 429 | 500..=599),
        }
    }

    /// Whether nothing else is to be asked now: it does not answer, does not know us, or has had enough of us.
    #[must_use]
    pub const fn stops_all(&self) -> bool {
        match self {
            Self::Settings(_) | Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => matches!(status, 401 | 429),
        }
    }

    /// Whether the token does not allow to see it. A forge may say that a thing is not there which a token may not see.
    pub(crate) const fn is_not_for_us(&self) -> bool {
        matches!(self, Self::Refused { status: 403 | 404, .. })
    }
}

/// A client of one API. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    api: String,
    host: String,
}

impl Client {
    pub(crate) fn new(kind: Kind, api: &str, token: &str) -> Result<Self, ForgeError> {
        let settings = |what: &str| ForgeError::Settings(what.to_owned());
        let url = url::Url::parse(api).map_err(|_| settings("api_url is no URL"))?;
        let host = url.host_str().ok_or_else(|| settings("api_url names no host"))?.to_owned();
        // Both services take a token so, and a client does not carry this header to another host.
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| settings("the token has characters that no token has"))?;
        bearer.set_sensitive(true);
        let accept = match kind {
            Kind::Github => "application/vnd.github+json",
            Kind::Gitlab => "application/json",
        };
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, HeaderValue::from_static(accept)),
            (USER_AGENT, HeaderValue::from_static("coditect")),
        ]);
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls()?).default_headers(headers).timeout(LIMIT);
        let http = http.build().map_err(|error| ForgeError::Settings(error.without_url().to_string()))?;
        Ok(Self { http, api: api.trim_end_matches('/').to_owned(), host })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, ForgeError> {
        self.answer(path, self.http.get(format!("{}{path}", self.api)).query(query)).await
    }

    /// All pages of a list.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ForgeError> {
        let mut all = Vec::new();
        let size = PAGE.to_string();
        for page in 1..=PAGES {
            let page = page.to_string();
            let mut some: Vec<T> = self.get(path, &[("per_page", &size), ("page", &page)]).await?;
            let last = some.len() < PAGE;
            all.append(&mut some);
            if last {
                break;
            }
        }
        Ok(all)
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ForgeError> {
        self.answer(path, self.http.post(format!("{}{path}", self.api)).json(body)).await
    }

    async fn answer<T: DeserializeOwned>(&self, what: &str, request: reqwest::RequestBuilder) -> Result<T, ForgeError> {
        let unreachable =
            |error: reqwest::Error| ForgeError::Unreachable { host: self.host.clone(), why: causes(error) };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let refused = |said: &str| ForgeError::Refused {
            host: self.host.clone(),
            what: what.to_owned(),
            status: status.as_u16(),
            said: said.chars().take(SAID).collect(),
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(refused("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(refused(&String::from_utf8_lossy(&body)));
        }
        serde_json::from_slice(&body).map_err(|error| refused(&format!("the answer is not understood ({error})")))
    }
}

/// Trusts what this machine trusts (`SSL_CERT_FILE` names another file); where it has no certificates of its own, what
/// Mozilla does.
fn tls() -> Result<ClientConfig, ForgeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ForgeError::Settings(error.to_string()))?;
    let config = match config.clone().with_native_roots() {
        Ok(config) => config,
        Err(error) => {
            tracing::debug!(%error, "this machine has no certificates of its own; those of Mozilla are trusted");
            config.with_webpki_roots()
        }
    };
    Ok(config.with_no_client_auth())
}

/// What went wrong, down to its cause. The address is left out: it is known.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
