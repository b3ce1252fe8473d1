//! What the configuration is read from, and what is refused with which words.
#![allow(clippy::unwrap_used, reason = "a fixture that fails is a test that fails")]

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use coditect_core::RetryPolicy;
use coditect_service::{
    Config, ServiceName,
    config::{ConfigError, Environment, LogFormat, PlanPath, PlanSource, Runtime, variable},
};
use tempfile::TempDir;

/// A configuration file in a folder of its own.
struct File {
    _folder: TempDir,
    path: PathBuf,
}

fn file(content: &str) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    fs::write(&path, content).unwrap();
    File { _folder: folder, path }
}

fn load(content: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load_from(Some(&file(content).path), &environment.iter().copied().collect())
}

/// The refusal, with the file's name in place of its path.
fn refusal(content: &str, environment: &[(&str, &str)]) -> String {
    let file = file(content);
    let error = Config::load_from(Some(&file.path), &environment.iter().copied().collect()).unwrap_err();
    error.to_string().replace(&file.path.display().to_string(), "FILE")
}

#[test]
fn nothing_set_means_the_defaults() {
    let config = load("{}", &[]).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(RetryPolicy::try_from(&config.retry), Ok(RetryPolicy::default()));
    assert_eq!(config.executor.heartbeat(), Duration::from_secs(5));
}

#[test]
fn the_environment_overrides_the_file_and_urls_override_both() {
    let config = load(
        r#"{"$schema": "x", "executor": {"slots": 2, "runtime": "command", "command": ["agent"]}, "redis": {"url": "redis://file"}}"#,
        &[
            ("CODITECT_EXECUTOR__SLOTS", "3"),
            ("CODITECT_REDIS__URL", "redis://section"),
            ("REDIS_URL", "redis://url"),
            ("DATABASE_URL", ""),
            ("CODITECT_TASK_ID", "not a setting"),
        ],
    )
    .unwrap();
    assert_eq!((config.executor.slots, config.executor.runtime), (3, Runtime::Command));
    assert_eq!(config.redis.url.expose(), "redis://url");
    assert_eq!(config.database, Config::default().database, "empty is unset");
}

#[test]
fn variables_are_read_as_the_kind_of_their_setting() {
    let config = load(
        "{}",
        &[
            ("CODITECT_PROJECT__NAME", "2024"),
            ("CODITECT_PLAN__PATHS", "PLAN.md, docs/plan.md"),
            ("CODITECT_VERIFY__COMMANDS", r#"["cargo test", "test 1, 2"]"#),
            ("CODITECT_AGENTS__MAPPINGS", r#"{"Backend": "backend-engineer"}"#),
            ("CODITECT_AGENTS__RULES", r#"[{"agent": "smith", "words": ["iron"], "section": "Forge"}]"#),
            ("CODITECT_EXECUTOR__SCRIPT", "true"),
            ("CODITECT_RETRY__FACTOR", "3"),
            ("CODITECT_LISTEN__GRPC__SYNC_DAEMON", "[::1]:9000"),
            ("CODITECT_LOG__FORMAT", "json"),
        ],
    )
    .unwrap();
    assert_eq!(config.project.name, "2024");
    assert_eq!(config.plan.paths, ["PLAN.md", "docs/plan.md"].map(PlanPath::from));
    assert_eq!(config.verify.commands, ["cargo test", "test 1, 2"]);
    assert_eq!(config.agents.mappings["Backend"], "backend-engineer");
    let rules = config.agents.rules("any").rules;
    assert_eq!((rules[0].agent.as_str(), rules[0].section.as_deref()), ("smith", Some("Forge")));
    assert_eq!(config.executor.script.as_deref(), Some("true"));
    assert!((config.retry.factor - 3.0).abs() < f64::EPSILON);
    let address = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9000));
    assert_eq!(config.grpc_address(ServiceName::SyncDaemon), (address, "listen.grpc.sync_daemon".into()));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn every_address_has_a_variable_that_sets_it() {
    for service in ServiceName::ALL {
        for address in [Config::grpc_address, Config::admin_address] {
            let (_, key) = address(&Config::default(), service);
            let config = load("{}", &[(&variable(&key), "127.0.0.1:9")]).unwrap();
            assert_eq!(address(&config, service).0, SocketAddr::from(([127, 0, 0, 1], 9)), "{key}");
        }
    }
}

#[test]
fn an_unknown_setting_is_refused_with_the_known_ones() {
    assert_eq!(
        refusal(r#"{"retry": {"max_attemps": 3}}"#, &[]),
        "a setting is refused: `retry.max_attemps` in FILE: there is no such setting; there are: max_attempts, \
         base_ms, factor, cap_ms"
    );
    assert_eq!(
        refusal("{}", &[("CODITECT_RETRY__MAX", "3")]),
        "a setting is refused: `retry.max` in CODITECT_RETRY__MAX: there is no such setting; there are: max_attempts, \
         base_ms, factor, cap_ms"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_value_expectation_and_origin() {
    for (content, environment, expected) in [
        (
            r#"{"executor": {"slots": "many"}}"#,
            ("X", ""),
            r#"`executor.slots` is "many" in FILE: expected a whole number from 0 to 4294967295"#,
        ),
        (
            "{}",
            ("CODITECT_EXECUTOR__SLOTS", "-1"),
            "`executor.slots` is -1 in CODITECT_EXECUTOR__SLOTS: expected a whole number from 0 to 4294967295",
        ),
        (
            "{}",
            ("CODITECT_LISTEN__HTTP", "localhost"),
            r#"`listen.http` is "localhost" in CODITECT_LISTEN__HTTP: expected an IP address and a port, like 127.0.0.1:8080"#,
        ),
        (
            r#"{"executor": {"runtime": "magic"}}"#,
            ("X", ""),
            r#"`executor.runtime` is "magic" in FILE: expected one of: script, command, claude-code, codex, gemini, opencode"#,
        ),
        (r#"{"plan": {"paths": "PLAN.md"}}"#, ("X", ""), r#"`plan.paths` is "PLAN.md" in FILE: expected a list"#),
        (
            r#"{"plan": {"paths": [7]}}"#,
            ("X", ""),
            "`plan.paths.0` is 7 in FILE: expected text, or an object with `path` and `format`",
        ),
        (
            r#"{"plan": {"debounce_ms": -1}}"#,
            ("X", ""),
            "`plan.debounce_ms` is -1 in FILE: expected a whole number, not negative",
        ),
        (
            r#"{"listen": {"http": 8080}}"#,
            ("X", ""),
            "`listen.http` is 8080 in FILE: expected an IP address and a port, like 127.0.0.1:8080",
        ),
        (r#"{"retry": {"factor": "x"}}"#, ("X", ""), r#"`retry.factor` is "x" in FILE: expected a number"#),
        (r#"{"agents": {"mappings": "x"}}"#, ("X", ""), r#"`agents.mappings` is "x" in FILE: expected an object"#),
        (r#"{"agents": {"rules": {}}}"#, ("X", ""), "`agents.rules` is {} in FILE: expected a list"),
        (
            r#"{"agents": {"rules": [{"agent": "smith", "words": "iron"}]}}"#,
            ("X", ""),
            r#"`agents.rules.0.words` is "iron" in FILE: expected a list"#,
        ),
        (
            r#"{"agents": {"rules": [{"agent": "smith", "words": ["iron", " "]}]}}"#,
            ("X", ""),
            r#"`agents.rules.0.words.1` is " " in FILE: expected some text"#,
        ),
        (
            r#"{"agents": {"rules": [{"agent": "smith"}]}}"#,
            ("X", ""),
            "`agents.rules.0.words` is [] in FILE: expected a word, or a `section`: a rule without either would fit no task",
        ),
        (r#"{"retry": 3}"#, ("X", ""), "`retry` is 3 in FILE: expected an object"),
    ] {
        assert_eq!(refusal(content, &[environment]), format!("a setting is refused: {expected}"));
    }
}

#[test]
fn every_value_out_of_range_is_named_at_once() {
    assert_eq!(
        refusal(
            r#"{"executor": {"slots": 0, "lease_ms": 2000, "runtime": "command"}, "project": {"name": "My Project"}}"#,
            &[("CODITECT_RETRY__FACTOR", "0.5"), ("CODITECT_REPOSITORY__TARGET_BRANCH", "a..b")]
        ),
        "6 settings are refused:\
         \n  `executor.lease_ms` is 2000 in FILE: expected at least 3000\
         \n  `executor.slots` is 0 in FILE: expected at least 1\
         \n  `retry.factor` is 0.5 in CODITECT_RETRY__FACTOR: expected at least 1.0\
         \n  `project.name` is \"My Project\" in FILE: expected 1 to 64 lower-case letters, digits and hyphens\
         \n  `repository.target_branch` is \"a..b\" in CODITECT_REPOSITORY__TARGET_BRANCH: expected the name of a git \
         branch, like coditect/integration\
         \n  `executor.command` is [] in the defaults: expected a program, because `executor.runtime` is \"command\""
    );
}

#[test]
fn settings_that_do_not_fit_together_are_refused() {
    assert_eq!(
        refusal(r#"{"retry": {"base_ms": 5000, "cap_ms": 1000}}"#, &[]),
        "a setting is refused: `retry.base_ms` is 5000 in FILE: expected at most `retry.cap_ms`, which is 1000"
    );
}

#[test]
fn a_malformed_file_is_refused_with_line_column_and_cure() {
    assert_eq!(
        refusal("{\n  \"retry\": {,}\n}", &[]),
        "FILE:2:13: this is not a JSON object: key must be a string. Mend the line; `coditect config check FILE` checks \
         the file"
    );
}

#[test]
fn a_named_file_that_is_not_there_is_refused() {
    let error = Config::load_from(Some("no/such.json".as_ref()), &Environment::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the configuration file no/such.json; name one that can be read with --config FILE"
    );
}

#[test]
fn a_secret_comes_from_a_file_and_shows_in_no_form() {
    let secret = file("postgres://me:hunter2@db/coditect\n");
    let path = secret.path.display().to_string();
    let config = load("{}", &[("DATABASE_URL_FILE", &path)]).unwrap();
    assert_eq!(config.database.url.expose(), "postgres://me:hunter2@db/coditect");
    assert!(!format!("{config:?} {}", serde_json::to_string(&config).unwrap()).contains("hunter2"));
    assert_eq!(
        refusal("{}", &[("DATABASE_URL_FILE", &path), ("DATABASE_URL", "postgres://me:hunter2@db/x")]),
        "DATABASE_URL and DATABASE_URL_FILE are both set: unset one of them"
    );
}

#[test]
fn the_plans_source_and_branch_are_set_and_its_secret_comes_from_the_environment_alone() {
    let given = r#"{ "plan": { "source": "git", "branch": "plans/a", "poll_interval_ms": 500 } }"#;
    let config = load(given, &[("CODITECT_PLAN_WEBHOOK_SECRET", "hunter2-hunter2-")]).unwrap();
    assert_eq!((config.plan.source, config.plan.poll_interval()), (PlanSource::Git, Duration::from_millis(500)));
    assert!(!format!("{config:?}{}", serde_json::to_string(&config).unwrap()).contains("hunter2"));
    let refused = refusal(r#"{ "plan": { "webhook_secret": "hunter2-hunter2-" } }"#, &[]);
    assert!(refused.contains("CODITECT_PLAN_WEBHOOK_SECRET_FILE") && !refused.contains("hunter2"), "{refused}");
    let refused = refusal("{}", &[("CODITECT_PLAN_WEBHOOK_SECRET", "hunter2")]);
    assert!(refused.contains("at least 16 characters") && !refused.contains("hunter2"), "{refused}");
    assert!(refusal(r#"{ "plan": { "branch": "a..b" } }"#, &[]).contains("the name of a git branch"));
    assert!(refusal(r#"{ "plan": { "source": "svn" } }"#, &[]).contains("working-tree"));
}

#[test]
fn a_refused_secret_is_not_echoed() {
    for (content, environment) in [
        (r#"{"database": {"url": "postgres://me:hunter2@db/x"}}"#, ("X", "")),
        (r#"{"redis": "redis://:hunter2@db"}"#, ("X", "")),
        (r#"{"redis": {"url": {"hunter2": 1}}}"#, ("X", "")),
        (r#"{"redis": {"url": ["hunter2"]}}"#, ("X", "")),
        (r#""redis://:hunter2@db""#, ("X", "")),
        ("{}", ("DATABASE_URL", "mysql://me:hunter2@db/x")),
        ("{}", ("REDIS_URL", "hunter2")),
        ("{}", ("CODITECT_REDIS__URL__HUNTER2", "hunter2")),
    ] {
        let file = file(content);
        let error = Config::load_from(Some(&file.path), &[environment].into_iter().collect()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2") || environment.0.ends_with("HUNTER2"), "{shown}");
    }
    assert_eq!(
        refusal(r#"{"database": {"url": "postgres://me:hunter2@db/x"}}"#, &[]),
        "a setting is refused: `database.url` in FILE: a password belongs into DATABASE_URL, or into a file that \
         DATABASE_URL_FILE names"
    );
}

#[test]
fn the_schema_describes_every_setting() {
    fn check(schema: &serde_json::Value, path: &str) {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            assert!(schema["description"].is_string(), "{path} has no description");
            check(schema, &path);
        }
    }
    check(&Config::schema(), "");
}
