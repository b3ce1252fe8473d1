//! The command line of Claude Code and the environment it runs in.
//!
//! Nothing of the repository is obeyed: `--setting-sources user` keeps its hooks, MCP servers and settings out (they
//! would run without a question in this mode), and what is useful of it, its `CLAUDE.md`, is passed on explicitly.
//! Home and configuration folder are the attempt's own. The one secret it gets is the key of its [`ApiAccess`].

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Definition, Session, Settings, instructions};
use crate::job::Failure;
use crate::runtime::{ApiAccess, KeyKind, Prepared, program};

/// The longest argument; the kernel takes none beyond 128 KiB.
const ARGUMENT: usize = 96 * 1024;

/// The longest path of a folder that a socket can be made below: with its name it has at most 107 bytes.
const SOCKET_FOLDER: usize = 80;

/// Where a repository keeps its instructions; the first that is there counts.
const INSTRUCTION_FILES: [&str; 2] = ["CLAUDE.md", ".claude/CLAUDE.md"];

/// What is always set to `1`.
const SWITCHES: [&str; 7] = [
    "DISABLE_TELEMETRY",
    "DISABLE_AUTOUPDATER",
    "DISABLE_ERROR_REPORTING",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    // A run is over when its agent says so, not when what it left in the background ends.
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY",
    "CLAUDE_CODE_STARTUP_FAILURE_RESULTS",
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
    let config_dir = home.join(super::FOLDER);
    let written =
        |error: std::io::Error| Failure::config(format!("{} could not be written: {error}", config_dir.display()));
    fs::create_dir_all(&config_dir).map_err(written)?;
    let program = program::find(&settings.program, host_env);
    let argv = arguments(settings, program, resume, worktree, &config_dir).map_err(written)?;
    let mut env: Vec<_> = SWITCHES.map(|name| (name.to_owned(), "1".to_owned())).into();
    env.push(("CLAUDE_CONFIG_DIR".to_owned(), config_dir.to_string_lossy().into_owned()));
    // It leaves sockets and its tools' output in the folder for temporary files; this one goes with the attempt.
    let temporary = home.join("tmp");
    if temporary.as_os_str().len() < SOCKET_FOLDER {
        fs::create_dir_all(&temporary).map_err(written)?;
        env.push(("TMPDIR".to_owned(), temporary.to_string_lossy().into_owned()));
    }
    if let Some(url) = &access.base_url {
        env.push(("ANTHROPIC_BASE_URL".to_owned(), url.clone()));
    }
    if settings.permission_mode == "bypassPermissions" && nix::unistd::geteuid().is_root() {
        env.push(("IS_SANDBOX".to_owned(), "1".to_owned()));
    }
    env.push((variable_for(access.kind).to_owned(), access.key.clone()));
    Ok(Prepared {
        argv,
        stdin: Some(prompt.to_owned()),
        env,
        secrets: vec![access.key.clone()],
        reader: Some(Box::new(Session::new(resume.is_some()))),
        notes: Vec::new(),
    })
}

/// The variable Claude Code reads a key of this kind from.
const fn variable_for(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::ApiKey => "ANTHROPIC_API_KEY",
        KeyKind::Bearer => "ANTHROPIC_AUTH_TOKEN",
        KeyKind::Subscription => "CLAUDE_CODE_OAUTH_TOKEN",
    }
}

fn arguments(
    settings: &Settings,
    program: String,
    resume: Option<&str>,
    worktree: &Path,
    config_dir: &Path,
) -> std::io::Result<Vec<String>> {
    let Settings { model, max_turns, max_cost_usd, permission_mode, allowed_tools, definition, .. } = settings;
    let mut argv = vec![program, "-p".to_owned()];
    let mut add = |flag: &str, value: Option<String>| {
        argv.push(flag.to_owned());
        argv.extend(value);
    };
    add("--output-format", Some("stream-json".to_owned()));
    add("--verbose", None);
    add("--setting-sources", Some("user".to_owned()));
    add("--strict-mcp-config", None);
    add("--disable-slash-commands", None);
    add("--permission-mode", Some(permission_mode.clone()));
    if !allowed_tools.is_empty() {
        // With `=`: the flag takes any number of words and would swallow what follows.
        add(&format!("--allowedTools={}", allowed_tools.join(",")), None);
    }
    add("--max-turns", Some(max_turns.to_string()));
    add("--max-budget-usd", Some(max_cost_usd.clone()));
    match resume {
        Some(session) => add("--resume", Some(session.to_owned())),
        None => add("--session-id", Some(uuid::Uuid::new_v4().to_string())),
    }
    // `--model` would go before the definition's own.
    let own = definition.as_ref().and_then(|definition| definition.model.as_ref()).is_some();
    if let Some(model) = model.as_ref().filter(|_| !own) {
        add("--model", Some(model.clone()));
    }
    if let Some(definition) = definition {
        let (name, text) = agents(definition);
        add("--agents", Some(argument(text, &config_dir.join("agents.json"))?));
        add("--agent", Some(name));
    }
    if let Some(instructions) = instructions::of_repository(worktree, &INSTRUCTION_FILES) {
        if instructions.len() > ARGUMENT {
            let file = argument(instructions, &config_dir.join("instructions.md"))?;
            add("--append-system-prompt-file", Some(file));
        } else {
            add("--append-system-prompt", Some(instructions));
        }
    }
    Ok(argv)
}

/// The text itself, or the file it is written to because it is too long.
fn argument(text: String, file: &PathBuf) -> std::io::Result<String> {
    if text.len() <= ARGUMENT {
        return Ok(text);
    }
    fs::write(file, text)?;
    Ok(file.to_string_lossy().into_owned())
}

/// The definition's name and the JSON that defines it.
fn agents(definition: &Definition) -> (String, String) {
    let name = match definition.name.trim_start_matches('-') {
        "" => "agent".to_owned(),
        name => name.to_owned(),
    };
    let description = if definition.description.is_empty() { &name } else { &definition.description };
    let mut agent = json!({ "description": description, "prompt": definition.prompt });
    if !definition.tools.is_empty() {
        agent["tools"] = json!(definition.tools);
    }
    if let Some(model) = &definition.model {
        agent["model"] = json!(model);
    }
    let text = json!({ &name: agent }).to_string();
    (name, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            program: "claude".to_owned(),
            model: Some("model-a".to_owned()),
            max_turns: 7,
            max_cost_usd: "2.5".to_owned(),
            permission_mode: "dontAsk".to_owned(),
            allowed_tools: vec!["Read".to_owned(), "Bash".to_owned()],
            definition: None,
        }
    }

    fn access() -> ApiAccess {
        let base_url = Some("http://127.0.0.1:1".to_owned());
        ApiAccess { base_url, key: "k-123456789".to_owned(), kind: KeyKind::ApiKey }
    }

    fn host(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn after<'a>(argv: &'a [String], flag: &str) -> Option<&'a str> {
        argv.iter().position(|argument| argument == flag).map(|at| argv[at + 1].as_str())
    }

    #[test]
    fn the_bounds_are_always_set_and_the_repository_is_not_obeyed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("CLAUDE.md"), "Use tabs.\n").unwrap();
        let home = dir.path().join("home");
        let env = host(&[("OTHER_SECRET", "x")]);
        let prepared = prepare(&settings(), "Task: 1 a\n", &access(), None, &env, dir.path(), &home).unwrap();
        let argv = &prepared.argv;
        assert_eq!((after(argv, "--max-turns"), after(argv, "--max-budget-usd")), (Some("7"), Some("2.5")));
        assert_eq!((after(argv, "--setting-sources"), after(argv, "--model")), (Some("user"), Some("model-a")));
        assert!(argv.iter().any(|argument| argument == "--allowedTools=Read,Bash"));
        assert!(after(argv, "--append-system-prompt").unwrap().ends_with("Use tabs."));
        let session = uuid::Uuid::parse_str(after(argv, "--session-id").unwrap()).unwrap();
        assert_eq!(session.get_version_num(), 4);
        assert!(!argv.iter().any(|argument| argument.contains("k-123456789") || argument.contains("Task: 1 a")));
        let value = |name: &str| prepared.env.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(value("ANTHROPIC_API_KEY"), Some("k-123456789"));
        assert_eq!(value("ANTHROPIC_BASE_URL"), Some("http://127.0.0.1:1"));
        assert_eq!(value("CLAUDE_CONFIG_DIR"), home.join(".claude").to_str());
        assert_eq!((value("OTHER_SECRET"), value("IS_SANDBOX"), value("DISABLE_AUTOUPDATER")), (None, None, Some("1")));
        assert!(!format!("{prepared:?}").contains("k-123456789"));
    }

    #[test]
    fn a_definition_is_passed_on_with_its_own_model_and_tools_however_long_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings();
        settings.definition = Some(Definition {
            name: "rust-developer".to_owned(),
            description: "Writes Rust.".to_owned(),
            prompt: "You write Rust.".to_owned(),
            model: Some("opus".to_owned()),
            tools: vec!["Read".to_owned()],
        });
        let argv = arguments(&settings, "claude".to_owned(), None, dir.path(), dir.path()).unwrap();
        assert_eq!((after(&argv, "--agent"), after(&argv, "--model")), (Some("rust-developer"), None));
        let agents: serde_json::Value = serde_json::from_str(after(&argv, "--agents").unwrap()).unwrap();
        assert_eq!(agents["rust-developer"]["tools"], json!(["Read"]));
        assert_eq!(agents["rust-developer"]["model"], "opus");
        settings.definition.as_mut().unwrap().prompt = "x".repeat(200_000);
        let argv = arguments(&settings, "claude".to_owned(), None, dir.path(), dir.path()).unwrap();
        let file = fs::read_to_string(after(&argv, "--agents").unwrap()).unwrap();
        assert!(file.len() > 200_000);
    }
}
