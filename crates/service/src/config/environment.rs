//! Environment variables as settings.
//!
//! `CODITECT_EXECUTOR__SLOTS=2` sets `executor.slots`. Lists are JSON or comma-separated, maps are JSON. A setting
//! that is text is taken as it is written, quotes and all.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use serde_json::Value;

use super::{Config, ConfigError, load::Layer};

const PREFIX: &str = "CODITECT_";
const SEPARATOR: &str = "__";

/// Secrets: the variable (with its `…_FILE` variant) and the setting.
const SECRETS: [(&str, &str); 5] = [
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "redis.url"),
    ("CODITECT_HTTP_TOKEN", "http.token"),
    ("CODITECT_PLAN_WEBHOOK_SECRET", "plan.webhook_secret"),
    ("CODITECT_FORGE_TOKEN", "landing.forge.token"),
];

/// The environment variables that hold settings.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// The environment variable that sets `key`, which is like `listen.http`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', SEPARATOR).to_ascii_uppercase())
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Environment {
    /// The environment of this process.
    ///
    /// # Errors
    /// When a variable that matters is not UTF-8.
    pub fn of_process() -> Result<Self, ConfigError> {
        env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok().filter(|name| matters(name))?, value)))
            .map(|(name, value)| match value.into_string() {
                Ok(value) => Ok((name, value)),
                Err(_) => Err(ConfigError::NotText(name)),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What the environment sets, weakest first.
    pub(super) fn layers(&self) -> Result<Vec<Layer>, ConfigError> {
        let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
        let mut layers = Vec::new();
        for (name, text) in &self.0 {
            if let Some(key) = name.strip_prefix(PREFIX).filter(|key| key.contains(SEPARATOR)) {
                let path = key.to_ascii_lowercase().replace(SEPARATOR, ".");
                let value = read(text, defaults.pointer(&format!("/{}", path.replace('.', "/"))));
                layers.push(Layer::one(name, &path, value));
            }
        }
        for (name, path) in SECRETS {
            if let Some((origin, value)) = self.secret(name)? {
                layers.push(Layer::one(&origin, path, value.into()));
            }
        }
        Ok(layers)
    }

    /// A secret from its variable, or from the file that its `…_FILE` variant names. Empty is unset.
    fn secret(&self, name: &'static str) -> Result<Option<(String, String)>, ConfigError> {
        let variable = format!("{name}_FILE");
        let set = |name: &str| self.0.get(name).filter(|value| !value.is_empty());
        match (set(name), set(&variable)) {
            (Some(_), Some(_)) => Err(ConfigError::SetTwice(name)),
            (Some(value), None) => Ok(Some((name.to_owned(), value.clone()))),
            (None, Some(file)) => match fs::read_to_string(file) {
                Ok(text) => Ok(Some((variable, text.trim().to_owned()))),
                Err(source) => Err(ConfigError::UnreadableSecret { variable, file: PathBuf::from(file), source }),
            },
            (None, None) => Ok(None),
        }
    }
}

fn matters(name: &str) -> bool {
    name.starts_with(PREFIX)
        || SECRETS.iter().any(|(secret, _)| name.strip_prefix(secret).is_some_and(|rest| matches!(rest, "" | "_FILE")))
}

/// `text` as a value of the same kind as `like`; as text where it is none, for the type check to refuse by name.
fn read(text: &str, like: Option<&Value>) -> Value {
    let json = || serde_json::from_str(text).ok();
    let value = match like {
        Some(Value::Number(_)) => json().filter(Value::is_number),
        Some(Value::Bool(_)) => json().filter(Value::is_boolean),
        Some(Value::Object(_)) => json().filter(Value::is_object),
        Some(Value::Array(_)) if text.trim_start().starts_with('[') => json(),
        Some(Value::Array(_)) => {
            Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
        }
        Some(Value::Null | Value::String(_)) | None => None,
    };
    value.unwrap_or_else(|| text.into())
}
