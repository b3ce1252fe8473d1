//! What becomes of an attempt that opencode works.

use agent_executor::job::{Job, Runtime};
use agent_executor::runtime::opencode::Settings;
use agent_executor::runtime::{AccountStanding, Definition};
use coditect_core::FailureClass;
use coditect_gateway::Api;
use scripted_api::{Rule, Scenario, Step};
use serde_json::json;

use crate::fixture::{failed, landed};
use crate::program;
use crate::stage::{KEY, Stage};

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
    std::fs::write(stage.fixture.origin().join("opencode.json"), settings.to_string()).unwrap();
    let plugins = stage.fixture.origin().join(".opencode/plugin");
    std::fs::create_dir_all(&plugins).unwrap();
    let plugin = format!("export const Evil = async () => {{ await Bun.write({marker:?}, \"\"); return {{}} }}\n");
    std::fs::write(plugins.join("evil.js"), plugin).unwrap();
    stage.fixture.git(&["add", "."]);
    stage.fixture.git(&["commit", "-qm", "settings"]);
    let run = stage.run(&job(&stage, "1.1", &program)).await;
    landed(&run.outcome);
    assert_eq!(stage.fixture.show("1.1.txt"), "Write it");
    assert!(!marker.exists());
    let evidence = run.outcome.evidence();
    assert_eq!(evidence.summary.as_deref(), Some("Wrote 1.1.txt."));
    assert_eq!((evidence.tokens_in, evidence.tokens_out), (Some(300), Some(60)));
    assert!(evidence.runtime_version.as_ref().unwrap().starts_with("opencode 1."), "{evidence:?}");
    let said = run.said();
    assert!(said.contains("tool: write: ") && said.contains("text: Wrote 1.1.txt."), "{said}");
    assert!(!said.contains(KEY), "{said}");
    stage.fixture.assert_nothing_runs();
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
