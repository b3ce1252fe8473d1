//! Many tasks that change neighbouring lines of the same files, worked by two executors.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use coditect_core::{FailureClass, TaskState};
use coditect_store::TaskRow;
use coditect_store::testing::Database;
use coditect_tests::cluster::Cluster;
use coditect_tests::{LIMIT, Project};

const TASKS: usize = 100;

/// The files, and so many lines in each.
const FILES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const LINES: usize = TASKS / FILES.len();

/// The file and the line of a task.
fn place(task: usize) -> (&'static str, usize) {
    (FILES[task / LINES], task % LINES + 1)
}

/// Proves that no line was lost, doubled or left in conflict: every file has all its lines, in order, done or not.
const VERIFY: &str = "#!/bin/sh
for file in alpha beta gamma delta; do
    awk -v file=$file '$1 != \"line\" || $2 != NR || ($3 != \"open\" && $3 != \"done\") || NF != 3 { exit 1 } END { if (NR != 25) exit 1 }' $file || exit 1
done
";

/// What an agent does that is given a conflict: it keeps what has landed, and does its own change again.
const SETTLE: &str = "sed -i '/^<<<<<<< /d; /^=======$/,/^>>>>>>> /d'";

fn plan() -> String {
    let mut text = String::from("# Neighbours\n\n## Validation Commands\n- `sh verify.sh`\n");
    for task in 0..TASKS {
        let (file, line) = place(task);
        let _ = write!(
            text,
            "\n### Task {}.{line}: Line {line} of {file}\n**Agent:** `builder`\n\n- [ ] do it\n\n\
             ```sh\n{SETTLE} {file}\nsed -i 's/^line {line} open$/line {line} done/' {file}\ngrep -qx 'line {line} done' {file}\n```\n",
            task / LINES + 1,
        );
    }
    text
}

async fn settled(cluster: &Cluster<'_>) -> Vec<TaskRow> {
    let begun = Instant::now();
    loop {
        let tasks = cluster.store.tasks().await.unwrap();
        let open = |task: &&TaskRow| !matches!(task.life.state, TaskState::Completed | TaskState::NeedsHuman);
        if tasks.len() == TASKS && tasks.iter().filter(open).count() == 0 {
            return tasks;
        }
        assert!(begun.elapsed() < 4 * LIMIT, "tasks are open still:\n{}", cluster.tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn neighbouring_changes_of_two_executors_land_one_after_the_other_and_none_is_lost() {
    let project = Project::new(&plan());
    for file in FILES {
        let lines: String = (1..=LINES).map(|line| format!("line {line} open\n")).collect();
        fs::write(project.path().join(file), lines).unwrap();
    }
    fs::write(project.path().join("verify.sh"), VERIFY).unwrap();
    project.commit();
    let database = Database::sqlite().await;
    let settings = [
        ("CODITECT_EXECUTOR__SLOTS", "4"),
        ("CODITECT_DISPATCH__MAX_CONCURRENT", "8"),
        ("CODITECT_RETRY__BASE_MS", "50"),
        ("CODITECT_RETRY__CAP_MS", "200"),
    ];
    let mut cluster = Cluster::single(&project, &database.url, database.again().await, &settings);
    cluster.add_executor("first", &[]);
    cluster.add_executor("second", &[]);
    let tasks = settled(&cluster).await;

    // Every task has landed, or is with a person because it met a conflict twice.
    let landed: HashSet<&str> =
        tasks.iter().filter(|task| task.life.state == TaskState::Completed).map(|task| task.key.as_str()).collect();
    for task in tasks.iter().filter(|task| task.life.state == TaskState::NeedsHuman) {
        assert_eq!(task.life.failure, Some(FailureClass::MergeConflict), "{}: {:?}", task.key, task.life.reason);
    }
    println!("{} of {TASKS} have landed, the others are with a person", landed.len());
    assert!(landed.len() >= TASKS / 2, "{} of {TASKS} landed:\n{}", landed.len(), cluster.tail());
    let executors: HashSet<String> = {
        let mut executors = HashSet::new();
        for task in &tasks {
            executors
                .extend(cluster.store.attempts_of(&task.id).await.unwrap().into_iter().filter_map(|row| row.executor));
        }
        executors
    };
    assert!(executors.len() >= 2, "both have worked: {executors:?}");

    // One line of commits, one for each task that has landed.
    let branch = "coditect/integration";
    assert_eq!(project.git(&["rev-list", "--merges", "--count", branch]).trim(), "0");
    let landings = project.landings();
    assert_eq!(landings.len(), landed.len());
    let unique: HashSet<_> = landings.iter().collect();
    assert_eq!(unique.len(), landings.len(), "a task has landed twice");

    // Each of them is verified, not only the last; and each has every change that landed before it.
    let begin = project.git(&["merge-base", "HEAD", branch]);
    let range = format!("{}..{branch}", begin.trim());
    let mut done = 0;
    for commit in project.git(&["rev-list", "--reverse", &range]).lines() {
        done += 1;
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::new();
        for file in FILES {
            let now = project.git(&["show", &format!("{commit}:{file}")]);
            fs::write(folder.path().join(file), &now).unwrap();
            text += &now;
        }
        assert_eq!(text.matches(" done").count(), done, "{commit}: an update was lost\n{text}");
        let verified = Command::new("sh").args(["-c", VERIFY]).current_dir(folder.path()).status().unwrap();
        assert!(verified.success(), "{commit} is not green:\n{text}");
    }
    for task in 0..TASKS {
        let (file, line) = place(task);
        let key = format!("{}.{line}", task / LINES + 1);
        let now = project.git(&["show", &format!("{branch}:{file}")]);
        let word = if landed.contains(key.as_str()) { "done" } else { "open" };
        assert!(now.lines().any(|text| text == format!("line {line} {word}")), "{key}: {now}");
    }
}
