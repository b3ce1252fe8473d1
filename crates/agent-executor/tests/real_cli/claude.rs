//! What becomes of an attempt that Claude Code works.

use std::time::{Duration, Instant};

use agent_executor::job::{Job, Outcome, Resume, Runtime};
use agent_executor::runtime::AccountStanding;
use agent_executor::runtime::claude::{Definition, Settings};
use coditect_core::FailureClass;
use scripted_api::{Fault, Rule, Scenario, Step};
use serde_json::json;

use crate::fixture::{eventually, failed, landed, pid_in};
use crate::program;
use crate::stage::{KEY, Stage};

/// A stage, and Claude Code.
struct Claude {
    stage: Stage,
    program: String,
}

impl std::ops::Deref for Claude {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl std::ops::DerefMut for Claude {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Claude {
    /// None where the program is not installed.
    async fn set(rules: Vec<Rule>) -> Option<Self> {
        let program = program::claude()?;
        Some(Self { stage: Stage::set(rules).await, program })
    }

    fn job(&self, key: &str) -> Job {
        let runtime = Runtime::Claude(Box::new(Settings {
            program: self.program.clone(),
            model: None,
            max_turns: 10,
            max_cost_usd: "1".to_owned(),
            permission_mode: "dontAsk".to_owned(),
            allowed_tools: ["Read", "Edit", "Write", "Bash"].map(str::to_owned).into(),
            definition: None,
        }));
        self.stage.job(key, runtime, "")
    }
}

fn writes() -> Vec<Step> {
    vec![
        Step::tool("Write", json!({ "file_path": "{cwd}/{key}.txt", "content": "{title}\n" })),
        Step::text("Wrote {key}.txt."),
    ]
}

fn edit(job: &mut Job, change: impl FnOnce(&mut Settings)) {
    match &mut job.runtime {
        Runtime::Claude(settings) => change(settings),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_written_verified_and_landed_and_nothing_of_the_run_is_left() {
    let mut steps = writes();
    let hidden =
        "setsid tail -f /dev/null > /dev/null 2>&1 & echo $! > pid.txt; env; cat /proc/$PPID/environ | tr '\\0' '\\n'";
    steps.insert(1, Step::tool("Bash", json!({ "command": hidden, "description": "look" })));
    let Some(stage) = Claude::set(vec![Rule::steps("Task: 1.1 ", steps)]).await else { return };
    // A repository cannot make the program run what it likes.
    let hook =
        json!({ "hooks": { "SessionStart": [{ "hooks": [{ "type": "command", "command": "touch hooked" }] }] } });
    let origin = stage.fixture.origin();
    std::fs::create_dir(origin.join(".claude")).unwrap();
    std::fs::write(origin.join(".claude/settings.json"), hook.to_string()).unwrap();
    stage.fixture.git(&["add", "."]);
    stage.fixture.git(&["commit", "-qm", "hooks"]);

    let mut job = stage.job("1.1");
    job.verify =
        vec!["grep -qx 'Write it' 1.1.txt; test ! -e hooked; ! env | grep -e KEY_OF_MAIN -e ANTHROPIC".to_owned()];
    let run = stage.run(&job).await;
    landed(&run.outcome);
    let evidence = run.outcome.evidence();
    assert_eq!(stage.fixture.show("1.1.txt"), "Write it");
    assert_eq!(evidence.summary.as_deref(), Some("Wrote 1.1.txt."));
    assert_eq!((evidence.tokens_in, evidence.tokens_out), (Some(300), Some(60)));
    assert!(evidence.cost_usd.unwrap() > 0.0);
    assert!(evidence.runtime_version.as_ref().unwrap().starts_with("claude-code 2."), "{evidence:?}");
    assert!(evidence.notes.iter().any(|note| note.contains("left 1 processes running")), "{evidence:?}");

    let said = run.said();
    for line in ["tool: Write: ", "tool: Bash: setsid", "text: Wrote 1.1.txt.", "cost: $"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let kept = format!("{said}{:?}", run.outcome);
    assert!(!kept.contains(KEY) && !kept.contains("not-for-agents"), "{kept}");
    stage.fixture.assert_nothing_runs();
    assert!(run.accounts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn definition_and_instructions_of_the_repository_reach_the_model() {
    let with = |text: &str| Rule::steps(text, writes());
    let Some(stage) = Claude::set(vec![with("Always be brief, says the house.")]).await else { return };
    std::fs::write(stage.fixture.origin().join("CLAUDE.md"), "Always be brief, says the house.\n").unwrap();
    stage.fixture.git(&["add", "."]);
    stage.fixture.git(&["commit", "-qm", "instructions"]);
    landed(&stage.run(&stage.job("1.1")).await.outcome);

    for (key, prompt) in [("1.2", "You are the gardener.".to_owned()), ("1.3", "You are the gardener. ".repeat(8_000))]
    {
        let mut job = stage.job(key);
        edit(&mut job, |settings| {
            let (name, description) = ("gardener".to_owned(), "Gardens.".to_owned());
            let tools = vec!["Write".to_owned()];
            settings.definition = Some(Definition { name, description, prompt, model: None, tools });
        });
        stage.api.play(Scenario { rules: vec![with("You are the gardener.")] });
        landed(&stage.run(&job).await.outcome);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_limit_without_a_known_end_is_the_accounts_and_the_task_works_later() {
    let limit = Rule::fail(429, "rate_limit_error", "This would exceed your limit.").with_header("retry-after", "3600");
    let rules = vec![Rule { times: Some(1), ..limit }, Rule::steps("Task: 1.1 ", writes())];
    let Some(stage) = Claude::set(rules).await else { return };
    let job = stage.job("1.1");
    let run = stage.run(&job).await;
    failed(&run.outcome, FailureClass::RateLimited);
    assert_eq!(run.standings(), [AccountStanding::RateLimited]);
    let again = stage.run(&stage.job("1.1")).await;
    landed(&again.outcome);
    assert!(again.accounts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_limit_of_a_subscription_says_when_it_ends() {
    let limit = Rule::fail(429, "rate_limit_error", "Used up.")
        .with_header("anthropic-ratelimit-unified-status", "rejected")
        .with_header("anthropic-ratelimit-unified-reset", "1999999999")
        .with_header("anthropic-ratelimit-unified-representative-claim", "five_hour")
        .with_header("x-should-retry", "false");
    let Some(mut stage) = Claude::set(vec![limit]).await else { return };
    stage.credential = "sk-ant-oat01-0123456789abcdef".to_owned();
    let mut job = stage.job("1.1");
    job.account.as_mut().unwrap().pass_to_agent = true;
    let run = stage.run(&job).await;
    failed(&run.outcome, FailureClass::RateLimited);
    let Outcome::Failed { reset_at_ms, .. } = &run.outcome else { panic!("landed") };
    assert_eq!(*reset_at_ms, Some(1_999_999_999_000));
    assert_eq!(run.accounts[0].reset_at_ms, *reset_at_ms);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_refused_credential_ends_the_run_at_once() {
    let rules = vec![
        Rule { credential: Some(KEY.to_owned()), ..Rule::fail(401, "authentication_error", "invalid x-api-key") },
        Rule::steps("Task: ", writes()),
    ];
    let Some(mut stage) = Claude::set(rules).await else { return };
    let began = Instant::now();
    let run = stage.run(&stage.job("1.1")).await;
    let (message, _) = failed(&run.outcome, FailureClass::Auth);
    assert!(message.contains("authentication_failed"), "{message}");
    assert_eq!(run.standings(), [AccountStanding::Auth]);
    // Left alone, it goes on for three minutes.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(stage.api.seen().len() <= 3, "{:?}", stage.api.seen());
    stage.credential = "sk-test-another-0123456789".to_owned();
    landed(&stage.run(&stage.job("1.1")).await.outcome);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_run_beyond_its_time_is_killed_with_what_its_tools_started() {
    let Some(stage) = Claude::set(Vec::new()).await else { return };
    let file = stage.fixture.shared("pid");
    let command = format!("echo $$ > {}; tail -f /dev/null", file.display());
    let steps = vec![Step::tool("Bash", json!({ "command": command, "description": "wait" }))];
    stage.api.play(Scenario { rules: vec![Rule::steps("Task: ", steps)] });
    let mut job = stage.job("1.1");
    job.limits.wall = Duration::from_secs(6);
    let run = stage.run(&job).await;
    failed(&run.outcome, FailureClass::Timeout);
    assert!(run.outcome.evidence().tokens_in.is_some_and(|tokens| tokens > 0), "{:?}", run.outcome);
    pid_in(&file);
    eventually("the tool is dead", || stage.fixture.running().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn turns_and_money_are_bounded_and_wrong_settings_are_told() {
    let steps = vec![Step::tool("Bash", json!({ "command": "true", "description": "nothing" }))];
    let Some(stage) = Claude::set(vec![Rule::steps("Task: ", steps)]).await else { return };
    let mut job = stage.job("1.1");
    edit(&mut job, |settings| settings.max_turns = 2);
    failed(&stage.run(&job).await.outcome, FailureClass::TurnLimit);
    let mut job = stage.job("1.2");
    edit(&mut job, |settings| settings.max_cost_usd = "0.001".to_owned());
    failed(&stage.run(&job).await.outcome, FailureClass::BudgetExceeded);
    let mut job = stage.job("1.3");
    edit(&mut job, |settings| settings.permission_mode = "magic".to_owned());
    let run = stage.run(&job).await;
    let (message, _) = failed(&run.outcome, FailureClass::Config);
    assert!(message.contains("magic"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_tool_that_is_not_allowed_explains_why_nothing_changed() {
    let Some(stage) = Claude::set(vec![Rule::steps("Task: ", writes())]).await else { return };
    let mut job = stage.job("1.1");
    edit(&mut job, |settings| settings.allowed_tools = vec!["Read".to_owned()]);
    let run = stage.run(&job).await;
    let (message, _) = failed(&run.outcome, FailureClass::NoChange);
    assert!(message.contains("not allowed (Write)"), "{message}");
    assert!(run.said().contains("denied: Write: "), "{}", run.said());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_short_limit_is_waited_out() {
    let limit = Rule::fail(429, "rate_limit_error", "Slow down.").with_header("retry-after", "1").times(2);
    let Some(stage) = Claude::set(vec![limit, Rule::steps("Task: ", writes())]).await else { return };
    let run = stage.run(&stage.job("1.1")).await;
    landed(&run.outcome);
    assert!(run.said().contains("retry: rate_limit (status 429), try 1 of"), "{}", run.said());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn an_overloaded_service_is_given_up_and_costs_the_task_nothing() {
    let Some(stage) = Claude::set(vec![Rule::fail(529, "overloaded_error", "Overloaded")]).await else { return };
    let run = stage.run(&stage.job("1.1")).await;
    failed(&run.outcome, FailureClass::Overloaded);
    assert!(run.standings().is_empty(), "{:?}", run.accounts);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn an_unpaid_bill_is_the_accounts_matter() {
    let message = "Your credit balance is too low to access the API. Please go to Plans & Billing to upgrade.";
    let Some(stage) = Claude::set(vec![Rule::fail(400, "invalid_request_error", message)]).await else { return };
    let run = stage.run(&stage.job("1.1")).await;
    let (said, _) = failed(&run.outcome, FailureClass::Auth);
    assert!(said.to_lowercase().contains("credit balance"), "{said}");
    assert_eq!(run.standings(), [AccountStanding::Auth]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_service_that_does_not_answer_ends_in_silence() {
    for fault in [Fault::Hang, Fault::Stall] {
        let Some(stage) = Claude::set(vec![Rule::fault(fault)]).await else { return };
        let mut job = stage.job("1.1");
        job.limits.silence = Duration::from_secs(6);
        let run = stage.run(&job).await;
        failed(&run.outcome, FailureClass::Silent);
        stage.fixture.assert_nothing_runs();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_service_that_answers_nonsense_is_not_the_agents_fault() {
    let Some(stage) = Claude::set(vec![Rule::fault(Fault::Malformed)]).await else { return };
    let run = stage.run(&stage.job("1.1")).await;
    failed(&run.outcome, FailureClass::Overloaded);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: cargo xtask real-cli"]
async fn a_program_that_is_killed_leaves_nothing_and_the_conversation_goes_on_in_the_next_attempt() {
    let Some(stage) = Claude::set(Vec::new()).await else { return };
    let state = stage.shared();
    let kill = format!(
        "mkdir -p {0}/.claude; cp -r $CLAUDE_CONFIG_DIR/projects {0}/.claude/; setsid tail -f /dev/null & kill -9 $PPID",
        state.display()
    );
    let mut steps = vec![Step::tool("Bash", json!({ "command": kill, "description": "kill" }))];
    // What was interrupted may count as an answer more.
    steps.extend(writes().into_iter().take(1).chain(writes()));
    stage.api.play(Scenario { rules: vec![Rule::steps("Task: 1.1 ", steps)] });
    let run = stage.run(&stage.job("1.1")).await;
    let (message, _) = failed(&run.outcome, FailureClass::AgentError);
    assert!(message.contains("in its work"), "{message}");
    stage.fixture.assert_nothing_runs();

    let files = std::fs::read_dir(state.join(".claude/projects")).unwrap().flatten();
    let files = files.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten());
    let transcript = files.map(|file| file.path()).find(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let session_id = transcript.unwrap().file_stem().unwrap().to_str().unwrap().to_owned();
    let mut job = stage.job("1.1");
    job.resume = Some(Resume { session_id, state: state.clone() });
    let run = stage.run(&job).await;
    // It went on after the first step, which would have killed it again, and knows its new folder.
    landed(&run.outcome);
    assert_eq!(stage.fixture.show("1.1.txt"), "Write it");

    // One that is not known ends in a new one, within the same attempt.
    stage.api.play(Scenario { rules: vec![Rule::steps("Task: 1.2 ", writes())] });
    let mut job = stage.job("1.2");
    job.resume = Some(Resume { session_id: "5a0c7a52-0000-4000-8000-000000000000".to_owned(), state });
    let run = stage.run(&job).await;
    landed(&run.outcome);
    let notes = &run.outcome.evidence().notes;
    assert!(notes.iter().any(|note| note.contains("could not go on, and a new one began")), "{notes:?}");
}
