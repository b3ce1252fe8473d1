//! Backlog.md, Obsidian Tasks, GitHub task lists, Task Master and ralph: each is known by itself, read, and written
//! back in its own spelling.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::PathBuf;

use MarkerStatus::{Blocked, Cancelled, Completed, InProgress, Pending};
use coditect_core::Priority;
use coditect_plan::{Code, EditError, Format, MarkerStatus, Plan, PlanTask, Severity, parse, parse_as};

mod json;
mod markdown;
mod properties;

const FIXTURES: [(&str, Format); 5] = [
    ("backlog-md/back-7.1 - Reader.md", Format::BacklogMd),
    ("obsidian/vault.md", Format::Obsidian),
    ("github/release.md", Format::GitHub),
    ("task-master/tasks.json", Format::TaskMaster),
    ("ralph/prd.json", Format::Ralph),
];

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn read(name: &str) -> (String, Plan) {
    let text = fixture(name);
    let plan = parse(name, &text);
    (text, plan)
}

fn task<'p>(plan: &'p Plan, key: &str) -> &'p PlanTask {
    plan.tasks.iter().find(|t| t.key == key).unwrap_or_else(|| panic!("no task {key} in {:?}", keys(plan)))
}

fn keys(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|t| t.key.as_str()).collect()
}

fn waits_for<'p>(plan: &'p Plan, key: &str) -> Vec<&'p str> {
    task(plan, key).dependencies.iter().map(|d| d.key.as_str()).collect()
}

fn codes(plan: &Plan) -> Vec<(Code, usize, usize)> {
    plan.diagnostics.iter().map(|d| (d.code, d.line, d.column)).collect()
}

fn set(path: &str, text: &str, key: &str, status: MarkerStatus) -> String {
    parse(path, text).set_status(text, key, status).unwrap().text
}

#[test]
fn each_dialect_is_known_by_itself() {
    for (name, format) in FIXTURES {
        let text = fixture(name);
        assert_eq!(Format::detect(name, &text), format, "{name}");
        // Neither a mark of byte order nor other line endings hide it.
        let odd = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(Format::detect(name, &odd), format, "{name}");
    }
}

#[test]
fn plans_of_coditect_stay_so() {
    for text in [
        "- [ ] plain\n- [x] list\n",
        "- [ ] **P1-T01:** Title (5 days) ✅ 2025-01-01\n",
        "#### Task 1.1: A ✅\n**Agent:** `a`\n- [ ] see #12\n- [ ] b 📅 2026-01-01\n",
        "- [ ] **T1:** a\n  **Dependencies:** #12\n- [ ] #12 b\n",
        "---\nid: plan-1\ntitle: Plan\nstatus: active\nlabels: [x]\n---\n## Task 1.1: A\n- [ ] b\n",
        "---\ntotal_tasks: 4\n---\n- [ ] a\n",
        "- [~] #12 in progress\n",
        "```\n- [ ] #12 in a fence\n- [ ] x 🆔 abc\n```\n",
    ] {
        assert_eq!(Format::detect("PLAN.md", text), Format::Coditect, "{text}");
    }
    let decision = "---\nid: decision-1\ntitle: Use it\ndate: 2026-01-01\nstatus: accepted\n---\n## Context\n";
    assert_eq!(Format::detect("decision-1.md", decision), Format::Coditect);
}

#[test]
fn every_status_a_dialect_can_say_is_set_and_read_back_and_the_others_are_refused() {
    let can = |format| match format {
        Format::BacklogMd => vec![Pending, InProgress, Completed],
        Format::Obsidian => vec![Pending, InProgress, Completed, Cancelled],
        Format::TaskMaster => MarkerStatus::ALL.to_vec(),
        _ => vec![Pending, Completed],
    };
    for (name, format) in FIXTURES {
        let text = fixture(name);
        for text in [text.clone(), format!("\u{feff}{}", text.replace('\n', "\r\n")), text.trim_end().to_owned()] {
            let plan = parse(name, &text);
            for (at, task) in plan.tasks.iter().enumerate() {
                for status in MarkerStatus::ALL {
                    let edit = plan.set_status(&text, &task.key, status);
                    if task.status == status {
                        assert!(edit.unwrap().is_identity());
                        continue;
                    }
                    if !can(format).contains(&status) {
                        match edit {
                            Ok(edit) => assert!(edit.is_identity() && status == InProgress, "{format} {status}"),
                            Err(error) => assert!(matches!(error, EditError::NotInFormat { .. }), "{error}"),
                        }
                        continue;
                    }
                    let edit = edit.unwrap();
                    let mut want: Vec<(String, String, MarkerStatus)> =
                        plan.tasks.iter().map(|t| (t.key.clone(), t.title.clone(), t.status)).collect();
                    want[at].2 = status;
                    let after = parse(name, &edit.text);
                    let have: Vec<_> = after.tasks.iter().map(|t| (t.key.clone(), t.title.clone(), t.status)).collect();
                    assert_eq!(have, want, "{name} {} {status}", task.key);
                    // Back again there is nothing but the spelling of what was there before.
                    let back = parse(name, &edit.text).set_status(&edit.text, &task.key, task.status);
                    if let Ok(back) = back {
                        assert_eq!(parse(name, &back.text).tasks[at].status, task.status);
                    }
                }
            }
        }
    }
}

#[test]
fn deep_nesting_and_long_lines_are_not_the_end_of_the_stack() {
    let ids: String = (0..20_000).map(|n| format!("{{\"id\":{n},\"title\":\"é\",\"status\":\"pending\"}},")).collect();
    let tags = "#a ".repeat(300_000);
    for (path, text) in [
        ("tasks.json", "[".repeat(10 << 20)),
        ("prd.json", "{\"a\":".repeat(2 << 20)),
        ("x.json", format!("{{\"tasks\":{}", "[".repeat(10 << 20))),
        ("t.md", format!("---\nid: a\ntitle: b\nstatus: {}\ndependencies: []\n---\n", "[".repeat(5 << 20))),
        ("tasks.json", format!("{{\"tasks\":[{}]}}", ids.trim_end_matches(','))),
        ("o.md", format!("- [ ] a 🆔 b1\n- [ ] {tags}\n- [ ] {}\n", "[x] ".repeat(300_000))),
        ("g.md", format!("- [ ] #1 {}\n", "blocked by #2 ".repeat(50_000))),
    ] {
        let plan = parse(path, &text);
        assert!(plan.diagnostics.len() < 100_000);
    }
}

#[test]
fn trap_changing_one_task_does_not_touch_another_with_the_same_words() {
    let text = "- [ ] same 🆔 a1\n- [ ] same 🆔 a2\n- [ ] same 📅 2026-01-01\n- [ ] same 📅 2026-01-01\n";
    assert_eq!(keys(&parse("n.md", text)), ["a1", "a2", "plan-1", "plan-2"]);
    let want = "- [ ] same 🆔 a1\n- [ ] same 🆔 a2\n- [ ] same 📅 2026-01-01\n- [x] same 📅 2026-01-01\n";
    assert_eq!(set("n.md", text, "plan-2", Completed), want);
}
