//! The command line of Gemini CLI and the environment it runs in.
//!
//! Nothing of the repository is obeyed. In a folder that it trusts, the program runs what `.gemini/settings.json` names (hooks, MCP
//! servers, a command to discover tools) before it says a word, so it is started in restricted mode. There it would do nothing without a
//! question, so a policy of ours says which tools need none. The agent's definition is the user's own `GEMINI.md`. Home and configuration folder are the attempt's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use coditect_gateway::Api;
use serde_json::json;

use super::{Session, Settings};
use crate::job::Failure;
use crate::runtime::{ApiAccess, Prepared, program, role, wanted_model};

/// Goes before every rule that the program comes with.
const PRIORITY: u32 = 900;

/// Makes the command ready.
pub fn prepare(
    settings: &Settings,
    prompt: &str,
    access: &ApiAccess,
    resume: Option<&str>,
    host_env: &[(String, String)],
    home: &Path,
) -> Result<Prepared, Failure> {
    let Settings { program, model, max_turns: _, allowed_tools: _, definition } = settings;
    let folder = home.join(super::FOLDER);
    let written = |error: io::Error| Failure::config(format!("{} could not be written: {error}", folder.display()));
    configure(settings, &folder).map_err(written)?;
    let mut argv = vec![program::find(program, host_env)];
    argv.extend(["--output-format", "stream-json", "--approval-mode", "default"].map(str::to_owned));
    let foreign = |model: &str| model.starts_with("claude");
    if let Some(model) = wanted_model(model.as_deref(), definition.as_ref(), foreign) {
        argv.extend(["--model".to_owned(), model]);
    }
    // It would look for an id only among the conversations in the same folder, and every attempt has its own.
    let file = resume.map(|id| conversation(&folder.join("tmp"), id));
    let mut notes = Vec::new();
    match &file {
        Some(Some(file)) => argv.extend(["--session-file".to_owned(), file.to_string_lossy().into_owned()]),
        Some(None) => notes.push("the earlier conversation cannot go on: it is not among those kept".to_owned()),
        None => {}
    }
    let base_url = access.base_url.as_deref().unwrap_or(Api::Gemini.usual_base_url());
    let env = [
        ("GEMINI_API_KEY", access.key.as_str()),
        ("GOOGLE_GEMINI_BASE_URL", base_url),
        ("GEMINI_RESTRICTED_MODE", "true"),
        // One process instead of two: it would start itself again with more memory.
        ("GEMINI_CLI_NO_RELAUNCH", "true"),
    ];
    Ok(Prepared {
        argv,
        stdin: Some(prompt.to_owned()),
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        secrets: vec![access.key.clone()],
        reader: Some(Box::new(Session::new(file.flatten().is_some()))),
        notes,
    })
}

/// Writes the program's own settings, the policy, and what the agent is told beside its task.
fn configure(settings: &Settings, folder: &Path) -> io::Result<()> {
    let Settings { max_turns, allowed_tools, definition, .. } = settings;
    fs::create_dir_all(folder.join("policies"))?;
    let own = json!({
        "security": { "auth": { "selectedType": "gemini-api-key" }, "folderTrust": { "enabled": false } },
        "general": { "enableAutoUpdate": false, "enableAutoUpdateNotification": false },
        "privacy": { "usageStatisticsEnabled": false },
        "telemetry": { "enabled": false },
        "model": { "maxSessionTurns": max_turns },
        "hooksConfig": { "enabled": false },
        "advanced": { "ignoreLocalEnv": true },
    });
    fs::write(folder.join("settings.json"), own.to_string())?;
    let rules: String = allowed_tools
        .iter()
        .map(|tool| format!("[[rule]]\ntoolName = {}\ndecision = \"allow\"\npriority = {PRIORITY}\n", json!(tool)))
        .collect();
    fs::write(folder.join("policies/allowed.toml"), rules)?;
    if let Some(told) = role(definition.as_ref()) {
        fs::write(folder.join("GEMINI.md"), told)?;
    }
    Ok(())
}

/// The file of a conversation: its name ends with the id's beginning, and its first line has all of it.
fn conversation(folder: &Path, id: &str) -> Option<PathBuf> {
    let whole = format!("\"{id}\"");
    let projects = fs::read_dir(folder).ok()?.flatten().map(|project| project.path().join("chats"));
    let mut chats = projects.filter_map(|chats| fs::read_dir(chats).ok()).flatten().flatten().map(|file| file.path());
    chats.find(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().next().is_some_and(|line| line.contains(&whole))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::KeyKind;

    fn prepared(resume: Option<&str>, dir: &Path) -> Prepared {
        let settings = Settings {
            program: "gemini".to_owned(),
            model: Some("model-a".to_owned()),
            max_turns: 7,
            allowed_tools: vec!["write_file".to_owned(), "run_shell_command".to_owned()],
            definition: None,
        };
        let access = ApiAccess { base_url: None, key: "k-123456789".to_owned(), kind: KeyKind::ApiKey };
        prepare(&settings, "Task: 1 a\n", &access, resume, &[], &dir.join("home")).unwrap()
    }

    #[test]
    fn the_repository_is_not_trusted_and_only_the_allowed_tools_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let prepared = prepared(None, dir.path());
        let env = |name: &str| prepared.env.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(env("GEMINI_RESTRICTED_MODE"), Some("true"));
        assert_eq!(env("GOOGLE_GEMINI_BASE_URL"), Some("https://generativelanguage.googleapis.com"));
        let line = prepared.argv.join(" ");
        assert!(line.ends_with("--approval-mode default --model model-a"), "{line}");
        let read = |name: &str| fs::read_to_string(dir.path().join("home/.gemini").join(name)).unwrap();
        assert!(read("settings.json").contains(r#""maxSessionTurns":7"#));
        assert_eq!(read("policies/allowed.toml").matches("[[rule]]").count(), 2);
    }

    #[test]
    fn a_conversation_is_found_by_its_id_or_a_new_one_begins() {
        let dir = tempfile::tempdir().unwrap();
        let chats = dir.path().join("home/.gemini/tmp/tree/chats");
        fs::create_dir_all(&chats).unwrap();
        fs::write(chats.join("session-2026-5a0c.jsonl"), "{\"sessionId\":\"5a0c-1\"}\n{}\n").unwrap();
        let found = prepared(Some("5a0c-1"), dir.path());
        assert!(found.argv.join(" ").ends_with("chats/session-2026-5a0c.jsonl"), "{:?}", found.argv);
        let none = prepared(Some("5a0c"), dir.path());
        assert!(none.notes[0].contains("cannot go on") && !none.argv.contains(&"--session-file".to_owned()));
    }
}
