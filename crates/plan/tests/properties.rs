//! What holds of every text.

#![allow(clippy::unwrap_used, clippy::panic)]

use coditect_plan::{EditError, Format, Mark, MarkerStatus, Note, Plan, parse, parse_as};
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

/// Lines that only one of the other dialects gives a meaning, and those a note must not be taken for.
fn dialect_line() -> impl Strategy<Value = String> {
    let marker = prop::sample::select(vec![" ", " ", "x", "X", "~", "-", "/", "?", ""]);
    let indent = prop::sample::select(vec!["", "", "", "  ", "    "]);
    let text = prop::sample::select(vec![
        "T001 Set up",
        "T002 [P] [US1] Write it in src/a.py (depends on T001)",
        "1. Group",
        "1.1 Part",
        "2.* Maybe",
        "3. Checkpoint",
        "a 🆔 a1 ⏫",
        "b ⛔ a1 📅 2026-01-01 ✅ 2026-01-02",
        "c #tag ✅\u{fe0f} 2026-01-02 ^block",
        "d [id:: q] [completion:: 2026-01-02]",
        "#12 Mend it",
        "Mend it blocked by #12",
        "Mend it #13",
        "e <!-- later -->",
        "f <!-- coditect: agent=a, date=2026-01-02, commit=abc1234 -->",
        "g <!-- coditect: agent=a --> and on",
        "`<!-- coditect: agent=a -->`",
        "<!-- coditect: agent=a -->",
    ]);
    let boxes = (indent, marker, text).prop_map(|(indent, marker, text)| format!("{indent}- [{marker}] {text}"));
    let fixed = prop::sample::select(vec![
        "## Phase 1: Setup",
        "## Phase 2: Story",
        "## 1. Group",
        "### Task 1: A",
        "### Task 2: B <!-- coditect: date=2026-01-02 --> ##",
        "### Iteration 3: C ✅",
        "### 4. D",
        "Task 5: E\n===",
        "## Validation Commands",
        "- `make test`",
        "_Requirements: 1.1_",
        "<!-- AC:BEGIN -->",
        "<!-- open",
    ])
    .prop_map(str::to_owned);
    prop_oneof![3 => boxes, 2 => fixed]
}

/// A plan of a format that keeps its tasks in data.
fn data() -> impl Strategy<Value = String> {
    let status = prop::sample::select(vec!["pending", "done", "in-progress", "blocked", "cancelled", "odd"]);
    let json = prop::collection::vec((status.clone(), any::<bool>(), any::<bool>()), 0..6).prop_map(|entries| {
        let entry = |(at, (status, passes, steps)): (usize, &(&str, bool, bool))| {
            let steps = if *steps {
                format!(", \"subtasks\": [{{\"id\": 1, \"status\": \"{status}\"}}]")
            } else {
                String::new()
            };
            format!("  {{\"id\": {at}, \"title\": \"é\", \"status\": \"{status}\", \"passes\": {passes}{steps}}}")
        };
        let entries: Vec<String> = entries.iter().enumerate().map(entry).collect();
        let list = entries.join(",\n");
        format!("{{\"master\": {{\"tasks\": [\n{list}\n]}},\n\"userStories\": [\n{list}\n]}}\n")
    });
    let backlog = (status, prop::collection::vec(dialect_line(), 0..8))
        .prop_map(|(status, lines)| format!("---\nid: t-1\ntitle: A\nstatus: {status}\n---\n\n{}", lines.join("\n")));
    prop_oneof![json, backlog]
}

/// A document such as any of the formats has, with lines of several.
fn any_document() -> impl Strategy<Value = String> {
    let mixed = prop::collection::vec(prop_oneof![1 => line(), 2 => dialect_line()], 0..20);
    let mixed = (mixed, prop::sample::select(vec!["\n", "\r\n"]), any::<bool>(), any::<bool>());
    let mixed = mixed.prop_map(|(lines, end, bom, last)| {
        let text = lines.join(end) + if last { end } else { "" };
        if bom { format!("\u{feff}{text}") } else { text }
    });
    prop_oneof![1 => document(), 3 => mixed, 1 => data()]
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
            let _ = plan.set_status(&text, &task.key, MarkerStatus::Completed);
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
}

/// `new` with the splices taken back.
fn undone(splices: &[coditect_plan::Splice], old: &str, new: &str) -> String {
    let (mut text, mut at, mut from) = (String::new(), 0, 0);
    for splice in splices {
        let same = splice.range.start - from;
        text.push_str(&new[at..at + same]);
        text.push_str(&old[splice.range.clone()]);
        at += same + splice.text.len();
        from = splice.range.end;
    }
    text + &new[at..]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_every_format_to_set_what_is_there_is_the_identity(text in any_document()) {
        for format in Format::ALL {
            let plan = parse_as(format, "p", &text);
            let all: Vec<_> = plan.tasks.iter().map(|t| (t.key.as_str(), t.status)).collect();
            let edit = plan.set_statuses(&text, &all).unwrap();
            prop_assert!(edit.is_identity() && edit.text == text, "{}", format);
            let note = note();
            let all: Vec<_> =
                plan.tasks.iter().map(|t| Mark { key: &t.key, status: t.status, note: Some(&note) }).collect();
            prop_assert!(plan.set_marks(&text, &all).unwrap().is_identity(), "{}", format);
        }
    }

    #[test]
    fn in_every_format_an_edit_with_or_without_a_note_reads_back_as_just_that_change(
        text in any_document(),
        pick in any::<prop::sample::Index>(),
        status in prop::sample::select(MarkerStatus::ALL.to_vec()),
        annotated in any::<bool>(),
    ) {
        for format in Format::ALL {
            let before = parse_as(format, "p", &text);
            if before.tasks.is_empty() {
                continue;
            }
            let at = pick.index(before.tasks.len());
            let key = before.tasks[at].key.as_str();
            let edit = match annotated {
                true => before.set_marks(&text, &[Mark { key, status, note: Some(&note()) }]),
                false => before.set_status(&text, key, status),
            };
            let edit = match edit {
                Ok(edit) => edit,
                Err(EditError::NotExpressible { .. } | EditError::NotInFormat { .. }) => continue,
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            prop_assert_eq!(undone(&edit.splices, &text, &edit.text), text.clone(), "{}", format);
            if !annotated && text[before.tasks[at].span.clone()].trim_start().starts_with("- [") {
                let marks = |s: &coditect_plan::Splice| s.range.len() <= 4 && s.text.len() == 1 || s.text.is_empty();
                prop_assert!(edit.splices.iter().all(marks), "{:?}", edit.splices);
            }
            let mut want = statuses(&before);
            if !edit.is_identity() || status != MarkerStatus::InProgress {
                want[at].2 = status;
            }
            let after = parse_as(format, "p", &edit.text);
            prop_assert_eq!(statuses(&after), want, "{}:\n{}\n---\n{}", format, text, edit.text);
            let rest = |plan: &Plan| plan.tasks.iter().map(|t| (t.id.clone(), t.line, t.dependencies.len(), t.priority)).collect::<Vec<_>>();
            prop_assert_eq!(rest(&after), rest(&before), "{}", format);
            // Nobody takes the file for another format because of a note. (Obsidian's day of completion tells its format.)
            if format != Format::Obsidian {
                let plain = before.set_status(&text, key, status).unwrap();
                prop_assert_eq!(Format::detect("p", &edit.text), Format::detect("p", &plain.text), "{}", edit.text);
            }
        }
    }

    #[test]
    fn in_every_markdown_format_a_tick_with_a_note_taken_back_leaves_what_was_there(
        text in any_document(),
        pick in any::<prop::sample::Index>(),
    ) {
        // The day that Obsidian's plugin has may be a person's, and stays.
        for format in Format::ALL.into_iter().filter(|f| *f != Format::Obsidian) {
            let before = parse_as(format, "p", &text);
            let open: Vec<_> = before.tasks.iter().filter(|t| t.status == MarkerStatus::Pending && t.steps.is_empty()).collect();
            if open.is_empty() || text.contains("coditect:") || text.contains('✅') {
                continue;
            }
            let task = open[pick.index(open.len())];
            let key = task.key.as_str();
            let note = note();
            let mark = |status, note| [Mark { key, status, note }];
            let done = before.set_marks(&text, &mark(MarkerStatus::Completed, Some(&note))).unwrap();
            let back = parse_as(format, "p", &done.text);
            let back = back.set_marks(&done.text, &mark(MarkerStatus::Pending, None)).unwrap();
            let plain = before.set_status(&text, key, MarkerStatus::Completed).unwrap();
            let plain = parse_as(format, "p", &plain.text).set_status(&plain.text, key, MarkerStatus::Pending).unwrap();
            prop_assert_eq!(back.text, plain.text, "{}", format);
        }
    }
}

fn note() -> Note {
    Note { agent: Some("rust-expert".into()), date: "2026-01-31".into(), commit: Some("abc1234".into()) }
}

#[test]
fn a_plan_of_ten_thousand_tasks_is_read_whole() {
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
    let tasks = parse("p", &plan(10_000)).tasks;
    assert_eq!(tasks.len(), 10_000);
    assert_eq!(tasks.iter().map(|t| t.dependencies.len()).sum::<usize>(), 9_800);
}
