//! How an attempt reaches its model's API.

use crate::job::{Account, Failure};
use crate::runtime::{ApiAccess, KeyKind};

/// The account's credential, from the executor's own environment.
fn credential(account: &Account, host_env: &[(String, String)]) -> Result<String, Failure> {
    let Account { name: account, credential, .. } = account;
    let value = host_env.iter().find(|(name, _)| name == credential).map(|(_, value)| value.trim());
    match value.filter(|value| !value.is_empty()) {
        Some(value) => Ok(value.to_owned()),
        None => Err(Failure::auth(format!(
            "account `{account}` has no credential here: the executor's environment variable {credential} is not set \
             (its name is set with accounts.{account}.credential)"
        ))),
    }
}

/// What kind of key it is, by its own beginning or the name of its variable.
fn kind_of(variable: &str, credential: &str) -> KeyKind {
    if credential.starts_with("sk-ant-oat") || variable.ends_with("OAUTH_TOKEN") {
        KeyKind::Subscription
    } else if variable.ends_with("AUTH_TOKEN") {
        KeyKind::Bearer
    } else {
        KeyKind::ApiKey
    }
}

/// The account's own credential, for the agent itself.
pub(crate) fn passed(account: &Account, host_env: &[(String, String)]) -> Result<ApiAccess, Failure> {
    let key = credential(account, host_env)?;
    let kind = kind_of(&account.credential, &key);
    Ok(ApiAccess { base_url: account.base_url.clone(), key, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(credential: &str) -> Account {
        let (name, credential) = ("main".to_owned(), credential.to_owned());
        Account { name, credential, base_url: None, pass_to_agent: true, budget_micros: 1_000_000 }
    }

    #[test]
    fn a_missing_credential_names_variable_and_setting() {
        let env = [("KEY_OF_MAIN".to_owned(), " ".to_owned())];
        let failure = passed(&account("KEY_OF_MAIN"), &env).unwrap_err();
        assert_eq!(failure.class, coditect_core::FailureClass::Auth);
        assert!(failure.message.contains("KEY_OF_MAIN") && failure.message.contains("accounts.main.credential"));
    }

    #[test]
    fn a_credential_is_known_by_its_name_or_its_beginning() {
        assert_eq!(kind_of("ANTHROPIC_API_KEY", "sk-ant-api03-x"), KeyKind::ApiKey);
        assert_eq!(kind_of("TEAM_KEY", "sk-ant-oat01-x"), KeyKind::Subscription);
        assert_eq!(kind_of("TEAM_OAUTH_TOKEN", "x"), KeyKind::Subscription);
        assert_eq!(kind_of("GATEWAY_AUTH_TOKEN", "x"), KeyKind::Bearer);
    }
}
