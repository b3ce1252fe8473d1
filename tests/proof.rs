//! Agents that say they are done and are not: what does not land, what the next attempt is told, and what waits for a
//! person.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use coditect_tests::{Project, Up, wait_until};
use serde_json::Value;
use tempfile::TempDir;

const BRANCH: &str = "coditect/integration";

const PLAN: &str = "# An adder

## Validation Commands
- `sh run-tests.sh`

### Task 1.1: Make it faster
**Agent:** `builder`

- [ ] do it
";

/// Runs whatever tests there are; a test that is gone cannot fail.
const RUN_TESTS: &str = "for t in tests/*.bats; do
    [ ! -e \"$t\" ] && continue
    grep -q skip \"$t\" && echo \"$t: skipped\" && continue
    sum=$(sh add.sh 1 2)
    [ \"$sum\" = 3 ] || { echo \"$t: adds: expected 3, got $sum\"; exit 7; }
done
";

const TEST: &str = "@test \"adds\" {\n  [ \"$(sh add.sh 1 2)\" = 3 ]\n}\n";

/// A project with a program and its test, worked on by an agent that is a shell script.
struct World {
    project: Project,
    /// What each attempt was told.
    told: TempDir,
}

impl World {
    fn new(plan: &str) -> Self {
        let project = Project::new(plan);
        fs::create_dir(project.path().join("tests")).unwrap();
        for (path, text) in [("add.sh", "echo $(($1 + $2))\n"), ("run-tests.sh", RUN_TESTS), ("tests/add.bats", TEST)] {
            fs::write(project.path().join(path), text).unwrap();
        }
        project.commit();
        let told = tempfile::tempdir().unwrap();
        fs::set_permissions(told.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Self { project, told }
    }

    /// Starts everything. The agent keeps what it is told, does what `agent` says, and claims success.
    fn up(&self, agent: &str, environment: &[(&str, &str)]) -> Up<'_> {
        let told = self.told.path().display();
        let script = format!(
            "cat > {told}/$CODITECT_TASK_KEY-$CODITECT_ATTEMPT\n{agent}\necho 'All tests pass. The task is done.'"
        );
        let command = serde_json::to_string(&["sh", "-ec", &script]).unwrap();
        let write = format!("[\"{told}\"]");
        let mut all = vec![
            ("CODITECT_EXECUTOR__COMMAND", command.as_str()),
            ("CODITECT_EXECUTOR__SANDBOX__WRITE", write.as_str()),
        ];
        all.extend(environment);
        self.project.up_with(&["--runtime", "command"], &all)
    }

    fn told(&self, key: &str, attempt: u32) -> String {
        let path: PathBuf = self.told.path().join(format!("{key}-{attempt}"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("attempt {attempt} of {key} was told nothing: {error}"))
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.project.coditect(arguments);
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// All that is known of a task.
    fn task(&self, key: &str) -> Value {
        let output = self.project.coditect(&["task", "show", key, "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn wait_for(&self, key: &str, state: &str) -> Value {
        let mut seen = Value::Null;
        wait_until(&format!("{key} is {state}"), || {
            seen = self.task(key);
            seen["task"]["state"] == state
        });
        seen
    }

    fn on_branch(&self, path: &str) -> String {
        self.project.git(&["show", &format!("{BRANCH}:{path}")])
    }
}

#[test]
fn a_result_that_breaks_a_test_does_not_land_and_the_next_attempt_is_told_what_failed() {
    let world = World::new(PLAN);
    let agent =
        "case $CODITECT_ATTEMPT in\n1) echo 'echo 4' > add.sh ;;\n*) echo 'echo $(($2 + $1))' > add.sh ;;\nesac";
    let _up = world.up(agent, &[]);
    let detail = world.wait_for("1.1", "completed");

    let (first, second) = (world.told("1.1", 1), world.told("1.1", 2));
    assert!(first.contains("sh run-tests.sh") && !first.contains("expected 3"), "{first}");
    for part in ["`sh run-tests.sh` failed (exit code 7)", "tests/add.bats: adds: expected 3, got 4"] {
        assert!(second.contains(part), "no `{part}` in:\n{second}");
    }
    assert_eq!(world.project.landed(), ["1.1"]);
    assert_eq!(world.on_branch("add.sh"), "echo $(($2 + $1))\n");
    assert_eq!(detail["attempts"].as_array().unwrap().len(), 2, "{detail:#}");
    let shown = world.said(&["task", "show", "1.1"]);
    for part in [
        "verify      sh run-tests.sh  (plan)",
        "verify sh run-tests.sh (plan): failed with exit code 7",
        "| tests/add.bats: adds: expected 3, got 4",
        "verify sh run-tests.sh (plan): passed",
        "1 file changed, 1 insertion(+), 1 deletion(-)",
        "files: add.sh",
    ] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}

#[test]
fn a_result_that_deletes_a_test_waits_for_a_person_who_approves_exactly_it() {
    let world = World::new(PLAN);
    let _up = world.up("rm tests/add.bats; echo 'echo 4' > add.sh", &[]);
    let detail = world.wait_for("1.1", "needs_human");
    assert!(world.project.landed().is_empty(), "nothing lands without a word");
    let (held, branch) = (detail["held"]["commit"].as_str().unwrap(), detail["held"]["branch"].as_str().unwrap());
    assert_eq!(world.project.git(&["rev-parse", branch]).trim(), held);
    let shown = world.said(&["task", "show", "1.1"]);
    for part in [
        "the test file `tests/add.bats` is deleted: `adds`",
        "coditect task approve",
        "git diff",
        branch,
        "verify sh run-tests.sh (plan): passed",
    ] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
    let status = world.said(&["status"]);
    assert!(status.contains("coditect task show plan/1.1"), "{status}");

    let approved = world.project.coditect(&["task", "approve", "1.1", "--reason", "the adder goes"]);
    assert!(approved.status.success());
    let detail = world.wait_for("1.1", "completed");
    assert_eq!(world.project.git(&["rev-parse", BRANCH]).trim(), held, "exactly what was looked at");
    assert_eq!(detail["held"]["verdict"], "landed", "{detail:#}");
    assert!(!world.told.path().join("1.1-2").exists(), "no agent ran again");
    assert_eq!(world.project.git(&["branch", "--list", "coditect/held/*"]), "");
}

#[test]
fn a_result_that_skips_a_test_is_done_again_when_a_person_wants_it_so() {
    let world = World::new(PLAN);
    let agent = "case $CODITECT_ATTEMPT in\n1) sed -i '1a\\  skip later' tests/add.bats ;;\nesac\necho 'echo $(($2 + $1))' > add.sh";
    let _up = world.up(agent, &[]);
    let detail = world.wait_for("1.1", "needs_human");
    assert_eq!(detail["held"]["flags"][0], "tests are skipped in `tests/add.bats`: `adds`", "{detail:#}");
    assert!(world.project.coditect(&["task", "retry", "1.1"]).status.success());
    world.wait_for("1.1", "completed");
    let told = world.told("1.1", 2);
    assert!(told.contains("it was not accepted") && told.contains("tests are skipped in `tests/add.bats`"), "{told}");
    assert_eq!((world.on_branch("tests/add.bats"), world.project.landed()), (TEST.to_owned(), vec!["1.1".to_owned()]));
}

#[test]
fn where_it_is_configured_removed_tests_are_only_noted_and_guarded_paths_still_wait() {
    let world = World::new(&format!("{PLAN}\n### Task 1.2: Build it elsewhere\n**Agent:** `builder`\n\n- [ ] do it\n"));
    let agent = "case $CODITECT_TASK_KEY in\n1.1) rm tests/add.bats ;;\n*) mkdir ci; echo run > ci/run.yml ;;\nesac\n\
                 sed -i 's/\\[ \\]/[x]/' PLAN.md";
    let settings = [("CODITECT_VERIFY__REMOVED_TESTS", "note"), ("CODITECT_REPOSITORY__PROTECTED", "[\"ci/**\"]")];
    let _up = world.up(agent, &settings);
    let noted = world.wait_for("1.1", "completed");
    let held = world.wait_for("1.2", "needs_human");
    let evidence = noted["attempts"].as_array().unwrap().iter().map(Value::to_string).collect::<String>();
    assert!(evidence.contains("the test file `tests/add.bats` is deleted"), "{noted:#}");
    assert!(evidence.contains("protected paths, which were put back: PLAN.md"), "{noted:#}");
    assert_eq!(held["held"]["flags"][0], "`ci/run.yml` is changed, which `repository.protected` guards", "{held:#}");
    assert_eq!(world.on_branch("PLAN.md"), world.project.original, "the plan is a person's");
    assert_eq!(world.project.landed(), ["1.1"]);
}

#[test]
fn that_nothing_proves_a_task_is_said_everywhere_and_can_be_refused() {
    let bare = PLAN.replace("## Validation Commands\n- `sh run-tests.sh`\n\n", "");
    let world = World::new(&bare);
    let checked = world.said(&["plan", "check", "PLAN.md"]);
    assert!(checked.contains("1 open task has no verify command"), "{checked}");
    let up = world.up("echo more > more", &[("CODITECT_VERIFY__REQUIRED", "true")]);
    let detail = world.wait_for("1.1", "needs_human");
    let reason = detail["task"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("verify.required") && reason.contains("**Verify:**"), "{detail:#}");
    assert!(!world.told.path().join("1.1-1").exists(), "no agent ran");
    let (status, shown) = (world.said(&["status"]), world.said(&["task", "show", "1.1"]));
    assert!(status.contains("1 open task without a verify command"), "{status}");
    assert!(shown.contains("no command: nothing but the merge is proved"), "{shown}");
    assert!(up.tail().contains("verify.required puts them to a person"), "{}", up.tail());
    assert_eq!(up.interrupt(), 0);

    let _up = world.up("echo more > more", &[]);
    assert!(world.project.git(&["branch", "--list", BRANCH]).is_empty() || world.project.landed().is_empty());
    wait_until("it is taken up again", || world.project.coditect(&["task", "retry", "1.1"]).status.success());
    world.wait_for("1.1", "completed");
    let shown = world.said(&["task", "show", "1.1"]);
    assert!(shown.contains("no verify command: nothing but the merge was proved"), "{shown}");
}
