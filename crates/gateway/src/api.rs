//! The APIs of models that are understood: where their clients put a key, and how each says no.

use std::fmt;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use serde_json::json;

/// Where Anthropic's clients put a key.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where Gemini's clients put a key.
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// An API of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's Responses and chat completions, which many other services speak too.
    OpenAi,
    /// Gemini's `generateContent` and `streamGenerateContent`.
    Gemini,
}

/// Why a request is refused here, instead of being sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The token is not that of a live attempt.
    Token,
    /// What the attempt may cost is spent.
    Budget,
    /// It is not a request that agents may make.
    Path,
    /// The API cannot be reached.
    Unreachable,
}

impl Api {
    /// Where the API is, unless an account says otherwise; without a slash at its end.
    #[must_use]
    pub const fn usual_base_url(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Gemini => "https://generativelanguage.googleapis.com",
        }
    }

    /// How the API wants an account's key.
    #[must_use]
    pub const fn usual_scheme(self) -> Scheme {
        match self {
            Self::Anthropic => Scheme::XApiKey,
            Self::OpenAi => Scheme::Bearer,
            Self::Gemini => Scheme::XGoogApiKey,
        }
    }

    /// Whether agents may make such a request: ask a model, count tokens, list models. Anything else could use the account in ways that nobody
    /// counts: batches, files, fine-tuning.
    pub(crate) fn allows(self, method: &Method, path: &str) -> bool {
        let plain = !path.contains("..") && !path.contains('%');
        let counts = path.ends_with("/messages/count_tokens") || path.ends_with(":countTokens");
        let lists = path == "/" || path.ends_with("/models") || path.contains("/models/");
        plain
            && match *method {
                Method::POST => self.is_answered_by_a_model(path) || counts,
                Method::GET | Method::HEAD => lists,
                _ => false,
            }
    }

    /// Whether a request to this path is one that a model answers, rather than one about models, files or tokens.
    pub(crate) fn is_answered_by_a_model(self, path: &str) -> bool {
        match self {
            Self::Anthropic => path.ends_with("/messages") || path.ends_with("/complete"),
            Self::OpenAi => {
                path.ends_with("/responses") || path.ends_with("/completions") || path.ends_with("/responses/compact")
            }
            Self::Gemini => path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent"),
        }
    }

    /// The status, the body and whether to say that no retry helps, in the API's own shape: its clients give up on such an answer at once
    /// (a service that is unreachable excepted, which they try again).
    pub(crate) fn refusal(self, why: Refusal) -> (StatusCode, String, bool) {
        let (status, message) = match why {
            Refusal::Token => (
                StatusCode::UNAUTHORIZED,
                "the attempt's token is not, or no longer, valid: it ends with the attempt it was made for",
            ),
            Refusal::Budget => (StatusCode::FORBIDDEN, "the budget of this attempt is spent"),
            Refusal::Path => (StatusCode::FORBIDDEN, "agents may ask models, and nothing else of the account"),
            Refusal::Unreachable => (StatusCode::BAD_GATEWAY, "the model's service cannot be reached"),
        };
        let body = match self {
            Self::Anthropic => {
                let kind = match why {
                    Refusal::Token => "authentication_error",
                    Refusal::Budget | Refusal::Path => "permission_error",
                    Refusal::Unreachable => "api_error",
                };
                json!({ "type": "error", "error": { "type": kind, "message": message } })
            }
            Self::OpenAi => {
                let (kind, code) = match why {
                    Refusal::Token => ("invalid_request_error", "invalid_api_key"),
                    Refusal::Budget => ("insufficient_quota", "insufficient_quota"),
                    Refusal::Path => ("invalid_request_error", "forbidden"),
                    Refusal::Unreachable => ("server_error", "server_error"),
                };
                json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
            }
            Self::Gemini => {
                let name = match why {
                    Refusal::Token => "UNAUTHENTICATED",
                    Refusal::Budget | Refusal::Path => "PERMISSION_DENIED",
                    Refusal::Unreachable => "UNAVAILABLE",
                };
                json!({ "error": { "code": status.as_u16(), "message": message, "status": name } })
            }
        };
        (status, body.to_string(), !matches!(why, Refusal::Unreachable))
    }
}

/// How a credential is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `x-api-key: KEY`
    XApiKey,
    /// `Authorization: Bearer KEY`
    Bearer,
    /// `x-goog-api-key: KEY`
    XGoogApiKey,
}

/// The real credential of an account. It is shown by nothing.
#[derive(Clone)]
pub struct Credential {
    name: HeaderName,
    value: HeaderValue,
}

/// A credential has characters that no header can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential has characters that no key has, such as a line break")]
pub struct InvalidCredential;

impl Credential {
    /// A credential, and how it is presented.
    ///
    /// # Errors
    /// It cannot be put into a header.
    pub fn new(scheme: Scheme, value: &str) -> Result<Self, InvalidCredential> {
        let (name, value) = match scheme {
            Scheme::XApiKey => (X_API_KEY, value.to_owned()),
            Scheme::Bearer => (AUTHORIZATION, format!("Bearer {value}")),
            Scheme::XGoogApiKey => (X_GOOG_API_KEY, value.to_owned()),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| InvalidCredential)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// Puts it where the token was.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        for name in [&X_API_KEY, &AUTHORIZATION, &X_GOOG_API_KEY] {
            headers.remove(name);
        }
        headers.insert(self.name.clone(), self.value.clone());
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// The keys that a request carries, wherever clients put them.
pub(crate) fn keys_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> impl Iterator<Item = &'a [u8]> {
    let plain = [X_API_KEY, X_GOOG_API_KEY].into_iter().flat_map(|name| headers.get_all(name));
    let plain = plain.map(HeaderValue::as_bytes);
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    let query = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("key="));
    plain.chain(bearer).chain(query.map(str::as_bytes))
}

/// Path and query without the `key=` of the query.
pub(crate) fn without_key(uri: &Uri) -> String {
    let kept: Vec<_> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("key="))
        .collect();
    if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_may_ask_models_and_nothing_else() {
        for (api, method, path) in [
            (Api::Anthropic, Method::POST, "/v1/messages"),
            (Api::Anthropic, Method::POST, "/v1/messages/count_tokens"),
            (Api::Anthropic, Method::HEAD, "/"),
            (Api::OpenAi, Method::POST, "/responses"),
            (Api::OpenAi, Method::POST, "/chat/completions"),
            (Api::OpenAi, Method::GET, "/models"),
            (Api::Gemini, Method::POST, "/v1beta/models/gemini-3-pro:streamGenerateContent"),
            (Api::Gemini, Method::POST, "/v1beta/models/gemini-3-pro:countTokens"),
        ] {
            assert!(api.allows(&method, path), "{method} {path}");
        }
        for (api, method, path) in [
            (Api::Anthropic, Method::POST, "/v1/messages/batches"),
            (Api::Anthropic, Method::GET, "/v1/files"),
            (Api::Anthropic, Method::DELETE, "/v1/messages"),
            (Api::Anthropic, Method::GET, "/v1/models/../files"),
            (Api::OpenAi, Method::POST, "/files"),
            (Api::OpenAi, Method::GET, "/models/%2e%2e/files"),
            (Api::OpenAi, Method::POST, "/batches"),
            (Api::Gemini, Method::POST, "/v1beta/models/gemini-3-pro:batchGenerateContent"),
        ] {
            assert!(!api.allows(&method, path), "{method} {path}");
        }
    }

    #[test]
    fn a_key_is_found_wherever_clients_put_it_and_taken_out_again() {
        let headers = |name: &str, value: &str| {
            HeaderMap::from_iter([(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())])
        };
        let none = HeaderMap::new();
        for (headers, uri) in [
            (headers("x-api-key", "k"), "/v1"),
            (headers("authorization", "Bearer k"), "/v1"),
            (headers("authorization", "bearer  k"), "/v1"),
            (headers("x-goog-api-key", "k"), "/v1"),
            (none.clone(), "/v1?alt=sse&key=k"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(keys_of(&headers, &uri).collect::<Vec<_>>(), [b"k"], "{headers:?}");
        }
        let with_basic = headers("authorization", "Basic k");
        assert_eq!(keys_of(&with_basic, &Uri::from_static("/")).count(), 0);
        assert_eq!(without_key(&Uri::from_static("/v1?a=1&key=k&b=2")), "/v1?a=1&b=2");
        assert_eq!(without_key(&Uri::from_static("/v1?key=k")), "/v1");

        let mut headers = headers("x-api-key", "token");
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer token"));
        let credential = Credential::new(Scheme::Bearer, "real").unwrap();
        credential.put(&mut headers);
        assert_eq!((headers.len(), headers[AUTHORIZATION].as_bytes()), (1, b"Bearer real".as_slice()));
        assert!(!format!("{credential:?}{headers:?}").contains("real"));
        assert!(Credential::new(Scheme::Bearer, "a\nb").is_err());
    }
}
