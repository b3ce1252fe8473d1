//! Bad input: a clear message with the cure, the right exit code, nothing lost.

use std::process::Output;

use coditect_tests::{Project, plan, wait_until};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_missing_plan_is_named() {
    let project = Project::new(&plan(4, "true"));
    let output = project.coditect(&["up", "--plan", "NOPE.md", "--http", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("NOPE.md"), "{}", said(&output));
}

#[test]
fn a_config_that_cannot_be_read_is_refused_with_its_place() {
    let project = Project::new(&plan(4, "true"));
    std::fs::write(project.path().join("bad.json"), "{\n  \"executor\": {,\n").unwrap();
    let output = project.coditect(&["up", "--config", "bad.json", "--http", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("bad.json:2"), "{}", said(&output));
}

#[test]
fn a_port_in_use_is_refused_with_the_flag_that_changes_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let project = Project::new(&plan(4, "true"));
    let output = project.coditect(&["up", "--plan", "PLAN.md", "--http", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--http"), "{}", said(&output));
}

#[test]
fn a_folder_that_is_no_repository_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(coditect_tests::binary("coditect"))
        .args(["up"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("git init"), "{}", said(&output));
}

#[test]
fn whatever_is_wrong_with_dependencies_holds_only_its_own_tasks_and_is_told() {
    let mut text = plan(4, "true");
    let task = |id: &str, on: &str| {
        let on = if on.is_empty() { String::new() } else { format!("**Dependencies:** {on}\n") };
        format!("\n### Task {id}: Of {id}\n**Agent:** `builder`\n{on}\n- [ ] Step\n")
    };
    for (id, on) in [("9.1", "Task 9.2"), ("9.2", "Task 9.1"), ("9.3", "Task 7.77"), ("9.4", "Task 9.4")] {
        text.push_str(&task(id, on));
    }
    for (part, id, on) in [("A", "9.5", ""), ("B", "9.5", ""), ("C", "9.6", "Task 9.5")] {
        text.push_str(&format!("\n## Part {part}\n{}", task(id, on)));
    }
    let project = Project::new(&text);
    let up = project.up(&["--until-done", "--script", "touch \"of-$CODITECT_TASK_KEY\""]);
    wait_until("the rest has landed", || project.landed().len() == 6);
    let log = project.path().join(".git/up.log");
    let code = up.wait();
    let said = std::fs::read_to_string(log).unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("7.77") && said.contains("9.1 → 9.2"), "{said}");
    assert_eq!(project.landed().len(), 6);
    let check = project.coditect(&["plan", "check", "PLAN.md"]);
    let found = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(1));
    for code in ["dependency-cycle", "unknown-dependency", "self-dependency", "ambiguous-dependency"] {
        assert!(found.contains(&format!("error[{code}]")), "{code}: {found}");
    }
}

#[test]
fn a_second_up_in_one_project_is_refused() {
    let project = Project::new(&plan(4, "sleep 30"));
    let first = project.up(&[]);
    first.pid("agent-executor");
    let output = project.coditect(&["up", "--plan", "PLAN.md", "--http", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("already"), "{}", said(&output));
}

#[test]
fn nothing_outlives_a_killed_up() {
    let project = Project::new(&plan(4, "sleep 30"));
    let mut first = project.up(&[]);
    let names =
        ["orchestrator", "sync-daemon", "dependency-resolver", "task-dispatcher", "agent-executor", "redis-server"];
    let pids = names.map(|name| first.pid(name));
    first.child.kill().unwrap();
    wait_until("all of it is gone", || {
        pids.iter().all(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        })
    });
}
