//! The sections about what people use: the dashboard and the REST API, and backups.

use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretText, variable};

/// Who may use the dashboard and the REST API, which `listen.http` is the address of.
///
/// Where that is not this machine alone, one of two is needed: a token of at least 16 characters in the environment
/// variable `CODITECT_HTTP_TOKEN`, or in a file that `CODITECT_HTTP_TOKEN_FILE` names; or a proxy before it that knows
/// who people are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The token that requests carry. Only from the environment; the configuration file refuses it.
    #[schemars(skip)]
    pub token: Option<SecretText>,
    /// Whether a proxy that knows who people are is before the API and nothing else can reach it: then no token is
    /// needed, and whom the proxy names is believed.
    pub behind_identity_proxy: bool,
}

impl HttpConfig {
    /// Why the API may not be served at `address`, with the cure; nothing if it may.
    #[must_use]
    pub fn refusal(&self, address: SocketAddr) -> Option<String> {
        let fine = address.ip().is_loopback() || self.token.is_some() || self.behind_identity_proxy;
        (!fine).then(|| {
            format!(
                "`listen.http` is {address}, which other machines may reach, and nothing says who may use it: set \
                 CODITECT_HTTP_TOKEN (or CODITECT_HTTP_TOKEN_FILE) to a token, or {} to true where a proxy that knows \
                 who people are is before it, or listen on 127.0.0.1",
                variable("http.behind_identity_proxy")
            )
        })
    }
}

/// Backups of the database, which the orchestrator writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackupConfig {
    /// How long from one backup to the next, in milliseconds; 0 writes none by itself.
    pub interval_ms: u64,
    /// The folder that backups are written to, relative to the folder the orchestrator is started in.
    pub directory: String,
    /// How many backups are kept; the oldest are removed first.
    #[schemars(range(min = 1, max = 10_000))]
    pub keep: u32,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self { interval_ms: 6 * 60 * 60 * 1000, directory: ".coditect/backups".into(), keep: 28 }
    }
}

impl BackupConfig {
    /// How long from one backup to the next, if any is to be written.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        (self.interval_ms > 0).then(|| Duration::from_millis(self.interval_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_a_token_or_a_proxy() {
        let (here, everywhere) = (SocketAddr::from(([127, 0, 0, 1], 80)), SocketAddr::from(([0, 0, 0, 0], 80)));
        let open = HttpConfig::default();
        assert_eq!(open.refusal(here), None);
        let refusal = open.refusal(everywhere).unwrap();
        assert!(refusal.contains("`listen.http`") && refusal.contains("CODITECT_HTTP_TOKEN"), "{refusal}");
        assert_eq!(HttpConfig { behind_identity_proxy: true, ..open }.refusal(everywhere), None);
    }
}
