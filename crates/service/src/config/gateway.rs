//! What models cost: the prices by which the gateway counts what attempts spend.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a million tokens of a model cost, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Tokens that are read, and were not in a cache.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub input: f64,
    /// Tokens that are written, the thoughts of the model among them.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub output: f64,
    /// Tokens that are read and put into a cache; without it, as `input`.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub cache_write: Option<f64>,
    /// Tokens that are read from a cache; without it, as `input`.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub cache_read: Option<f64>,
}

/// What is wrong with prices: the setting, its value as JSON, and what was expected.
pub(super) fn broken(pricing: &BTreeMap<String, PriceConfig>) -> Vec<(String, Option<String>, String)> {
    let mut broken = Vec::new();
    for (model, price) in pricing {
        if model.trim().is_empty() {
            let expected = "expected the name of a model, or its beginning, like \"claude-sonnet\"";
            broken.push(("pricing".to_owned(), Some(format!("{model:?}")), expected.to_owned()));
        }
        let PriceConfig { input, output, cache_write, cache_read } = *price;
        let named = [
            ("input", Some(input)),
            ("output", Some(output)),
            ("cache_write", cache_write),
            ("cache_read", cache_read),
        ];
        for (name, value) in named {
            if let Some(value) = value.filter(|value| !(0.0..=100_000.0).contains(value)) {
                let expected = "expected US dollars for a million tokens, from 0 to 100000";
                broken.push((format!("pricing.{model}.{name}"), Some(value.to_string()), expected.to_owned()));
            }
        }
    }
    broken
}
