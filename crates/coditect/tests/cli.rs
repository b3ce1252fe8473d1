//! The command line as people and programs meet it: what it prints where, and the exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs `coditect` in `folder`, away from what the caller's environment says.
fn coditect(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coditect"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CODITECT_") || text.starts_with("DATABASE_URL") || text.starts_with("REDIS_URL") {
            command.env_remove(&name);
        }
    }
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder(plan: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("PLAN.md"), plan).unwrap();
    folder
}

const PLAN: &str = "\
# Plan

## Phase 1

### Task 1.1: First
**Agent:** `smith`
**Priority:** P1
- [x] step

### Task 1.2: Second
**Dependencies:** 1.1
- [ ] step

### Task 1.3: Third
**Priority:** P0
- [ ] step

### Task 1.4: Fourth
**Dependencies:** 1.2, 1.3
- [ ] step

**Acceptance Criteria:**
- [ ] fine
";

const CYCLE: &str = "\
### Task A1: One
**Dependencies:** A2
- [ ] s

### Task A2: Two
**Dependencies:** A1
- [ ] s

### Task A3: Three
**Dependencies:** A9
- [ ] s
";

#[test]
fn a_plan_is_checked_with_the_published_json() {
    let folder = folder(PLAN);
    let output = coditect(folder.path(), &["plan", "check", "PLAN.md", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let task = &json["documents"][0]["tasks"][0];
    assert_eq!(
        (&json["documents"][0]["path"], &json["documents"][0]["format"]),
        (&"PLAN.md".into(), &"coditect".into())
    );
    assert_eq!((&task["key"], &task["status"], &task["agent"]), (&"1.1".into(), &"completed".into(), &"smith".into()));
    assert_eq!(json["diagnostics"], serde_json::json!([]));
    let summary = &json["summary"];
    let counts = ["tasks", "completed", "ready", "waiting", "cycles", "dangling"].map(|name| summary[name].as_i64());
    assert_eq!(counts, [4, 1, 2, 1, 0, 0].map(Some));
}

#[test]
fn a_cycle_and_a_dangling_reference_are_errors_with_their_place_and_cure() {
    let folder = folder(CYCLE);
    let output = coditect(folder.path(), &["plan", "check", "PLAN.md"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(text.contains("PLAN.md:6:19: error[dependency-cycle]: "), "{text}");
    assert!(text.contains("A1 → A2 → A1") || text.contains("A2 → A1 → A2"), "{text}");
    assert!(text.contains("PLAN.md:10:19: error[unknown-dependency]: "), "{text}");
    assert!(text.contains("  help: "), "{text}");
    let json = coditect(folder.path(), &["plan", "check", "PLAN.md", "--json"]);
    assert_eq!(json.status.code(), Some(1));
    let json: Value = serde_json::from_str(&out(&json)).unwrap();
    assert_eq!((&json["summary"]["cycles"], &json["summary"]["dangling"]), (&1.into(), &1.into()));
    assert_eq!(json["diagnostics"][0]["severity"], "error");
}

#[test]
fn the_graph_is_drawn_in_every_format() {
    let folder = folder(PLAN);
    for (format, begins) in [("mermaid", "flowchart"), ("dot", "digraph"), ("json", "{")] {
        let output = coditect(folder.path(), &["plan", "graph", "PLAN.md", "--format", format]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains(begins), "{format}: {}", out(&output));
    }
    let wrong = coditect(folder.path(), &["plan", "graph", "PLAN.md", "--format", "png"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn one_task_is_set_and_no_other_byte_changes() {
    let dos = format!("\u{feff}{}", PLAN.replace('\n', "\r\n"));
    let folder = folder(&dos);
    let file = folder.path().join("PLAN.md");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let output = coditect(folder.path(), &["plan", "set", "PLAN.md", "1.3", "completed"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), ""));
    let third = dos.find("### Task 1.3").unwrap();
    let (before, after) = dos.split_at(third);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{before}{}", after.replacen("[ ]", "[x]", 1)));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");

    let unknown = coditect(folder.path(), &["plan", "set", "PLAN.md", "9.9", "completed"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("`9.9`"), "{}", said(&unknown));
    let wrong = coditect(folder.path(), &["plan", "set", "PLAN.md", "1.3", "finished"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_next_tasks_come_in_the_order_of_dispatch() {
    let folder = folder(PLAN);
    let output = coditect(folder.path(), &["plan", "next", "PLAN.md", "--json"]);
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let keys: Vec<_> = json["tasks"].as_array().unwrap().iter().map(|task| task["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["1.3", "1.2"]);
}

#[test]
fn keys_of_several_documents_are_told_apart() {
    let folder = folder(PLAN);
    fs::write(folder.path().join("OTHER.md"), PLAN).unwrap();
    let output = coditect(folder.path(), &["plan", "next", "PLAN.md", "OTHER.md", "--json"]);
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let ids: Vec<_> = json["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["plan/1.3", "other/1.3", "plan/1.2", "other/1.2"]);
}

/// Three documents that wait for each other: in a folder, with what is no plan beside them.
fn tracks() -> TempDir {
    let folder = folder("# Nothing here\n");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "tracks/TRACK-A-SERVER.md",
        "# Track A\n\n- [ ] A.1 One\n  - **Estimate:** 2h\n- [ ] A.2 Two (depends on B.1)\n",
    );
    write("tracks/TRACK-B-CLIENT.md", "# Track B\n\n- [ ] B.1 One\n  - **Depends on:** TRACK-A A.1\n");
    write("tracks/deep/TRACK-C.md", "# Track C\n\n- [ ] C.1 One\n  - **Depends on:** TRACK-B complete\n");
    write("tracks/notes.md", "Nothing to do.\n");
    write("tracks/.git/x.md", "- [ ] X.1 Hidden\n");
    folder
}

#[test]
fn several_documents_are_one_graph() {
    let folder = tracks();
    let output = coditect(folder.path(), &["plan", "check", "tracks", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let documents = json["documents"].as_array().unwrap();
    let paths: Vec<_> = documents.iter().map(|document| document["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["tracks/TRACK-A-SERVER.md", "tracks/TRACK-B-CLIENT.md", "tracks/deep/TRACK-C.md"]);
    assert_eq!(documents[0]["tasks"][1]["dependencies"], json!(["tracks-track-b-client/B.1"]));
    assert_eq!(documents[2]["tasks"][0]["dependencies"], json!(["tracks-track-b-client/B.1"]));
    assert_eq!((&json["summary"]["ready"], &json["summary"]["waiting"]), (&json!(1), &json!(3)));

    let pattern = coditect(folder.path(), &["plan", "next", "tracks/*.md", "--json"]);
    let json: Value = serde_json::from_str(&out(&pattern)).unwrap();
    assert_eq!(json["tasks"].as_array().unwrap().len(), 1, "{json}");
    let none = coditect(folder.path(), &["plan", "check", "tracks/none-*.md"]);
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
}

#[test]
fn a_circle_through_two_documents_is_told_with_both_places() {
    let folder = tracks();
    fs::write(folder.path().join("tracks/deep/TRACK-C.md"), "- [ ] C.1 One (depends on A.2)\n").unwrap();
    fs::write(folder.path().join("tracks/TRACK-B-CLIENT.md"), "- [ ] B.1 One (depends on C.1)\n").unwrap();
    let output = coditect(folder.path(), &["plan", "check", "tracks"]);
    assert_eq!(output.status.code(), Some(1));
    let told = out(&output);
    assert!(told.contains("error[dependency-cycle]"), "{told}");
    for place in ["tracks/TRACK-A-SERVER.md:5:", "tracks/TRACK-B-CLIENT.md:1:", "tracks/deep/TRACK-C.md:1:"] {
        assert!(told.contains(place), "{place}: {told}");
    }
}

#[test]
fn what_so_many_slots_would_take_is_told_with_times() {
    let folder = tracks();
    let output = coditect(folder.path(), &["plan", "next", "tracks", "--slots", "2", "--json"]);
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let tasks: Vec<_> = json["tasks"].as_array().unwrap().iter().map(|t| (&t["key"], &t["start_minutes"])).collect();
    assert_eq!(tasks[..2], [(&json!("A.1"), &json!(0)), (&json!("B.1"), &json!(120))]);
    assert_eq!((tasks.len(), &json["slots"], &json["held"]), (4, &json!(2), &json!([])));
    let table = coditect(folder.path(), &["plan", "next", "tracks", "--slots", "1"]);
    assert!(out(&table).contains("2h"), "{}", out(&table));
}

#[test]
fn a_format_that_is_named_is_the_one_that_is_read() {
    let folder = folder("# Tasks\n\n- [ ] T001 One\n- [ ] T002 Two\n");
    let format = |name: &str| {
        let output = coditect(folder.path(), &["plan", "check", "PLAN.md", "--format", name, "--json"]);
        serde_json::from_str::<Value>(&out(&output)).unwrap()["documents"][0]["format"].clone()
    };
    assert_eq!((format("github"), format("spec-kit")), (json!("github"), json!("spec-kit")));
    let wrong = coditect(folder.path(), &["plan", "check", "PLAN.md", "--format", "markdown"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_missing_file_is_wrong_usage_and_text_that_is_none_is_wrong() {
    let folder = folder(PLAN);
    let missing = coditect(folder.path(), &["plan", "check", "NOPE.md"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(said(&missing).contains("NOPE.md") && said(&missing).contains("help:"), "{}", said(&missing));
    assert_eq!(out(&missing), "");
    fs::write(folder.path().join("bytes.md"), b"# Plan\n\xff").unwrap();
    let bytes = coditect(folder.path(), &["plan", "check", "bytes.md"]);
    assert_eq!(bytes.status.code(), Some(1));
    assert!(said(&bytes).contains("line 2, column 1"), "{}", said(&bytes));
}

#[test]
fn init_writes_what_the_other_commands_accept_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(coditect(folder.path(), &["init"]).status.code(), Some(0));
    let check = coditect(folder.path(), &["config", "check"]);
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    let plan = coditect(folder.path(), &["plan", "check", "PLAN.md", "--json"]);
    assert_eq!(plan.status.code(), Some(0), "{}", out(&plan));
    let json: Value = serde_json::from_str(&out(&plan)).unwrap();
    assert_eq!(json["diagnostics"], serde_json::json!([]));
    fs::write(folder.path().join("PLAN.md"), "mine").unwrap();
    let again = coditect(folder.path(), &["init"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(fs::read_to_string(folder.path().join("PLAN.md")).unwrap(), "mine");
}

#[test]
fn a_configuration_is_checked_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        fs::write(folder.path().join("c.json"), text).unwrap();
        coditect(folder.path(), &["config", "check", "c.json"])
    };
    assert_eq!(check("{}").status.code(), Some(0));
    let wrong = check(r#"{"executor":{"slots":0}}"#);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(said(&wrong).contains("executor.slots"), "{}", said(&wrong));
    let malformed = check("{\n,");
    assert_eq!(malformed.status.code(), Some(1));
    assert!(said(&malformed).contains("c.json:2:1"), "{}", said(&malformed));
    assert_eq!(coditect(folder.path(), &["config", "check", "none.json"]).status.code(), Some(2));
    let schema: Value = serde_json::from_str(&out(&coditect(folder.path(), &["config", "schema"]))).unwrap();
    assert!(schema["properties"]["executor"].is_object());
    let shown: Value = serde_json::from_str(&out(&coditect(folder.path(), &["config", "show"]))).unwrap();
    assert_eq!(shown["executor"]["slots"], 5);
}

#[test]
fn without_a_running_system_the_exit_code_is_3_and_the_cure_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["status"][..], &["task", "list"], &["runs"], &["logs", "1.1"], &["pause"], &["queue"]] {
        let output = coditect(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("coditect up"), "{}", said(&output));
        assert_eq!(out(&output), "");
    }
    let nobody = coditect(folder.path(), &["status", "--endpoint", "http://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(3), "{}", said(&nobody));
    let unknown = coditect(folder.path(), &["task", "list", "--state", "blocked"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_database_is_migrated_and_one_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = |url: &str| coditect(folder.path(), &["migrate", "--database", url]);
    for _ in 0..2 {
        let output = migrate("sqlite://data/x.db");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    assert_eq!(migrate("mysql://x").status.code(), Some(2));
    let unreachable = migrate("postgres://me:hunter2@127.0.0.1:1/x");
    assert_eq!(unreachable.status.code(), Some(3));
    assert!(!said(&unreachable).contains("hunter2"), "{}", said(&unreachable));
}

#[test]
fn every_shell_has_completions_and_wrong_usage_is_2() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = coditect(folder.path(), &["completions", shell]);
        assert!(output.status.success() && out(&output).contains("until-done"), "{shell}");
    }
    assert_eq!(coditect(folder.path(), &["stauts"]).status.code(), Some(2));
    assert_eq!(coditect(folder.path(), &["--help"]).status.code(), Some(0));
}

#[test]
fn what_is_guarded_ends_with_standard_input_and_its_exit_code_is_passed_on() {
    let guard = |script: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coditect"));
        command.args(["guard", "--", "sh", "-c", script]).stdin(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let mut short = guard("exit 7");
    // Taken out: waiting for a child closes its input.
    let _input = short.stdin.take();
    assert_eq!(short.wait().unwrap().code(), Some(7));
    let mut long = guard("exec sleep 600");
    drop(long.stdin.take());
    assert_eq!(long.wait().unwrap().code(), Some(128 + 15));
}

const SMITH: &str = "---\nname: smith\ndescription: Forges iron hinges and locks.\n---\nYou forge.\n";
const SCRIBE: &str = "---\nname: scribe\ndescription: Writes the manual: chapters and indexes.\n---\nYou write.\n";

/// A project with two definitions and this configuration.
fn project(config: &str) -> TempDir {
    let folder = folder(PLAN);
    fs::create_dir_all(folder.path().join("agents")).unwrap();
    fs::create_dir_all(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("agents/smith.md"), SMITH).unwrap();
    fs::write(folder.path().join("agents/scribe.md"), SCRIBE).unwrap();
    fs::write(folder.path().join("config/orchestrator-config.json"), config).unwrap();
    folder
}

#[test]
fn definitions_are_listed_from_the_configured_folders_or_the_named_ones() {
    let folder = project(r#"{"agents": {"directories": ["agents"]}}"#);
    let output = coditect(folder.path(), &["agents", "list", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let names: Vec<_> = json["agents"].as_array().unwrap().iter().map(|agent| agent["name"].clone()).collect();
    assert_eq!(names, ["scribe", "smith"]);
    let output = coditect(folder.path(), &["agents", "list", "--agents", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("nowhere") && said(&output).contains("help: "), "{}", said(&output));
}

#[test]
fn a_refused_definition_and_a_rule_for_nobody_fail_the_check_and_oddities_do_not() {
    let folder = project(r#"{"agents": {"directories": ["agents"], "mappings": {"blacksmith": "smith"}}}"#);
    let output = coditect(folder.path(), &["agents", "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(out(&output).contains("agents/scribe.md:3: warning: "), "{}", out(&output));
    assert!(out(&output).ends_with("2 agents, 1 warning\n"), "{}", out(&output));

    fs::write(folder.path().join("agents/empty.md"), "").unwrap();
    let output = coditect(folder.path(), &["agents", "check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("agents/empty.md: error: the file is empty"), "{}", out(&output));

    let folder = project(r#"{"agents": {"directories": ["agents"], "rules": [{"agent": "cook", "words": ["soup"]}]}}"#);
    let output = coditect(folder.path(), &["agents", "check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&json["summary"]["unknown"], &json["summary"]["refused"]), (&1.into(), &0.into()));
    assert!(out(&output).contains("`agents.rules.0.agent` names the agent `cook`"), "{}", out(&output));
}

#[test]
fn tasks_are_matched_with_the_published_json() {
    let folder = project(r#"{"agents": {"directories": ["agents"]}, "dispatch": {"default_agent": "anyone"}}"#);
    let output = coditect(folder.path(), &["agents", "match", "--plan", "PLAN.md", "--top", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let (first, last) = (&json["tasks"][0], &json["tasks"][3]);
    assert_eq!(
        (&first["key"], &first["declared"], &first["chosen"]),
        (&"1.1".into(), &"smith".into(), &"smith".into())
    );
    assert_eq!((&first["confidence"], &first["because"][0]), (&1.0.into(), &"the task asks for it".into()));
    assert_eq!(first["ranking"][0], serde_json::json!({ "agent": "smith", "score": 1.0 }));
    assert_eq!((&last["declared"], &last["chosen"]), (&Value::Null, &"anyone".into()));
    assert!(json["accuracy"].is_null());

    let output = coditect(folder.path(), &["agents", "match", "--plan", "PLAN.md", "--ignore-declared", "--json"]);
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(json["tasks"][0]["chosen"], "anyone", "its own wish is no hint");
    assert_eq!(json["accuracy"], serde_json::json!({ "declared": 1, "first": 0, "among_three": 0 }));
}

#[test]
fn a_task_in_words_is_matched_with_reasons() {
    let folder = project("{}");
    let output = coditect(folder.path(), &["agents", "match", "--agents", "agents", "Forge new hinges"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(out(&output).starts_with("smith (confidence 0."), "{}", out(&output));
    assert!(out(&output).contains("  because the words "), "{}", out(&output));
    assert_eq!(coditect(folder.path(), &["agents", "match"]).status.code(), Some(2));
}

#[test]
fn where_nothing_runs_the_help_names_the_service_that_is_asked() {
    let folder = folder(PLAN);
    let asked = [
        (["conflicts", "list"], "CODITECT_SYNC_DAEMON"),
        (["task", "list"], "CODITECT_ORCHESTRATOR"),
        (["queue", "--json"], "REDIS_URL"),
    ];
    for (arguments, variable) in asked {
        let output = coditect(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(3));
        assert!(said(&output).contains(variable), "{}", said(&output));
    }
}

#[test]
fn a_status_that_a_task_has_is_told_from_one_that_its_document_has_no_place_for() {
    let folder = folder(PLAN);
    let set = |task: &str, status: &str| said(&coditect(folder.path(), &["plan", "set", "PLAN.md", task, status]));
    assert!(set("1.1", "completed").contains("`1.1` is completed already"));
    assert!(set("1.2", "in_progress").contains("`1.2` has no place to say in_progress"));
    assert_eq!(fs::read_to_string(folder.path().join("PLAN.md")).unwrap(), PLAN);
}
