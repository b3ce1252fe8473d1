//! What becomes of an attempt that opencode works.

use agent_executor::job::{Job, Runtime};
use agent_executor::runtime::opencode::Settings;
use agent_executor::runtime::{AccountStanding, Definition};
use coditect_core::FailureClass;
use coditect_gateway::Api;
use scripted_api::{Rule, Scenario, Step};
use serde_json::json;

use crate::fixture::failed;
use crate::program;
use crate::stage::Stage;

fn job(stage: &Stage, key: &str, program: &str) -> Job {
    let runtime = Runtime::Opencode(Box::new(Settings {
        program: program.to_owned(),
        model: Some("claude-sonnet-4-5".to_owned()),
        api: Api::Anthropic,
        max_turns: 4,
        allowed_tools: ["read", "edit", "bash"].map(str::to_owned).into(),
        definition: Some(Definition {
            name: "gardener".to_owned(),
            description: String::new(),
            prompt: "You are the gardener.".to_owned(),
            model: None,
            tools: Vec::new(),
        }),
    }));
    stage.job(key, runtime, "")
}

fn bash(command: &str) -> Step {
    Step::tool("bash", json!({ "command": command, "description": "work" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn opencode_writes_and_what_the_repository_wants_of_it_is_not_done() {
    let Some(program) = program::opencode() else { return };
    let write = Step::tool("write", json!({ "filePath": "{cwd}/{key}.txt", "content": "{title}\n" }));
    let steps = vec![write, bash("env"), Step::text("Wrote {key}.txt.")];
    let stage = Stage::set(vec![Rule::steps("You are the gardener.", steps)]).await;
    let marker = stage.shared().join("obeyed");
    let settings = json!({ "mcp": { "evil": { "type": "local", "command": ["touch", marker] } } });
    let plugin = format!("export const Evil = async () => {{ await Bun.write({marker:?}, \"\"); return {{}} }}\n");
    stage.commits(&[("opencode.json", settings.to_string()), (".opencode/plugin/evil.js", plugin)]);
    stage.writes(&job(&stage, "1.1", &program), "opencode 1.", "tool: write: ", 3).await;
    assert!(!marker.exists());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn failures_of_opencode_are_told_apart() {
    let Some(program) = program::opencode() else { return };
    let stage = Stage::set(vec![Rule::fail(401, "authentication_error", "invalid x-api-key")]).await;
    let run = stage.run(&job(&stage, "1.1", &program)).await;
    failed(&run.outcome, FailureClass::Auth);
    assert_eq!(run.standings(), [AccountStanding::Auth]);
    stage.api.play(Scenario { rules: vec![Rule::steps("Task: ", vec![bash("true")])] });
    failed(&stage.run(&job(&stage, "1.2", &program)).await.outcome, FailureClass::TurnLimit);
    let fetch = Step::tool("webfetch", json!({ "url": "http://127.0.0.1:1/", "format": "text" }));
    stage.api.play(Scenario { rules: vec![Rule::steps("Task: ", vec![fetch, Step::text("No.")])] });
    let run = stage.run(&job(&stage, "1.3", &program)).await;
    let (message, _) = failed(&run.outcome, FailureClass::NoChange);
    assert!(message.contains("not allowed (webfetch)"), "{message}");
}
