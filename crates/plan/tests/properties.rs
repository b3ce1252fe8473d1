//! What holds of every text.

#![allow(clippy::unwrap_used, clippy::panic)]

use coditect_plan::{EditError, MarkerStatus, Plan, parse};
use proptest::prelude::*;

/// A line such as plans are made of.
fn line() -> impl Strategy<Value = String> {
    let marker = prop::sample::select(vec![" ", "x", "X", "~", "-", "!", "?", " x", "", "✅", ">"]);
    let indent = prop::sample::select(vec!["", "", "", "  ", "    ", "\t", "      "]);
    let id = prop::sample::select(vec![
        "",
        "",
        "**T1:** ",
        "1.1 ",
        "Task 2: ",
        "T001.002: ",
        "**P1-T01:** ",
        "3. ",
        "a.lock ",
    ]);
    let words = prop::sample::select(vec![
        "do it",
        "a ✅",
        "b ✅\u{fe0f} **DONE**",
        "(2 hours)",
        "[x] y",
        "é `c`",
        "",
        "x ✅ y",
    ]);
    let boxes = (indent.clone(), marker, id.clone(), words.clone())
        .prop_map(|(indent, marker, id, words)| format!("{indent}- [{marker}] {id}{words}"));
    let headings = (
        1..6_usize,
        prop::sample::select(vec![
            "Task 1.1: ",
            "Task 1: ",
            "3.2 ",
            "✅ Task 4: ",
            "Phase 1 ",
            "Legend ",
            "Task x.lock1: ",
        ]),
        words,
    )
        .prop_map(|(level, id, words)| format!("{} {id}{words}", "#".repeat(level)));
    let fixed = prop::sample::select(vec![
        "",
        "",
        "---",
        "```sh",
        "```",
        "~~~",
        "<!--",
        "-->",
        "text",
        "  text",
        "**Agent:** `a` | **Priority:** P9",
        "**Dependencies:** 1.1, Task 9, 1.1-1.9, All tasks",
        "**Acceptance Criteria:**",
        "**Status:** Done",
        "**Status:**",
        "**Verify:** `x`",
        "- item",
        "  - **Verify:**",
        "> - [ ] quoted",
        "1. [ ] numbered",
        "####",
        "#### Task 5",
        "**Time:** ?",
    ])
    .prop_map(str::to_owned);
    prop_oneof![3 => boxes, 2 => headings, 3 => fixed]
}

fn document() -> impl Strategy<Value = String> {
    let end = prop::sample::select(vec!["\n", "\r\n"]);
    (prop::collection::vec(line(), 0..24), end, any::<bool>(), any::<bool>()).prop_map(|(lines, end, bom, last)| {
        let mut text = if bom { String::from("\u{feff}") } else { String::new() };
        text.push_str(&lines.join(end));
        if last {
            text.push_str(end);
        }
        text
    })
}

fn statuses(plan: &Plan) -> Vec<(String, String, MarkerStatus)> {
    plan.tasks.iter().map(|t| (t.key.clone(), t.title.clone(), t.status)).collect()
}

fn is_ref_component(key: &str) -> bool {
    !key.is_empty()
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c))
        && !key.contains("..")
        && key != "@"
        && !key.starts_with(['.', '-'])
        && !key.ends_with('.')
        && !key.to_ascii_lowercase().ends_with(".lock")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_is_read_without_a_panic(text in any::<String>()) {
        let _ = parse("p", &text);
    }

    #[test]
    fn text_made_of_marks_is_read_without_a_panic(text in "[-#*`~\\[\\]x0-9.: \t\r\nTA✅\u{fe0f}<>!|()]{0,200}") {
        let plan = parse("p", &text);
        for task in &plan.tasks {
            let _ = parse("p", &text).set_status(&text, &task.key, MarkerStatus::Completed);
        }
    }

    #[test]
    fn keys_are_unique_and_fit_for_refs_and_files(text in document()) {
        let plan = parse("p", &text);
        let mut keys: Vec<String> = plan.tasks.iter().map(|t| t.key.to_ascii_lowercase()).collect();
        prop_assert!(plan.tasks.iter().all(|t| is_ref_component(&t.key)), "{keys:?}");
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), plan.tasks.len());
    }

    #[test]
    fn diagnostics_point_into_the_document(text in document()) {
        let lines: Vec<&str> = text.split('\n').collect();
        for d in parse("p", &text).diagnostics {
            prop_assert!(d.line >= 1 && d.line <= lines.len());
            prop_assert!(d.column >= 1 && d.column <= lines[d.line - 1].chars().count() + 1);
            prop_assert!(!d.message.is_empty() && !d.help.is_empty());
        }
    }

    #[test]
    fn setting_the_present_status_is_the_identity(text in document()) {
        for task in parse("p", &text).tasks {
            let edit = parse("p", &text).set_status(&text, &task.key, task.status).unwrap();
            prop_assert!(edit.is_identity());
            prop_assert_eq!(&edit.text, &text);
        }
    }

    #[test]
    fn setting_a_status_changes_that_task_and_no_other(text in document(), pick in any::<prop::sample::Index>(), status in prop::sample::select(MarkerStatus::ALL.to_vec())) {
        let before = parse("p", &text);
        if before.tasks.is_empty() {
            return Ok(());
        }
        let task = &before.tasks[pick.index(before.tasks.len())];
        let edit = match parse("p", &text).set_status(&text, &task.key, status) {
            Ok(edit) => edit,
            Err(EditError::NotExpressible { .. }) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        // What is outside the splices is what was there before.
        let (mut old, mut new) = (0, 0);
        for splice in &edit.splices {
            let same = splice.range.start - old;
            prop_assert_eq!(&text[old..splice.range.start], &edit.text[new..new + same]);
            new += same + splice.text.len();
            old = splice.range.end;
        }
        prop_assert_eq!(&text[old..], &edit.text[new..]);
        if text[task.span.clone()].trim_start().starts_with(['-', '1']) {
            prop_assert!(edit.splices.iter().all(|s| s.range.len() <= 4 && s.text.len() == 1));
        }
        let mut want = statuses(&before);
        let at = before.tasks.iter().position(|t| t.key == task.key).unwrap();
        // A heading has no place for `in progress`.
        if !edit.is_identity() || status != MarkerStatus::InProgress {
            want[at].2 = status;
        }
        prop_assert_eq!(statuses(&parse("p", &edit.text)), want);
    }
}

#[test]
fn a_plan_of_ten_thousand_tasks_is_read_in_linear_time() {
    let plan = |count: usize| {
        let mut text = String::from("# Big\n");
        for n in 0..count {
            let (phase, number) = (n / 50, n % 50);
            if number == 0 {
                text.push_str(&format!("\n## Phase {phase}: Part\n"));
            }
            text.push_str(&format!("\n#### Task {phase}.{number}: Title ✅\n**Agent:** `a` | **Priority:** P1\n**Time Estimate:** 2 hours\n"));
            let before = if number == 0 { "None".to_owned() } else { format!("Task {phase}.{}", number - 1) };
            text.push_str(&format!(
                "**Dependencies:** {before}\n\n- [ ] one\n- [x] two\n\n**Acceptance Criteria:**\n- fine\n"
            ));
        }
        text
    };
    let text = plan(10_000);
    let start = std::time::Instant::now();
    let tasks = parse("p", &text).tasks;
    let took = start.elapsed();
    assert_eq!(tasks.len(), 10_000);
    assert_eq!(tasks.iter().map(|t| t.dependencies.len()).sum::<usize>(), 9_800);
    // So generous that it fails for the wrong kind of growth and not for a busy machine.
    assert!(took < std::time::Duration::from_secs(60), "{took:?}");
    println!("{} bytes in {took:?}", text.len());
}
