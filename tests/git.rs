//! A plan on a branch of a repository that nobody has checked out, worked to its end: ticks and results are commits on
//! one and the same branch, which a person pushes to as well.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::process::Command;

use coditect_tests::Project;

const BRANCH: &str = "coditect/integration";

const PLAN: &str = "# Plan\r\n\r\n- [ ] 1.1 One\r\n- [ ] 1.2 Two (depends on 1.1)\r\n- [ ] 1.3 Three (depends on 1.2)\r\n- [ ] 1.4 Four (depends on 1.3)\r\n";

/// During 1.1 a person pushes another task; every task writes a file.
const WORK: &str = r#"
if [ "$CODITECT_TASK_KEY" = 1.1 ]; then
    git clone -q -b BRANCH REMOTE person
    printf -- '- [ ] 2.1 A person wants this too\r\n' >> person/PLAN.md
    git -C person -c user.name=Person -c user.email=person@localhost commit -qam 'One more'
    git -C person push -q
    rm -rf person
fi
mkdir -p done && echo "$CODITECT_TASK_TITLE" > "done/$CODITECT_TASK_KEY.txt"
"#;

/// Counts, and waits until the task before is ticked: so a tick comes between verifying a result and landing it.
const VERIFY: &str = r#"
echo x >> "COUNTS/$CODITECT_TASK_KEY"
case "$CODITECT_TASK_KEY" in 1.2) before=1.1 ;; 1.3) before=1.2 ;; 1.4) before=1.3 ;; *) exit 0 ;; esac
until git --git-dir=REMOTE show BRANCH:PLAN.md | grep -qF "[x] $before"; do sleep 0.05; done
"#;

#[test]
fn a_plan_on_a_branch_completes_and_its_ticks_are_commits_that_invalidate_nothing() {
    let project = Project::new(PLAN);
    let aside = tempfile::tempdir().unwrap();
    let (remote, counts) = (aside.path().join("remote.git"), aside.path().join("counts"));
    fs::create_dir(&counts).unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("--git-dir").arg(&remote).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    project.git(&["clone", "-q", "--bare", ".", remote.to_str().unwrap()]);
    let fill = |text: &str| {
        let text = text.replace("REMOTE", remote.to_str().unwrap()).replace("BRANCH", BRANCH);
        text.replace("COUNTS", counts.to_str().unwrap())
    };
    let verify = serde_json::json!([fill(VERIFY)]).to_string();
    // The commands count, and play a person who pushes.
    let write = serde_json::json!([aside.path()]).to_string();
    let environment = [
        ("CODITECT_PLAN__SOURCE", "git"),
        ("CODITECT_PLAN__BRANCH", BRANCH),
        ("CODITECT_PLAN__POLL_INTERVAL_MS", "200"),
        ("CODITECT_REPOSITORY__PATH", remote.to_str().unwrap()),
        ("CODITECT_VERIFY__COMMANDS", &verify),
        ("CODITECT_EXECUTOR__SANDBOX__WRITE", &write),
    ];
    let up = project.up_with(&["--until-done", "--runtime", "script", "--script", &fill(WORK)], &environment);
    assert_eq!(up.wait(), 0);

    let ticked = format!("{PLAN}- [ ] 2.1 A person wants this too\r\n").replace("[ ]", "[x]");
    assert_eq!(git(&["cat-file", "blob", &format!("{BRANCH}:PLAN.md")]), ticked);
    assert_eq!(git(&["cat-file", "blob", "main:PLAN.md"]), PLAN);
    for key in ["1.1", "1.2", "1.3", "1.4", "2.1"] {
        assert_eq!(fs::read_to_string(counts.join(key)).unwrap(), "x\n", "{key} was verified once");
        git(&["cat-file", "-e", &format!("{BRANCH}:done/{key}.txt")]);
    }
    let format = "--format=%H %(trailers:key=Coditect-Task,valueonly,separator=)|%(trailers:key=Coditect-Plan,valueonly,separator=)|%an";
    let log = git(&["log", "--reverse", format, &format!("main..{BRANCH}")]);
    let (mut tasks, mut ticks) = (Vec::new(), 0);
    for (commit, rest) in log.lines().map(|line| line.split_once(' ').unwrap()) {
        let changed = git(&["show", "--format=", "--name-only", commit]);
        match rest.split('|').collect::<Vec<_>>()[..] {
            ["", "plan", "coditect"] => {
                assert_eq!(changed, "PLAN.md\n");
                let blob = |revision: &str| git(&["cat-file", "blob", &format!("{revision}:PLAN.md")]);
                let (before, after) = (blob(&format!("{commit}~")), blob(commit));
                assert_eq!(before.replace("[ ]", "[x]"), after.replace("[ ]", "[x]"));
                ticks += 1;
            }
            ["", "", "Person"] => assert_eq!(changed, "PLAN.md\n"),
            [task, "", _] => {
                assert_eq!(changed, format!("done/{}.txt\n", task.strip_prefix("plan/").unwrap()));
                tasks.push(task.to_owned());
            }
            _ => panic!("{rest}"),
        }
    }
    tasks.sort();
    assert_eq!(tasks, ["plan/1.1", "plan/1.2", "plan/1.3", "plan/1.4", "plan/2.1"]);
    assert!(ticks >= 4, "each of 1.1 to 1.4 was ticked before the next landed:\n{log}");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}
