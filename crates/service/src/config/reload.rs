//! What may change while services run, and what needs a restart.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::{Config, DispatchConfig, LogConfig};

/// The settings that a running service follows. Clones see the same.
#[derive(Debug, Clone)]
pub struct Live(watch::Receiver<Arc<Config>>);

impl Live {
    /// A configuration, and whoever changes it.
    #[must_use]
    pub fn new(config: Arc<Config>) -> (Self, watch::Sender<Arc<Config>>) {
        let (sender, receiver) = watch::channel(config);
        (Self(receiver), sender)
    }

    /// The configuration as it is now.
    #[must_use]
    pub fn get(&self) -> Arc<Config> {
        Arc::clone(&self.0.borrow())
    }

    /// The configuration as it is now, from which [`Live::changed`] counts.
    pub(crate) fn look(&mut self) -> Arc<Config> {
        Arc::clone(&self.0.borrow_and_update())
    }

    /// Returns once it is another one. Never, where nobody changes it.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What came of a new configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Reloaded {
    /// The configuration to follow: the old one, with what may change from the new one.
    pub config: Config,
    /// The settings that are followed from now on.
    pub applied: Vec<String>,
    /// The settings that are followed after a restart.
    pub restart: Vec<String>,
}

/// Takes from `new` what may change while services run.
#[must_use]
pub fn reload(old: &Config, new: &Config) -> Reloaded {
    let config = Config {
        log: LogConfig { level: new.log.level.clone(), ..old.log.clone() },
        dispatch: DispatchConfig { max_concurrent: new.dispatch.max_concurrent, ..old.dispatch.clone() },
        agents: new.agents.clone(),
        accounts: new.accounts.clone(),
        budget: new.budget.clone(),
        breaker: new.breaker.clone(),
        retry: new.retry.clone(),
        ..old.clone()
    };
    Reloaded { applied: differing(old, &config), restart: differing(&config, new), config }
}

/// The settings in which two configurations differ. Secrets are compared like others, and not shown.
fn differing(one: &Config, other: &Config) -> Vec<String> {
    let mut paths = Vec::new();
    let value = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    compare(&value(one), &value(other), String::new(), &mut paths);
    for (path, differs) in [("database.url", one.database != other.database), ("redis.url", one.redis != other.redis)] {
        if differs && !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    }
    paths
}

fn compare(one: &Value, other: &Value, path: String, paths: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value = |from: &serde_json::Map<String, Value>| from.get(key).cloned().unwrap_or_default();
                compare(&value(one), &value(other), path, paths);
            }
        }
        _ if one != other => paths.push(path),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretUrl;

    #[test]
    fn what_may_change_is_taken_over_and_the_rest_is_named() {
        let old = Config::default();
        let mut new = Config::default();
        new.dispatch.max_concurrent = 9;
        new.dispatch.pool = "gpu".to_owned();
        new.retry.max_attempts = 7;
        new.log.level = "debug".to_owned();
        new.database.url = SecretUrl::new("postgres://u:secret@h/d");
        let Reloaded { config, applied, restart } = reload(&old, &new);
        assert_eq!((config.dispatch.max_concurrent, config.dispatch.pool.as_str()), (9, "default"));
        assert_eq!((config.retry.max_attempts, &config.database), (7, &old.database));
        assert_eq!(applied, ["dispatch.max_concurrent", "log.level", "retry.max_attempts"]);
        assert_eq!(restart, ["database.url", "dispatch.pool"]);
    }

    #[test]
    fn an_equal_configuration_changes_nothing() {
        let Reloaded { applied, restart, .. } = reload(&Config::default(), &Config::default());
        assert!(applied.is_empty() && restart.is_empty());
    }
}
