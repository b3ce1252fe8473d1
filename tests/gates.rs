//! A plan with a person in the middle, a task it can do without, and a mark that holds one.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use coditect_store::{Durability, Store};
use coditect_tests::{Project, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PLAN: &str = "# Plan

## Phase 1: Everything

- [ ] **Task 1.1:** Build it
- [ ] **Task 1.2:** Look at it
  - **Human:** yes
  - **Dependencies:** 1.1
- [ ] **Task 1.3:** Ship it
  - **Dependencies:** 1.2
- [ ] **Task 1.4:** Polish it (optional)
- [!] **Task 1.5:** Celebrate
  - **Dependencies:** 1.4
";

const WRITE: &str = r#"mkdir -p done && echo "$CODITECT_TASK_TITLE" > "done/$CODITECT_TASK_KEY.txt""#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The states of the tasks, in the order of the plan, with the attempts at each.
fn states(project: &Project) -> Vec<(String, String, i64)> {
    let url = format!("sqlite://{}", project.path().join(".coditect/coditect.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&url, Durability::Normal).await.unwrap();
        let tasks = store.tasks().await.unwrap();
        tasks.into_iter().map(|t| (t.key, t.life.state.to_string(), t.life.token)).collect()
    })
}

#[test]
fn a_plan_stops_at_a_person_and_a_mark_and_goes_on_when_they_let_it() {
    let project = Project::new(PLAN);
    let up = ["up", "--plan", "PLAN.md", "--http", "127.0.0.1:0", "--script", WRITE];
    let stopped = project.coditect(&[&up[..], &["--until-done"]].concat());
    let (said, log) = (text(&stopped.stdout), text(&stopped.stderr));
    assert_eq!(stopped.status.code(), Some(1), "{said}\n{log}");
    for wanted in ["coditect task approve plan/1.2", "it is marked blocked in the plan (line 12)", "edit PLAN.md:12"] {
        assert!(said.contains(wanted), "no `{wanted}` in:\n{said}");
    }
    assert_eq!(project.landed(), ["1.1"]);
    let wanted = [
        ("1.1", "completed", 1),
        ("1.2", "needs_human", 0),
        ("1.3", "pending", 0),
        ("1.4", "skipped", 0),
        ("1.5", "pending", 0),
    ];
    assert_eq!(states(&project), wanted.map(|(key, state, token)| (key.to_owned(), state.to_owned(), token)));

    let running = project.up(&["--script", WRITE]);
    wait_until("the approval is taken", || project.coditect(&["task", "approve", "1.2"]).status.success());
    wait_until("what waited for it has landed", || project.landed() == ["1.1", "1.3"]);
    let why = text(&project.coditect(&["task", "why", "1.5"]).stdout);
    assert!(why.contains("marked blocked in the plan (line 12)"), "{why}");
    let status = text(&project.coditect(&["status"]).stdout);
    assert!(status.contains("PLAN.md:12:1: warning[held]: `1.5` is held"), "{status}");

    wait_until("the ticks are there", || fs::read_to_string(project.plan()).unwrap().contains("[x] **Task 1.3"));
    let edited = fs::read_to_string(project.plan()).unwrap().replace("- [!] ", "- [ ] ");
    fs::write(project.plan(), edited).unwrap();
    wait_until("the held task has landed", || project.landed() == ["1.1", "1.3", "1.5"]);
    let mut ticked = PLAN.replace("- [!] ", "- [ ] ");
    for key in ["1.1", "1.2", "1.3", "1.5"] {
        ticked = ticked.replace(&format!("- [ ] **Task {key}"), &format!("- [x] **Task {key}"));
    }
    wait_until("all is ticked but what was left out", || fs::read_to_string(project.plan()).unwrap() == ticked);

    kill(Pid::from_raw(i32::try_from(running.child.id()).unwrap()), Signal::SIGINT).unwrap();
    running.wait();
    let tokens: Vec<_> = states(&project).into_iter().map(|(_, _, token)| token).collect();
    assert_eq!(tokens, [1, 0, 1, 0, 1], "no agent ever had what is a person's, or was left out");
}
