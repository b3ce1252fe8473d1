//! What holds of every text read as spec-kit, Kiro, OpenSpec or ralphex.

use std::collections::{HashMap, HashSet};

use coditect_plan::{Dependency, Format, Plan, PlanTask, parse_as};
use proptest::prelude::*;

const FORMATS: [Format; 4] = [Format::SpecKit, Format::Kiro, Format::OpenSpec, Format::Ralphex];

/// A line such as these plans are made of.
fn line() -> impl Strategy<Value = String> {
    let marker = prop::sample::select(vec![" ", " ", "x", "X", "~", "-", "?", "", "!"]);
    let indent = prop::sample::select(vec!["", "", "", "  ", "    ", "\t", "      "]);
    let star = prop::sample::select(vec!["", "", "", "*"]);
    let id = prop::sample::select(vec![
        "",
        "T001 ",
        "T002 [P] ",
        "T003 [P] [US1] ",
        "T004 ",
        "TXXX ",
        "1. ",
        "2. ",
        "1.1 ",
        "1.2 ",
        "2.1 ",
        "1.1.1 ",
    ]);
    let words = prop::sample::select(vec![
        "do it in src/a.py",
        "[x] y",
        "é ✅",
        "Checkpoint - look",
        "a (depends on T004)",
        "a (depends on 2.1, 1)",
        "a (depends on T001, T003)",
        "",
    ]);
    let boxes = (indent, marker, star, id, words)
        .prop_map(|(indent, marker, star, id, words)| format!("{indent}- [{marker}]{star} {id}{words}"));
    let fixed = prop::sample::select(vec![
        "",
        "",
        "---",
        "```sh",
        "```",
        "text",
        "  - detail",
        "  - _Requirements: 1.1_",
        "## Phase 1: Setup",
        "## Phase 2: Story (Priority: P1)",
        "## 1. Group",
        "## Notes",
        "### Task 1: A",
        "### Task 2: B",
        "### 3. C",
        "### Iteration 4: D ✅",
        "**Files:**",
        "- Modify: `a.rs`",
        "## Validation Commands",
    ])
    .prop_map(str::to_owned);
    prop_oneof![3 => boxes, 2 => fixed]
}

fn document() -> impl Strategy<Value = String> {
    let end = prop::sample::select(vec!["\n", "\r\n"]);
    (prop::collection::vec(line(), 0..24), end, any::<bool>()).prop_map(|(lines, end, last)| {
        let mut text = lines.join(end);
        if last {
            text.push_str(end);
        }
        text
    })
}

/// Whether the tasks can be put in an order in which each stands behind what it waits for: by all of its
/// dependencies, or by those alone that are written down.
fn can_be_done(plan: &Plan, implied: bool) -> bool {
    let counts = |task: &PlanTask, d: &Dependency| implied || (d.line, d.column) != (task.line, task.column);
    let waits = |task: &'_ PlanTask| -> Vec<String> {
        task.dependencies.iter().filter(|d| counts(task, d)).map(|d| d.key.clone()).collect()
    };
    let mut open: HashMap<&str, Vec<String>> = plan.tasks.iter().map(|t| (t.key.as_str(), waits(t))).collect();
    while !open.is_empty() {
        let free = |waits: &Vec<String>| waits.iter().all(|w| !open.contains_key(w.as_str()));
        let ready: HashSet<&str> = open.iter().filter(|(_, waits)| free(waits)).map(|(key, _)| *key).collect();
        if ready.is_empty() {
            return false;
        }
        open.retain(|key, _| !ready.contains(key));
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_a_format_and_is_read_in_each_without_a_panic(path in "[a-z./\\\\-]{0,20}", text in any::<String>()) {
        let _ = Format::detect(&path, &text);
        for format in FORMATS {
            let _ = parse_as(format, &path, &text);
        }
    }

    #[test]
    fn dependencies_lead_to_tasks_and_order_adds_no_cycle(text in document()) {
        for format in FORMATS {
            let plan = parse_as(format, "p", &text);
            let keys: HashSet<&str> = plan.tasks.iter().map(|t| t.key.as_str()).collect();
            prop_assert_eq!(keys.len(), plan.tasks.len());
            for task in &plan.tasks {
                prop_assert!(task.dependencies.iter().all(|d| keys.contains(d.key.as_str()) && d.key != task.key));
                let different: HashSet<&str> = task.dependencies.iter().map(|d| d.key.as_str()).collect();
                prop_assert_eq!(different.len(), task.dependencies.len());
            }
            prop_assert!(can_be_done(&plan, true) || !can_be_done(&plan, false), "{}: {}", format, text);
        }
    }
}
