//! What holds of every text in every dialect whose status is data or emoji.

use coditect_plan::{EditError, Format, MarkerStatus, Plan, parse_as};
use proptest::prelude::*;

const FORMATS: [Format; 5] = [Format::BacklogMd, Format::Obsidian, Format::GitHub, Format::TaskMaster, Format::Ralph];

/// Pieces that documents of these dialects are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "\n",
        "\r\n",
        " ",
        "\\",
        "\\u00e9",
        "1",
        "true",
        "null",
        "id",
        "title",
        "status",
        "tasks",
        "userStories",
        "\"tasks\":[",
        "{\"id\":1,\"title\":\"é\",\"status\":\"done\"}",
        "\"passes\":false",
        "---",
        "---\n",
        "id: x\n",
        "title: y\n",
        "status:\n",
        "status: 'To Do'\n",
        "dependencies: [a, b]\n",
        "- [ ] ",
        "  - [x] ",
        "- [/] ",
        "🆔 ab",
        "⛔ ab,cd",
        "📅 2026-01-01",
        "\u{fe0f}",
        "🔺",
        "[id:: q]",
        "(dependsOn:: q)",
        "#12",
        "blocked by #12",
        "## A",
        "<!-- AC:BEGIN -->",
        "```",
        "\u{feff}",
        "é",
        "#tag",
        " ^b",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Documents that have tasks.
fn document() -> impl Strategy<Value = (Format, String)> {
    let word = prop::sample::select(vec!["pending", "done", "in-progress", "review", "cancelled", "odd", ""]);
    let json = prop::collection::vec((0..6_u8, word, 0..6_u8, prop::bool::ANY, prop::bool::ANY), 1..8);
    let json = (json, prop::sample::select(vec!["\n", "\r\n", ""]), prop::bool::ANY).prop_map(|(tasks, end, ralph)| {
        let entry = |(id, word, dependency, sub, passes): &(u8, &str, u8, bool, bool)| {
            let status = if word.is_empty() { String::new() } else { format!(",\"status\": \"{word}\"") };
            let own = if ralph { format!(",\"passes\":{passes}") } else { status };
            let subtasks = format!(",\"subtasks\":[{{\"id\":1,\"title\":\"s\"}},{{\"id\":2,\"status\":\"{word}\"}}]");
            let subtasks = if *sub { subtasks } else { String::new() };
            format!("{{{end}\"id\":{id},\"title\":\"é\"{own},{end}\"dependencies\":[{dependency},\"{dependency}.1\"]{subtasks}}}")
        };
        let entries = tasks.iter().map(entry).collect::<Vec<_>>().join(&format!(",{end}"));
        match ralph {
            true => (Format::Ralph, format!("{{\"userStories\":[{entries}]}}")),
            false => (Format::TaskMaster, format!("{{\"t\":{{\"tasks\":[{entries}]}},\"master\":{{\"tasks\":[{entries}]}}}}")),
        }
    });
    let line = prop::sample::select(vec![
        "- [ ] a 🆔 a1",
        "\t- [x] b ⛔ a1",
        "- [-] c 📅\u{fe0f} 2026-01-01",
        "* [/] d #t 🔺",
        "1. [X] e [id:: b2]",
        "## H",
        "",
        "text",
        "- [ ] #1 f",
        "  - [ ] g",
        "+ [?] h blocked by #1",
    ]);
    let boxes = (prop::collection::vec(line, 1..12), prop::sample::select(vec!["\n", "\r\n"]), prop::bool::ANY);
    let boxes = boxes
        .prop_map(|(lines, end, github)| (if github { Format::GitHub } else { Format::Obsidian }, lines.join(end)));
    let status = prop::sample::select(vec![
        "",
        "status:",
        "status: To Do",
        "status: \"done\" # c",
        "'status': 'In Progress'",
        "status: >-\n  Done",
        "status: {}",
        "status: [x",
    ]);
    let backlog = (status, prop::sample::select(vec!["\n", "\r\n"])).prop_map(|(status, end)| {
        let text = format!("---\nid: t-1\ntitle: é: x\n{status}\nlabels: []\n---\n\n- [ ] box");
        (Format::BacklogMd, text.replace('\n', end))
    });
    prop_oneof![4 => json, 4 => boxes, 1 => backlog]
}

fn statuses(plan: &Plan) -> Vec<(String, String, MarkerStatus)> {
    plan.tasks.iter().map(|t| (t.key.clone(), t.title.clone(), t.status)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_odd_and_an_edit_to_what_is_there_is_none(text in soup(), format in prop::sample::select(FORMATS.to_vec())) {
        let _ = Format::detect("tasks.json", &text);
        let _ = Format::detect("p.md", &text);
        let plan = parse_as(format, "p", &text);
        for task in &plan.tasks {
            prop_assert!(text.get(task.span.clone()).is_some());
            prop_assert!(plan.set_status(&text, &task.key, task.status).unwrap().is_identity());
        }
    }

    #[test]
    fn setting_a_status_changes_that_task_and_no_other(
        (format, text) in document(),
        bom in prop::bool::ANY,
        pick in any::<prop::sample::Index>(),
        status in prop::sample::select(MarkerStatus::ALL.to_vec()),
    ) {
        let text = if bom { format!("\u{feff}{text}") } else { text };
        let before = parse_as(format, "p", &text);
        prop_assume!(!before.tasks.is_empty());
        let at = pick.index(before.tasks.len());
        let edit = match before.set_status(&text, &before.tasks[at].key, status) {
            Ok(edit) => edit,
            Err(EditError::NotInFormat { .. }) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let mut want = statuses(&before);
        if !edit.is_identity() || status != MarkerStatus::InProgress {
            want[at].2 = status;
        }
        prop_assert_eq!(statuses(&parse_as(format, "p", &edit.text)), want, "{}\n{}", text, edit.text);
    }
}
