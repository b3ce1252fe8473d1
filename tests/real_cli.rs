//! A whole plan worked by the real Claude Code, against a scripted API. Skipped, with a word, where the program is not
//! installed (`cargo xtask real-cli`), unless `CI=true`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;

use coditect_tests::{Project, plan, wait_until};
use scripted_api::{Rule, Scenario, Server, Step};
use serde_json::json;

#[path = "../crates/agent-executor/tests/real_cli/program.rs"]
mod program;

const KEY: &str = "sk-test-0123456789abcdef";

#[test]
fn a_plan_completes_though_a_task_meets_the_accounts_limit() {
    let Some(program) = program::claude() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let limit = Rule::fail(429, "rate_limit_error", "This would exceed your limit.").with_header("retry-after", "3600");
    let limit = Rule { contains: Some("Task: 2.1 ".to_owned()), times: Some(1), ..limit };
    let steps = vec![
        Step::tool("Write", json!({ "file_path": "{cwd}/out/{key}.txt", "content": "{title}\n" })),
        Step::text("Wrote out/{key}.txt."),
    ];
    let scenario = Scenario { rules: vec![limit, Rule::steps("Task: ", steps)] };
    let api = runtime.block_on(Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), scenario)).unwrap();

    let project = Project::new(&plan(5, "exit 1"));
    let settings = json!({
        "accounts": { "default": { "base_url": api.url(), "credential": "KEY_FOR_TESTS" } },
        "executor": { "claude": { "program": program } },
    });
    let file = project.path().join(".git/settings.json");
    std::fs::write(&file, settings.to_string()).unwrap();
    let arguments = ["--until-done", "--runtime", "claude-code", "--config", ".git/settings.json"];
    let up = project.up_with(&arguments, &[("KEY_FOR_TESTS", KEY)]);
    // The service says when its limit ends, in a header that the program keeps to itself: the gateway reads it.
    let said = |arguments: &[&str]| String::from_utf8_lossy(&project.coditect(arguments).stdout).into_owned();
    wait_until("the attempt ends with the limit", || said(&["task", "show", "2.1"]).contains("failed after"));
    let status = said(&["status"]);
    assert!(status.contains("the account default takes no attempts"), "{status}");
    assert!(status.contains("It resumes in 59 min"), "{status}");
    assert!(project.coditect(&["resume"]).status.success());
    assert_eq!(up.wait(), 0, "{:?}", api.seen());
    project.check_all_landed();
    // The limit cost the task an attempt of nothing: it came again and landed.
    assert_eq!(api.seen().iter().filter(|seen| seen.status == 429).count(), 1);
    assert_eq!(api.seen().iter().filter(|seen| seen.status == 200).count(), 2 * 5);
}
