//! What `coditect plan check --json` sees in every real plan of the corpus, held against a table that was made by reading
//! the plans. Without the corpus there is nothing to say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A plan as a person reads it.
struct Read {
    path: &'static str,
    /// `None`: people may differ.
    format: Option<&'static str>,
    tasks: usize,
    completed: usize,
    /// The titles of the first and the last task begin so.
    ends: [&'static str; 2],
    /// What looks like a task and is none.
    none: &'static [&'static str],
}

const PLANS: [Read; 12] = [
    Read {
        path: "coditect-citus/TASKLIST-WITH-CHECKBOXES.md",
        format: Some("coditect"),
        tasks: 174,
        completed: 4,
        ends: ["Initialize Git Repository", "React Application Initialization"],
        // The legend at the end.
        none: &["Pending", "Completed", "In Progress", "Blocked"],
    },
    Read {
        path: "coditect-citus/TASKLIST.md",
        format: Some("coditect"),
        tasks: 23,
        completed: 5,
        ends: ["Environment Setup", "Scale Citus Cluster"],
        // 'Phase 1 Complete When'
        none: &["GKE cluster operational", "All SLAs met", "CI/CD pipeline working"],
    },
    Read {
        path: "openspec/2025-08-19-bulk-validation-interactive-selection.md",
        format: Some("openspec"),
        // 42 boxes, of which ten are steps of 3.2.
        tasks: 32,
        completed: 30,
        ends: ["Add `--no-interactive` flag to `change validate`", "Maintain existing behavior"],
        // '10. Acceptance Criteria Mapping'
        none: &["AC-1", "`openspec change validate` interactive selection when no arg"],
    },
    Read {
        path: "openspec/2026-05-14-workspace-change-planning.md",
        format: Some("openspec"),
        tasks: 76,
        completed: 76,
        ends: ["Add an interactive workspace setup step", "Have a separate reviewer"],
        none: &[],
    },
    Read {
        path: "openspec/context-store-and-initiatives.md",
        // Boxes without ids, outside of a change.
        format: None,
        tasks: 117,
        completed: 69,
        ends: [
            "Record the workspace-to-initiative product boundary",
            "Update docs, tests, and agent guidance to match",
        ],
        // Items of the numbered list at the top.
        none: &["Finish Item 11", "Item 12"],
    },
    Read {
        path: "openspec/fix-validate-view-resolution-parity.md",
        format: Some("openspec"),
        tasks: 27,
        completed: 27,
        ends: ["Reproduce at HEAD", "Run `openspec validate"],
        none: &[],
    },
    Read {
        path: "openspec/simplify-skill-installation.md",
        format: Some("openspec"),
        tasks: 90,
        completed: 90,
        ends: ["Extend `src/core/global-config.ts`", "Add/adjust regression tests"],
        // In comments.
        none: &["Update ff skill", "Add guardrail to skills"],
    },
    Read {
        path: "ralphex/2025-02-03-finalize-step.md",
        format: Some("ralphex"),
        tasks: 14,
        completed: 14,
        ends: ["Add Phase Constant", "Final Validation"],
        none: &["Overview"],
    },
    Read {
        path: "ralphex/2025-02-05-custom-external-review.md",
        format: Some("ralphex"),
        tasks: 8,
        completed: 8,
        ends: ["Add Config Values", "Final Validation"],
        none: &["Design Decisions"],
    },
    Read {
        path: "ralphex/2026-01-21-web-dashboard.md",
        format: Some("ralphex"),
        tasks: 5,
        completed: 5,
        ends: ["HTTP Server Foundation", "Testing and Documentation"],
        none: &["Validation Commands"],
    },
    Read {
        path: "ralphex/2026-01-25-interactive-plan-creation.md",
        format: Some("ralphex"),
        tasks: 9,
        completed: 9,
        ends: ["Add new signals for plan creation", "Update documentation"],
        // A heading in a fence.
        none: &["Ralphex Plan Preparation Log"],
    },
    Read {
        path: "spec-kit/tasks-template.md",
        format: Some("spec-kit"),
        // T001 to T028, and six that are all called TXXX.
        tasks: 34,
        completed: 0,
        ends: ["Create project structure", "Run quickstart.md validation"],
        none: &["Can run in parallel", "[P] tasks"],
    },
];

fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/plans");
    path.is_dir().then_some(path)
}

fn check(folder: &Path, paths: &[String]) -> Value {
    let output = Command::new(coditect_tests::binary("coditect"))
        .args(["plan", "check", "--json"])
        .args(paths)
        .current_dir(folder)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{paths:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn every_real_plan_is_read_as_a_person_reads_it() {
    let Some(folder) = corpus() else { return };
    let mut wrong = Vec::new();
    for Read { path, format, tasks, completed, ends, none } in PLANS {
        let said = check(&folder, &[path.to_owned()]);
        let document = &said["documents"][0];
        let all = document["tasks"].as_array().unwrap();
        let mut expect = |what: &str, seen: String, expected: String| {
            if seen != expected {
                wrong.push(format!("{path}: {what}: seen {seen}, expected {expected}"));
            }
        };
        if let Some(format) = format {
            expect("format", document["format"].to_string(), format!("{format:?}"));
        }
        expect("tasks", all.len().to_string(), tasks.to_string());
        let done = all.iter().filter(|task| task["status"] == "completed").count();
        expect("completed", done.to_string(), completed.to_string());
        expect("cycles", said["summary"]["cycles"].to_string(), "0".to_owned());
        expect("dangling", said["summary"]["dangling"].to_string(), "0".to_owned());
        let errors: Vec<_> =
            said["diagnostics"].as_array().unwrap().iter().filter(|one| one["severity"] == "error").collect();
        expect("errors", format!("{errors:?}"), "[]".to_owned());
        let titles: Vec<&str> = all.iter().map(|task| task["title"].as_str().unwrap()).collect();
        for (title, end) in [titles.first(), titles.last()].into_iter().zip(ends) {
            let title = title.copied().unwrap_or_default();
            expect(
                "title",
                (if title.to_lowercase().starts_with(&end.to_lowercase()) { end } else { title }).to_owned(),
                end.to_owned(),
            );
        }
        for none in none {
            let false_task = titles.iter().find(|title| title.starts_with(none));
            expect("false task", format!("{false_task:?}"), "None".to_owned());
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_large_plan_says_who_does_each_task_how_long_it_takes_and_what_it_waits_for() {
    let Some(folder) = corpus() else { return };
    let said = check(&folder, &[PLANS[0].path.to_owned()]);
    let tasks = said["documents"][0]["tasks"].as_array().unwrap();
    let lacking = |key: &str, lacks: fn(&Value) -> bool| {
        let lacking = tasks.iter().filter(|task| lacks(&task[key]));
        lacking.map(|task| task["key"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(lacking("agent", Value::is_null), Vec::<&str>::new());
    assert_eq!(lacking("estimate_minutes", Value::is_null), Vec::<&str>::new());
    // Those of which the plan says `None`.
    assert_eq!(lacking("dependencies", |value| value.as_array().unwrap().is_empty()), ["0.1", "0.9"]);
    assert_eq!(said["diagnostics"], Value::Array(Vec::new()));
}

#[test]
fn a_file_of_a_backlog_is_one_task_and_its_acceptance_criteria_are_none() {
    let Some(folder) = corpus() else { return };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder.join("backlog-md")).unwrap() {
        paths.push(format!("backlog-md/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    paths.sort();
    let said = check(&folder, &paths);
    let mut ids = BTreeSet::new();
    for document in said["documents"].as_array().unwrap() {
        assert_eq!(document["format"], "backlog-md", "{}", document["path"]);
        let tasks = document["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 1, "{}", document["path"]);
        assert_eq!(tasks[0]["status"], "completed", "{}", document["path"]);
        assert!(!tasks[0]["acceptance"].as_array().unwrap().is_empty(), "{}", document["path"]);
        ids.insert(tasks[0]["id"].as_str().unwrap().to_owned());
    }
    let expected = [
        "BACK-1",
        "BACK-100",
        "BACK-100.1",
        "BACK-100.2",
        "BACK-100.3",
        "BACK-100.4",
        "BACK-100.5",
        "BACK-100.6",
        "BACK-100.7",
        "BACK-100.8",
        "BACK-101",
        "BACK-104",
    ];
    assert_eq!(ids, expected.map(str::to_owned).into());
    // The ids were `task-…` before they were `BACK-…`, and eighteen references still say so. Backlog.md itself calls each
    // of them an unknown task.
    let unknown =
        said["diagnostics"].as_array().unwrap().iter().filter(|one| one["code"] == "unknown-dependency").count();
    assert_eq!(unknown, 18, "{:#}", said["diagnostics"]);
}
