//! How an attempt reaches its model's API.

use coditect_gateway::{Api, Credential, HostPattern, Scheme, Upstream};

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

/// How an agent reaches the API of its model.
#[derive(Debug)]
pub(crate) enum Way {
    /// Through the gateway, which has the account's credential.
    Through(Upstream),
    /// By itself, with the account's own credential.
    Passed {
        /// What it presents, and where.
        access: ApiAccess,
        /// The host it has to reach for that.
        host: Option<HostPattern>,
    },
}

/// Finds an account's way to an API. What it may be is the matter of `executor.gateway` and of the account's `pass_to_agent`.
pub(crate) fn way(account: &Account, api: Api, gateway: bool, host_env: &[(String, String)]) -> Result<Way, Failure> {
    let key = credential(account, host_env)?;
    let kind = kind_of(&account.credential, &key);
    let Account { name, base_url, pass_to_agent, .. } = account;
    if *pass_to_agent || (!gateway && kind != KeyKind::Subscription) {
        let host = host_of(base_url.as_deref().unwrap_or(api.usual_base_url()));
        return Ok(Way::Passed { access: ApiAccess { base_url: base_url.clone(), key, kind }, host });
    }
    let scheme = match kind {
        KeyKind::ApiKey => api.usual_scheme(),
        KeyKind::Bearer => Scheme::Bearer,
        KeyKind::Subscription => {
            return Err(Failure::auth(format!(
                "account `{name}` has the token of a subscription, which only the agent's own program can use: set \
                 accounts.{name}.pass_to_agent to true to give agents the token itself, or give the account an API key"
            )));
        }
    };
    let unusable = |what: String| Failure::auth(format!("account `{name}` cannot be used: {what}"));
    let key = Credential::new(scheme, &key).map_err(|error| unusable(error.to_string()))?;
    let base_url = base_url.as_deref().unwrap_or(api.usual_base_url());
    Upstream::new(api, base_url, key).map(Way::Through).map_err(|error| unusable(error.to_string()))
}

/// The host of a URL, with its port where it names one.
fn host_of(url: &str) -> Option<HostPattern> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    authority.parse().ok()
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
        let failure = way(&account("KEY_OF_MAIN"), Api::Anthropic, true, &env).unwrap_err();
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

    #[test]
    fn a_key_stays_here_unless_a_setting_says_otherwise() {
        let env = [("TEAM_KEY", "sk-ant-api03-x"), ("TEAM_OAUTH_TOKEN", "x")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let way = |credential: &str, pass_to_agent: bool, gateway: bool| {
            way(&Account { pass_to_agent, ..account(credential) }, Api::Anthropic, gateway, &env)
        };
        assert!(matches!(way("TEAM_KEY", false, true), Ok(Way::Through(_))));
        for passed in [way("TEAM_KEY", true, true), way("TEAM_KEY", false, false), way("TEAM_OAUTH_TOKEN", true, true)]
        {
            let Ok(Way::Passed { host, .. }) = passed else { panic!("{passed:?}") };
            assert_eq!(host.unwrap().to_string(), "api.anthropic.com");
        }
        // A subscription's token is never given away silently.
        for refused in [way("TEAM_OAUTH_TOKEN", false, true), way("TEAM_OAUTH_TOKEN", false, false)] {
            assert!(refused.unwrap_err().message.contains("accounts.main.pass_to_agent"));
        }
    }
}
