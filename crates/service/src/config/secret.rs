//! Secrets, and URLs that may hold a password: shown without it, everywhere.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A URL whose password shows in no log, error, or serialized form. [`SecretUrl::expose`] gives it in full.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Wraps a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL in full: to connect with, not to show.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The scheme, like `postgres`; empty where there is none.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// The URL without what may be a secret: all before the last `@`, and parameters that are called like one.
    #[must_use]
    pub fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return if self.0.starts_with("sqlite:") { self.0.clone() } else { "***".into() };
        };
        let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
        let (location, query) = rest.split_once('?').map_or((rest, None), |(location, query)| (location, Some(query)));
        let mut shown = format!("{scheme}://{user}{location}");
        for (index, parameter) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            shown.push(if index == 0 { '?' } else { '&' });
            match parameter.split_once('=') {
                Some((key, _)) if sounds_secret(key) => shown.push_str(&format!("{key}=***")),
                _ => shown.push_str(parameter),
            }
        }
        shown
    }

    /// Whether the URL carries a password, or what may be one.
    #[must_use]
    pub fn has_password(&self) -> bool {
        let Some((_, rest)) = self.0.split_once("://") else { return false };
        let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        user.contains(':')
            || query.split('&').any(|parameter| parameter.split_once('=').is_some_and(|(key, _)| sounds_secret(key)))
    }
}

/// A secret that shows in no log, error, or serialized form. [`SecretText::expose`] gives it in full.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// The secret: to compare with, not to show.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "secret", "token"].iter().any(|word| key.contains(word))
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.redacted())
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_shows_in_no_form() {
        for url in [
            "postgres://me:hunter2@db/coditect",
            "postgres://me:hun/ter2@db/coditect",
            "postgres://me:x@hunter2@db/coditect",
            "redis://:hunter2@localhost:6379/0",
            "rediss://hunter2@localhost",
            "postgres://db/coditect?sslmode=require&password=hunter2",
            "me:hunter2@db",
        ] {
            let secret = SecretUrl::new(url);
            let shown = format!("{secret} {secret:?} {}", serde_json::to_string(&secret).unwrap());
            assert!(!shown.contains("ter2"), "{shown}");
            assert_eq!(secret.expose(), url);
        }
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        for url in ["sqlite://.coditect/coditect.db", "sqlite::memory:", "postgres://db:5432/x?sslmode=require"] {
            assert_eq!(SecretUrl::new(url).redacted(), url);
            assert!(!SecretUrl::new(url).has_password());
        }
        assert_eq!(SecretUrl::new("postgres://me:x@db/coditect").redacted(), "postgres://***@db/coditect");
    }
}
