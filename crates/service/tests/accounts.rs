//! Accounts, budgets and breakers in the configuration.
#![allow(clippy::unwrap_used, reason = "a test")]

use coditect_service::Config;
use coditect_service::config::{AccountConfig, ConfigError, Environment};

fn load(content: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    std::fs::write(&file, content).unwrap();
    Config::load_from(Some(&file), &environment.iter().copied().collect::<Environment>())
}

fn refusal(content: &str) -> String {
    load(content, &[]).unwrap_err().to_string()
}

#[test]
fn without_accounts_there_is_the_default_one() {
    let config = load("{}", &[("CODITECT_ACCOUNTS__DEFAULT__MAX_CONCURRENT", "3")]).unwrap();
    let account = AccountConfig { max_concurrent: 3, ..AccountConfig::default() };
    assert_eq!(config.accounts.into_iter().collect::<Vec<_>>(), [("default".to_owned(), account)]);
    assert_eq!(Config::default().accounts["default"].credential, "ANTHROPIC_API_KEY");
}

#[test]
fn accounts_that_are_named_are_all_there_are_each_with_the_defaults() {
    let config =
        load(r#"{"accounts": {"team-a": {"credential": "KEY_A"}, "team-b": {"max_concurrent": 9}}}"#, &[]).unwrap();
    assert_eq!(config.accounts.keys().collect::<Vec<_>>(), ["team-a", "team-b"]);
    assert_eq!(config.accounts["team-a"].daily_micros(), 50_000_000);
    assert_eq!(config.accounts["team-b"].max_concurrent, 9);
}

#[test]
fn what_is_wrong_with_an_account_is_said_with_its_place() {
    for (content, expected) in [
        (r#"{"accounts": {}}"#, "`accounts`"),
        (r#"{"accounts": {"a": {"max_concurrent": 0}}}"#, "`accounts.a.max_concurrent` is 0"),
        (r#"{"accounts": {"a": {"daily_budget_usd": 1.5}}}"#, "`accounts.a.daily_budget_usd` is 1.5"),
        (r#"{"accounts": {"a": {"colour": 1}}}"#, "accounts.a.colour"),
        (r#"{"accounts": {"a b": {}}}"#, "`accounts.a b`"),
        (r#"{"accounts": {"a": {"base_url": "https://me:secret@host"}}}"#, "`accounts.a.base_url`"),
        (r#"{"budget": {"per_task_usd": 1e12}}"#, "expected at most 1000000"),
        (r#"{"breaker": {"max_open_ms": 9223372036854775807}}"#, "expected at most 2678400000"),
        (r#"{"executor": {"lease_ms": 9223372036854775807}}"#, "expected at most 3600000"),
        (r#"{"retry": {"cap_ms": 9223372036854775807}}"#, "expected at most 86400000"),
        (r#"{"budget": {"per_task_usd": 0}}"#, "`budget.per_task_usd` is 0"),
        (r#"{"breaker": {"failures": 0}}"#, "`breaker.failures` is 0"),
        (r#"{"breaker": {"open_ms": 10, "max_open_ms": 5}}"#, "`breaker.open_ms` is 10"),
    ] {
        let said = refusal(content);
        assert!(said.contains(expected), "{content}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn a_key_in_place_of_a_variables_name_is_refused_and_not_shown() {
    let said = refusal(r#"{"accounts": {"a": {"credential": "sk-ant-12345"}}}"#);
    assert!(said.contains("`accounts.a.credential`") && said.contains("not a key"), "{said}");
    assert!(!said.contains("12345"), "{said}");
}
