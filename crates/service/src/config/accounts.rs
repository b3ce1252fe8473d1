//! The sections about what attempts may use up: accounts, money, and patience with what keeps failing.

use std::collections::BTreeMap;

use coditect_core::BreakerPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, Runtime};

/// An account at a model's service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// How many attempts may be under way on the account at once. The `script` runtime uses no account.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_concurrent: u32,
    /// What the account may spend a day, in US dollars; days begin at midnight UTC. What an attempt may cost is set aside
    /// when it starts.
    #[schemars(range(min = 0.01, max = 1_000_000.0))]
    pub daily_budget_usd: f64,
    /// The name of the executor's environment variable that holds the account's key: the name, not the key.
    pub credential: String,
    /// The address of the model's service, where it is not the usual one.
    pub base_url: Option<String>,
    /// Agents are given the credential itself. The token of a subscription needs that: only the agent's own program can use
    /// it.
    pub pass_to_agent: bool,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            max_concurrent: 5,
            daily_budget_usd: 50.0,
            credential: "ANTHROPIC_API_KEY".into(),
            base_url: None,
            pass_to_agent: false,
        }
    }
}

/// The accounts where the configuration names none.
pub(super) fn default_accounts() -> BTreeMap<String, AccountConfig> {
    BTreeMap::from([("default".to_owned(), AccountConfig::default())])
}

/// What may be spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// What all attempts at a task may cost together, in US dollars, before a person is asked. A person who has the task
    /// tried again grants it as much once more.
    #[schemars(range(min = 0.01, max = 1_000_000.0))]
    pub per_task_usd: f64,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { per_task_usd: 5.0 }
    }
}

impl BudgetConfig {
    /// What all attempts at a task may cost together, in millionths of a dollar.
    #[must_use]
    pub fn per_task_micros(&self) -> i64 {
        micros(self.per_task_usd)
    }
}

/// When an agent or an account that keeps failing is left alone, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// After how many failures in a row.
    #[schemars(range(min = 1, max = 1_000))]
    pub failures: i64,
    /// For how long the first time, in milliseconds; twice as long each further time. Then a single attempt decides. An
    /// account that hit a limit of unknown end is paused by the same rule.
    #[schemars(range(min = 1, max = 2_678_400_000_i64))]
    pub open_ms: i64,
    /// For how long at most, in milliseconds.
    #[schemars(range(min = 1, max = 2_678_400_000_i64))]
    pub max_open_ms: i64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        let BreakerPolicy { failures, open_ms, max_open_ms } = BreakerPolicy::default();
        Self { failures, open_ms, max_open_ms }
    }
}

impl From<&BreakerConfig> for BreakerPolicy {
    fn from(config: &BreakerConfig) -> Self {
        let BreakerConfig { failures, open_ms, max_open_ms } = *config;
        Self { failures, open_ms, max_open_ms }
    }
}

impl AccountConfig {
    /// What the account may spend a day, in millionths of a dollar.
    #[must_use]
    pub fn daily_micros(&self) -> i64 {
        micros(self.daily_budget_usd)
    }
}

impl Config {
    /// Whether attempts use an account at all: its key, its quota and its money. The `script` runtime does not.
    #[must_use]
    pub const fn uses_accounts(&self) -> bool {
        !matches!(self.executor.runtime, Runtime::Script)
    }

    /// What is set aside for an open attempt, in millionths of a dollar: what its task may cost.
    #[must_use]
    pub fn reserve_micros(&self) -> i64 {
        if self.uses_accounts() { self.budget.per_task_micros() } else { 0 }
    }
}

/// A rule that accounts break: the setting, its value where it may be shown, and what was expected.
pub(super) fn broken(config: &Config) -> Vec<(String, Option<String>, String)> {
    let mut broken = Vec::new();
    if config.accounts.is_empty() {
        broken.push(("accounts".into(), Some("{}".into()), "expected at least one account, like \"default\"".into()));
    }
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    for (name, account) in &config.accounts {
        if name.is_empty() || name.len() > 64 || !name.chars().all(word) {
            let expected = "expected the account's name to be 1 to 64 letters, digits, hyphens, dots and underscores";
            broken.push((format!("accounts.{name}"), None, expected.into()));
            continue;
        }
        let credential = &account.credential;
        let variable = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if credential.is_empty()
            || credential.starts_with(|c: char| c.is_ascii_digit())
            || !credential.chars().all(variable)
        {
            // Its value is not shown: it may be the key itself.
            let expected = "expected the name of an environment variable, like ANTHROPIC_API_KEY, and not a key";
            broken.push((format!("accounts.{name}.credential"), None, expected.into()));
        }
        if account.base_url.as_ref().is_some_and(|url| !is_http(url)) {
            let expected = "expected a URL like https://api.example.com, without a user or password";
            broken.push((format!("accounts.{name}.base_url"), None, expected.into()));
        }
        if account.daily_budget_usd < config.budget.per_task_usd {
            let expected = format!(
                "expected at least `budget.per_task_usd`, which is {}: no task could ever start",
                config.budget.per_task_usd
            );
            let path = format!("accounts.{name}.daily_budget_usd");
            broken.push((path, Some(account.daily_budget_usd.to_string()), expected));
        }
    }
    let BreakerConfig { open_ms, max_open_ms, .. } = config.breaker;
    if open_ms > max_open_ms {
        let expected = format!("expected at most `breaker.max_open_ms`, which is {max_open_ms}");
        broken.push(("breaker.open_ms".into(), Some(open_ms.to_string()), expected));
    }
    broken
}

fn is_http(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.contains('@')))
}

/// US dollars as millionths of a dollar.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest number")]
pub fn micros(dollars: f64) -> i64 {
    (dollars * 1_000_000.0).round() as i64
}
