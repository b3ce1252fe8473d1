//! The command line of Codex and the environment it runs in.
//!
//! Nothing of the repository is obeyed: its folder is marked as not trusted, which keeps its `.codex/config.toml` with MCP servers,
//! hooks and notifiers out, and `--ignore-rules` its rules of what may be run. Home and configuration folder are the attempt's own.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Session, Settings};
use crate::job::Failure;
use crate::runtime::{ApiAccess, Prepared, Spent, course, program, role, wanted_model};
use coditect_gateway::Api;

/// The variable with the key. Commands of the agent do not get it.
const KEY: &str = "OPENAI_API_KEY";

/// What is the same for every run. Searching the web is the service's own doing, out of reach of any confinement here.
const SETTINGS: [&str; 6] = [
    "approval_policy=\"never\"",
    "web_search=\"disabled\"",
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    "shell_environment_policy.exclude=[\"OPENAI_API_KEY\"]",
    "project_doc_max_bytes=0",
];

/// Makes the command ready.
pub fn prepare(
    settings: &Settings,
    prompt: &str,
    access: &ApiAccess,
    resume: Option<&str>,
    host_env: &[(String, String)],
    worktree: &Path,
    home: &Path,
) -> Result<Prepared, Failure> {
    let Settings { program, model, max_turns, sandbox, definition } = settings;
    let folder = home.join(super::FOLDER);
    let written =
        |error: std::io::Error| Failure::config(format!("{} could not be written: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(written)?;
    if let Some(role) = role(definition.as_ref()) {
        fs::write(folder.join("AGENTS.md"), role).map_err(written)?;
    }
    let base_url = access.base_url.as_deref().unwrap_or(Api::OpenAi.usual_base_url());
    let provider = format!(
        "model_providers.coditect={{name=\"coditect\",base_url={},env_key=\"{KEY}\",wire_api=\"responses\"}}",
        quoted(base_url)
    );
    let untrusted = format!("projects={{{}={{trust_level=\"untrusted\"}}}}", quoted(&worktree.to_string_lossy()));
    let mut argv = vec![program::find(program, host_env), "exec".to_owned()];
    argv.extend(["--json", "--skip-git-repo-check", "--ignore-rules"].map(str::to_owned));
    argv.extend(["--color", "never", "--sandbox", sandbox].map(str::to_owned));
    // Names of Claude's models are in many definitions, and mean nothing here.
    let foreign = |model: &str| model.starts_with("claude");
    if let Some(model) = wanted_model(model.as_deref(), definition.as_ref(), foreign) {
        argv.extend(["--model".to_owned(), model]);
    }
    let same = SETTINGS.map(str::to_owned).into_iter();
    for setting in same.chain(["model_provider=\"coditect\"".to_owned(), provider, untrusted]) {
        argv.extend(["-c".to_owned(), setting]);
    }
    if let Some(id) = resume {
        argv.extend(["resume".to_owned(), id.to_owned()]);
    }
    argv.push("-".to_owned());
    let before = resume.map(|id| used_before(&folder.join("sessions"), id)).unwrap_or_default();
    Ok(Prepared {
        argv,
        stdin: Some(prompt.to_owned()),
        env: vec![
            ("CODEX_HOME".to_owned(), folder.to_string_lossy().into_owned()),
            (KEY.to_owned(), access.key.clone()),
        ],
        secrets: vec![access.key.clone()],
        reader: Some(Box::new(Session::new(*max_turns, resume.is_some(), before))),
        notes: Vec::new(),
    })
}

/// A text as TOML has it. A string of JSON is one of TOML, too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What a conversation had used when it was left: what Codex reports is the whole conversation's.
fn used_before(sessions: &Path, id: &str) -> Spent {
    let ends = format!("-{id}.jsonl");
    let file = files(sessions, 4).into_iter().find(|file| file.to_string_lossy().ends_with(&ends));
    let text = file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    let totals = text.lines().rev().filter(|line| line.contains("total_token_usage"));
    let totals = totals.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let last = totals.filter_map(|event| event.pointer("/payload/info/total_token_usage").cloned()).next();
    last.map_or_else(Spent::default, |usage| Spent {
        cost_usd: None,
        tokens_in: course::count(&usage, "input_tokens"),
        tokens_out: course::count(&usage, "output_tokens"),
    })
}

fn files(folder: &Path, depth: usize) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() && depth > 0 { files(&path, depth - 1) } else { vec![path] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Definition, KeyKind};

    fn prepared(resume: Option<&str>, home: &Path) -> Prepared {
        let settings = Settings {
            program: "codex".to_owned(),
            model: None,
            max_turns: 7,
            sandbox: "workspace-write".to_owned(),
            definition: Some(Definition {
                name: "gardener".to_owned(),
                description: String::new(),
                prompt: "You are the gardener.".to_owned(),
                model: Some("opus".to_owned()),
                tools: Vec::new(),
            }),
        };
        let base_url = Some("http://127.0.0.1:1".to_owned());
        let access = ApiAccess { base_url, key: "k-123456789".to_owned(), kind: KeyKind::ApiKey };
        prepare(&settings, "Task: 1 a\n", &access, resume, &[], Path::new("/w/a \"b\""), home).unwrap()
    }

    #[test]
    fn the_repository_is_not_obeyed_and_the_key_is_on_no_command_line() {
        let home = tempfile::tempdir().unwrap();
        let prepared = prepared(None, home.path());
        let line = prepared.argv.join(" ");
        for part in [
            "exec --json",
            "--ignore-rules",
            "--sandbox workspace-write",
            r#"projects={"/w/a \"b\""={trust_level="untrusted"}}"#,
            r#"base_url="http://127.0.0.1:1""#,
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(line.ends_with(" -") && !line.contains("k-123456789") && !line.contains("Task: 1"));
        assert!(!line.contains("--model"), "{line}");
        let role = fs::read_to_string(home.path().join(".codex/AGENTS.md")).unwrap();
        assert_eq!(role, "You are the gardener.\n");
    }

    #[test]
    fn a_conversation_that_goes_on_counts_from_where_it_was_left() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".codex/sessions/2026/11/25");
        fs::create_dir_all(&folder).unwrap();
        let count = |tokens: i64| {
            format!(
                r#"{{"type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{tokens},"output_tokens":3}}}}}}}}"#
            )
        };
        let text = format!("{}\n{}\n{{\"half", count(10), count(25));
        fs::write(folder.join("rollout-2026-11-25T01-02-03-abc.jsonl"), text).unwrap();
        let argv = prepared(Some("abc"), home.path()).argv;
        assert_eq!(argv[argv.len() - 3..], ["resume", "abc", "-"]);
        let before = used_before(&home.path().join(".codex/sessions"), "abc");
        assert_eq!((before.tokens_in, before.tokens_out), (Some(25), Some(3)));
        assert_eq!(used_before(&home.path().join(".codex/sessions"), "other"), Spent::default());
    }
}
