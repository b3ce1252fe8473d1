//! The sections about what attempts may use up: accounts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account at a model's service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// How many attempts may be under way on the account at once. The `script` runtime uses no account.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_concurrent: u32,
    /// What the account may spend a day, in US dollars; days begin at midnight UTC. What an attempt may cost is set aside
    /// when it starts.
    #[schemars(range(min = 0.01))]
    pub daily_budget_usd: f64,
    /// The name of the executor's environment variable that holds the account's key: the name, not the key.
    pub credential: String,
    /// The address of the model's service, where it is not the usual one.
    pub base_url: Option<String>,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self { max_concurrent: 5, daily_budget_usd: 50.0, credential: "ANTHROPIC_API_KEY".into(), base_url: None }
    }
}

/// The accounts where the configuration names none.
pub(super) fn default_accounts() -> BTreeMap<String, AccountConfig> {
    BTreeMap::from([("default".to_owned(), AccountConfig::default())])
}
