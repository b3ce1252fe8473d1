//! The command line of opencode and the environment it runs in.
//!
//! Its whole configuration is given to it in a variable; nothing of the repository is obeyed, and its plugins, agents and settings stay
//! out. The agent's definition is the user's own `AGENTS.md`. Home and configuration folder are the attempt's
//! own.

use std::fs;
use std::path::Path;

use coditect_gateway::Api;
use serde_json::{Map, Value, json};

use super::{Session, Settings};
use crate::job::Failure;
use crate::runtime::{ApiAccess, Prepared, program, role, wanted_model};

/// The variable that its configuration takes the key from.
const KEY: &str = "CODITECT_API_KEY";

/// The name of the provider and of the agent in its configuration.
const OWN: &str = "coditect";

/// What is always set to `1`.
const SWITCHES: [&str; 9] = [
    "OPENCODE_DISABLE_MODELS_FETCH",
    "OPENCODE_DISABLE_AUTOUPDATE",
    "OPENCODE_DISABLE_LSP_DOWNLOAD",
    "OPENCODE_DISABLE_PROJECT_CONFIG",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS",
    "OPENCODE_DISABLE_CLAUDE_CODE",
    "OPENCODE_DISABLE_EXTERNAL_SKILLS",
    "OPENCODE_DISABLE_SHARE",
    "OPENCODE_PURE",
];

/// Makes the command ready.
pub fn prepare(
    settings: &Settings,
    prompt: &str,
    access: &ApiAccess,
    host_env: &[(String, String)],
    home: &Path,
) -> Result<Prepared, Failure> {
    let Settings { program, model, api, max_turns, allowed_tools, definition } = settings;
    let foreign = |model: &str| *api != Api::Anthropic && model.starts_with("claude");
    let model = wanted_model(model.as_deref(), definition.as_ref(), foreign)
        .ok_or_else(|| Failure::config("opencode has no model of its own: set executor.opencode.model to one"))?;
    let folder = home.join(super::FOLDER);
    let written =
        |error: std::io::Error| Failure::config(format!("{} could not be written: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(written)?;
    if let Some(told) = role(definition.as_ref()) {
        fs::write(folder.join("AGENTS.md"), told).map_err(written)?;
    }
    let base_url = access.base_url.as_deref().unwrap_or(api.usual_base_url()).trim_end_matches('/');
    let (package, base_url) = match api {
        Api::Anthropic => ("@ai-sdk/anthropic", format!("{base_url}/v1")),
        Api::OpenAi => ("@ai-sdk/openai", base_url.to_owned()),
        Api::Gemini => ("@ai-sdk/google", format!("{base_url}/v1beta")),
    };
    // The last rule that fits counts.
    let mut permission = Map::from_iter([("*".to_owned(), json!("deny"))]);
    permission.extend(allowed_tools.iter().map(|tool| (tool.clone(), json!("allow"))));
    let config = json!({
        "autoupdate": false,
        "share": "disabled",
        "enabled_providers": [OWN],
        "provider": { OWN: {
            "npm": package,
            "name": OWN,
            "options": { "baseURL": base_url, "apiKey": format!("{{env:{KEY}}}") },
            "models": { &model: {} },
        } },
        // At its last step the agent is only asked for its last words.
        "agent": { "build": { "steps": max_turns.saturating_add(1) } },
        "permission": Value::Object(permission),
    });
    let mut env: Vec<_> = SWITCHES.map(|name| (name.to_owned(), "1".to_owned())).into();
    env.push(("OPENCODE_CONFIG_CONTENT".to_owned(), config.to_string()));
    env.push((KEY.to_owned(), access.key.clone()));
    let mut argv = vec![program::find(program, host_env), "run".to_owned()];
    // With a title of ours it does not ask the model for one.
    argv.extend(["--format", "json", "--agent", "build", "--title", OWN].map(str::to_owned));
    argv.extend(["--model".to_owned(), format!("{OWN}/{model}")]);
    Ok(Prepared {
        argv,
        stdin: Some(prompt.to_owned()),
        env,
        secrets: vec![access.key.clone()],
        reader: Some(Box::new(Session::new(*max_turns))),
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::KeyKind;

    fn settings(api: Api) -> Settings {
        Settings {
            program: "opencode".to_owned(),
            model: Some("model-a".to_owned()),
            api,
            max_turns: 7,
            allowed_tools: vec!["edit".to_owned(), "bash".to_owned()],
            definition: None,
        }
    }

    #[test]
    fn its_configuration_is_ours_and_has_no_key_in_it() {
        let home = tempfile::tempdir().unwrap();
        for (api, url) in [
            (Api::Anthropic, "http://127.0.0.1:1/v1"),
            (Api::OpenAi, "http://127.0.0.1:1"),
            (Api::Gemini, "http://127.0.0.1:1/v1beta"),
        ] {
            let base_url = Some("http://127.0.0.1:1".to_owned());
            let access = ApiAccess { base_url, key: "k-123456789".to_owned(), kind: KeyKind::ApiKey };
            let prepared = prepare(&settings(api), "Task: 1 a\n", &access, &[], home.path()).unwrap();
            let text = prepared.env.iter().find(|(name, _)| name == "OPENCODE_CONFIG_CONTENT").unwrap().1.clone();
            let config: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(config["provider"][OWN]["options"]["baseURL"], url);
            assert_eq!(config["agent"]["build"]["steps"], 8);
            let permission: Vec<_> = config["permission"].as_object().unwrap().iter().collect();
            assert!(permission.contains(&(&"*".to_owned(), &json!("deny"))), "{permission:?}");
            assert!(text.find("\"*\"") < text.find("\"bash\""), "{text}");
            assert!(!text.contains("k-123456789") && !prepared.argv.join(" ").contains("k-123456789"));
            assert!(prepared.argv.ends_with(&["--model".to_owned(), "coditect/model-a".to_owned()]));
        }
        let access = ApiAccess { base_url: None, key: "k".to_owned(), kind: KeyKind::ApiKey };
        let none = Settings { model: None, ..settings(Api::Anthropic) };
        let failure = prepare(&none, "Task: 1 a\n", &access, &[], home.path()).unwrap_err();
        assert!(failure.message.contains("executor.opencode.model"));
    }
}
