//! Results that others merge: left on a branch, or put to people as pull requests, through the whole system.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::process::Command;

use coditect_forge::Kind;
use coditect_forge::testing::{PROJECT, Scripted, TOKEN};
use coditect_tests::{Project, Up, wait_until};
use serde_json::Value;

const TARGET: &str = "coditect/integration";
const BRANCH: &str = "coditect/task/plan/1.1";

const PLAN: &str = "# Paint

## Validation Commands
- `grep -q done colour`

### Task 1.1: Paint it
**Agent:** `builder`

- [ ] do it

### Task 1.2: Show it
**Agent:** `builder`
**Depends on:** 1.1

- [ ] do it
";

/// Paints in the colour that it was told last, on what is there already; nothing of the forge is seen.
const AGENT: &str = "if env | grep -qi forge; then exit 9; fi
colour=$(grep -o 'Make it [a-z]*' | tail -n 1 | cut -d ' ' -f 3)
echo \"$CODITECT_ATTEMPT ${colour:-white}\" >> layers
echo \"done in ${colour:-white} for $CODITECT_TASK_KEY\" > colour
echo '{\"summary\": \"Painted.\"}'";

/// Starts everything; no agent gets to see the next task before the first one is merged.
fn up<'a>(project: &'a Project, environment: &[(&str, &str)]) -> Up<'a> {
    let command = serde_json::to_string(&["sh", "-ec", AGENT]).unwrap();
    let mut all = vec![("CODITECT_EXECUTOR__COMMAND", command.as_str())];
    all.extend(environment);
    project.up_with(&["--runtime", "command"], &all)
}

fn task(project: &Project, key: &str) -> Value {
    let output = project.coditect(&["task", "show", key, "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn wait_for(project: &Project, key: &str, what: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
    let mut seen = Value::Null;
    wait_until(&format!("{key} {what}"), || {
        seen = task(project, key);
        holds(&seen)
    });
    seen
}

fn state<'a>(wanted: &'a str) -> impl FnMut(&Value) -> bool + 'a {
    move |task| task["task"]["state"] == wanted
}

fn said(project: &Project, arguments: &[&str]) -> String {
    let output = project.coditect(arguments);
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Merges the branch of task 1.1 as a forge does that squashes; answers the commit.
fn merge(project: &Project, branch: &str) -> String {
    let tree = project.git(&["rev-parse", &format!("{branch}^{{tree}}")]);
    let tip = project.git(&["rev-parse", TARGET]);
    let message = "Paint it (#1)";
    let commit = project.git(&["commit-tree", "-p", tip.trim(), "-m", message, tree.trim()]).trim().to_owned();
    project.git(&["update-ref", &format!("refs/heads/{TARGET}"), &commit, tip.trim()]);
    commit
}

#[test]
fn a_result_on_a_branch_waits_until_a_person_says_that_it_is_merged_and_then_the_next_task_goes_on() {
    let project = Project::new(PLAN);
    let up = up(&project, &[("CODITECT_LANDING__MODE", "branch")]);
    let detail = wait_for(&project, "1.1", "waits", state("awaiting_merge"));
    let commit = project.git(&["rev-parse", BRANCH]);
    assert_eq!(detail["delivered"]["commit"].as_str(), Some(commit.trim()), "{detail:#}");
    assert_eq!(detail["delivered"]["verdict"], "waiting");
    assert!(project.landed().is_empty(), "nothing lands by itself");
    let shown = said(&project, &["task", "show", "1.1"]);
    for part in
        ["on branch   waiting", BRANCH, "coditect task approve 1.1", "verify grep -q done colour (plan): passed"]
    {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
    assert!(project.coditect(&["task", "answer", "1.1", "Make it blue"]).status.success());
    let detail = wait_for(&project, "1.1", "waits again", |task| {
        task["task"]["state"] == "awaiting_merge" && task["attempts"].as_array().is_some_and(|all| all.len() == 2)
    });
    assert_eq!(project.git(&["show", &format!("{BRANCH}:layers")]), "1 white\n2 blue\n", "{detail:#}");
    merge(&project, BRANCH);
    assert_eq!(task(&project, "1.2")["task"]["state"], "pending");
    assert!(project.coditect(&["task", "approve", "1.1"]).status.success());
    wait_for(&project, "1.1", "is done", state("completed"));
    let next = wait_for(&project, "1.2", "waits", state("awaiting_merge"));
    let branch = next["delivered"]["branch"].as_str().unwrap();
    assert_eq!(project.git(&["show", &format!("{branch}:layers")]), "1 white\n2 blue\n1 white\n");
    wait_until("the box is ticked", || project.read("PLAN.md").contains("[x] do it"));
    assert_ne!(up.interrupt(), 1);
}

async fn forge(kind: Kind, project: &Project) -> Scripted {
    let path = project.path().to_owned();
    Scripted::start(kind, move |branch| {
        let output =
            Command::new("git").args(["rev-parse", "--verify", "-q", branch]).current_dir(&path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
    .await
}

/// The whole way of a task at a forge: opened, asked to be different, done again, merged.
async fn at_a_forge(kind: Kind, name: &str) {
    let project = Project::new(PLAN);
    let forge = forge(kind, &project).await;
    let settings = [
        ("CODITECT_LANDING__MODE", "pull-request"),
        ("CODITECT_LANDING__FORGE__KIND", name),
        ("CODITECT_LANDING__FORGE__API_URL", forge.url.as_str()),
        ("CODITECT_LANDING__FORGE__PROJECT", PROJECT),
        ("CODITECT_LANDING__FORGE__POLL_INTERVAL_MS", "100"),
        ("CODITECT_FORGE_TOKEN", TOKEN),
    ];
    let up = up(&project, &settings);
    wait_until("a request is open", || forge.requests().len() == 1);
    let opened = forge.requests().remove(0);
    assert_eq!(
        (opened.title.as_str(), opened.branch.as_str(), opened.target.as_str()),
        ("1.1: Paint it", BRANCH, TARGET)
    );
    assert!(
        opened.body.contains("`grep -q done colour` passed") && opened.body.contains("Painted."),
        "{}",
        opened.body
    );
    wait_for(&project, "1.1", "shows its request", |task| task["delivered"]["url"].is_string());
    let first = project.git(&["rev-parse", BRANCH]).trim().to_owned();

    forge.ask(1, "ann", "Make it red");
    forge.check(1, "lint", &first, true);
    wait_until("there is a new commit", || project.git(&["rev-parse", BRANCH]).trim() != first);
    let detail = wait_for(&project, "1.1", "waits again", state("awaiting_merge"));
    assert_eq!(project.git(&["show", &format!("{BRANCH}:layers")]), "1 white\n2 red\n", "it went on with its work");
    assert_eq!((detail["attempts"][0]["failure"].as_str(), forge.requests().len()), (Some("not_merged"), 1));
    assert_eq!(detail["task"]["attempts_spent"], 0, "{detail:#}");

    let commit = merge(&project, BRANCH);
    forge.merge(1, &commit);
    let detail = wait_for(&project, "1.1", "is done", state("completed"));
    assert_eq!(detail["attempts"][1]["commit"].as_str(), Some(commit.as_str()), "{detail:#}");
    wait_until("the next request is open", || forge.requests().len() == 2);
    forge.close(2);
    let closed = wait_for(&project, "1.2", "is with a person", state("needs_human"));
    assert!(closed["task"]["reason"].as_str().unwrap().contains("closed without being merged"), "{closed:#}");
    let logs = project.path().join(".coditect/logs");
    for log in std::fs::read_dir(logs).unwrap() {
        let text = std::fs::read_to_string(log.unwrap().path()).unwrap();
        assert!(!text.contains(TOKEN), "the token is in a log");
    }
    assert_ne!(up.interrupt(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pull_request_at_github_is_opened_goes_back_to_an_agent_and_completes_the_task_when_merged() {
    at_a_forge(Kind::Github, "github").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_merge_request_at_gitlab_is_opened_goes_back_to_an_agent_and_completes_the_task_when_merged() {
    at_a_forge(Kind::Gitlab, "gitlab").await;
}

#[test]
fn pull_requests_without_a_token_are_refused_at_the_start() {
    let project = Project::new(PLAN);
    let settings = [
        ("CODITECT_LANDING__MODE", "pull-request"),
        ("CODITECT_LANDING__FORGE__KIND", "github"),
        ("CODITECT_LANDING__FORGE__PROJECT", PROJECT),
    ];
    let up = up(&project, &settings);
    wait_until("it is said", || up.tail().contains("CODITECT_FORGE_TOKEN"));
}
