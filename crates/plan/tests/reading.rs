//! What a plan is read as.

#![allow(clippy::unwrap_used, clippy::panic)]

use coditect_core::Priority;
use coditect_plan::{Code, MarkerStatus, Plan, PlanTask, parse};

fn keys(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|t| t.key.as_str()).collect()
}

fn codes(plan: &Plan) -> Vec<Code> {
    plan.diagnostics.iter().map(|d| d.code).collect()
}

fn task<'p>(plan: &'p Plan, key: &str) -> &'p PlanTask {
    plan.tasks.iter().find(|t| t.key == key).unwrap_or_else(|| panic!("no task {key} in {:?}", keys(plan)))
}

fn waits_for(plan: &Plan, key: &str) -> Vec<String> {
    task(plan, key).dependencies.iter().map(|d| d.key.clone()).collect()
}

fn steps(task: &PlanTask) -> Vec<&str> {
    task.steps.iter().map(|s| s.text.as_str()).collect()
}

const HEADINGS: &str = "\
# Build a small shop

## Phase 1: Base (P1)

#### Task 1.1: Lay out the tables ✅
**Agent:** `db-smith` (SQL) | **Priority:** P0 (CRITICAL)
**Time Estimate:** 2-3 hours
**Dependencies:** None

The tables come first.

- [x] write them
  - [x] indexes too

**Acceptance Criteria:**
- [ ] they load
- a second load
  changes nothing

**Verify:** `make load`, `make check`

#### Task 1.2: Serve them
**Owner:** Ann
**Depends on**: Task 1.1 complete
**Files:**
- Create: `src/serve.rs`
- Modify: `src/main.rs`

```sh
echo serve > served
```

- [ ] serve

## Legend

- [ ] nothing done
- [x] done
";

#[test]
fn headings_with_ids_are_tasks_with_all_their_fields() {
    let plan = parse("shop.md", HEADINGS);
    assert_eq!((keys(&plan), codes(&plan)), (vec!["1.1", "1.2"], vec![]));
    let first = task(&plan, "1.1");
    assert_eq!(first.title, "Lay out the tables");
    assert_eq!((first.line, first.column, first.status), (5, 1, MarkerStatus::Completed));
    assert_eq!(first.section, ["Phase 1: Base (P1)"]);
    assert_eq!((first.agent.as_deref(), first.priority), (Some("db-smith"), Some(Priority::P0)));
    assert_eq!(first.estimate_minutes, Some(180));
    assert_eq!(steps(first), ["write them", "indexes too"]);
    assert_eq!(first.acceptance, ["they load", "a second load changes nothing"]);
    assert_eq!(first.verify, ["make load", "make check"]);
    assert_eq!(first.description, "The tables come first.");
    let second = task(&plan, "1.2");
    assert_eq!(second.priority, Some(Priority::P1), "taken from the section");
    assert_eq!(second.agent.as_deref(), Some("Ann"));
    assert_eq!(second.touches, ["src/serve.rs", "src/main.rs"]);
    assert_eq!(second.script.as_deref(), Some("echo serve > served\n"));
    assert_eq!(
        (second.dependencies[0].key.as_str(), second.dependencies[0].line, second.dependencies[0].column),
        ("1.1", 24, 17)
    );
}

#[test]
fn the_json_has_the_published_names() {
    let json = serde_json::to_value(parse("shop.md", HEADINGS)).unwrap();
    assert_eq!(json["format"], "coditect");
    let task = &json["tasks"][1];
    assert_eq!(task["dependencies"], serde_json::json!(["1.1"]));
    assert_eq!(task["steps"], serde_json::json!([{"text": "serve", "done": false, "line": 33}]));
    for name in [
        "key",
        "id",
        "title",
        "status",
        "line",
        "column",
        "section",
        "priority",
        "agent",
        "estimate_minutes",
        "parent",
        "acceptance",
        "verify",
        "touches",
        "optional",
        "human",
        "changes",
    ] {
        assert!(task.get(name).is_some(), "{name}");
    }
    assert!(task.get("span").is_none() && task.get("anchor").is_none());
}

#[test]
fn boxes_with_ids_are_tasks_and_nested_boxes_their_steps() {
    let plan = parse(
        "p",
        "## Phase 1\n\
         - [ ] **Task 1.2.1:** Title (2 hours)\n  - **Agent:** smith\n  - [x] a\n    - [ ] b\n\
         - [x] **T1.1.1** Short (5 min)\n\
         - [~] **P1-T01:** Long (5 days) ✅ **COMPLETED**\n  Depends on: 1.2.1\n\
         - [!] T001.001: Plain\n  - [ ] T001.001.1 part\n\
         - [-] A.9.1.3 Control\n",
    );
    assert_eq!(keys(&plan), ["1.2.1", "T1.1.1", "P1-T01", "T001.001", "A.9.1.3"]);
    let statuses: Vec<_> = plan.tasks.iter().map(|t| t.status.as_str()).collect();
    assert_eq!(statuses, ["pending", "completed", "in_progress", "blocked", "cancelled"]);
    assert_eq!(steps(task(&plan, "1.2.1")), ["a", "b"]);
    assert_eq!(task(&plan, "1.2.1").agent.as_deref(), Some("smith"));
    assert_eq!(task(&plan, "P1-T01").estimate_minutes, Some(2400));
    assert_eq!(waits_for(&plan, "P1-T01"), ["1.2.1"]);
    assert_eq!(steps(task(&plan, "T001.001")), ["T001.001.1 part"]);
    assert_eq!(codes(&plan), []);
}

#[test]
fn a_nested_box_with_an_id_of_another_kind_is_a_task_that_its_parent_waits_for() {
    let plan = parse("p", "- [ ] F001.1: Feature\n  - [ ] T001.001: One\n    - [ ] step\n  - [ ] T001.002: Two\n");
    assert_eq!(keys(&plan), ["F001.1", "T001.001", "T001.002"]);
    assert_eq!(task(&plan, "T001.001").parent.as_deref(), Some("F001.1"));
    assert_eq!(waits_for(&plan, "F001.1"), ["T001.001", "T001.002"]);
    assert_eq!(steps(task(&plan, "T001.001")), ["step"]);
}

#[test]
fn outermost_boxes_are_tasks_where_nothing_has_an_id_and_keys_come_from_the_place() {
    let text =
        "# Plan\n## Build it\n- [ ] one\n  - [ ] part\n- [x] two\n## Notes\n- [ ] not one\n## Ship it\n* [ ] three\n";
    let plan = parse("p", text);
    assert_eq!(keys(&plan), ["build-it-1", "build-it-2", "ship-it-1"]);
    assert_eq!(steps(&plan.tasks[0]), ["part"]);
    let renamed = parse("p", &text.replace("one", "uno").replace("three", "tre"));
    assert_eq!(keys(&renamed), keys(&plan), "titles do not matter");
}

#[test]
fn sections_with_one_name_are_told_apart_by_the_section_around_them() {
    let plan = parse("p", "## A\n### Tasks\n- [ ] x\n## B\n### Tasks\n- [ ] y\n");
    assert_eq!(keys(&plan), ["a.tasks-1", "b.tasks-1"]);
}

#[test]
fn numbered_headings_are_tasks_only_where_they_have_fields() {
    let plan = parse("p", "## 1. Group\n- [ ] 1.1 Title\n- [ ] 1.2 Other\n## 2. Group\n- [ ] 2.1 Third\n");
    assert_eq!(keys(&plan), ["1.1", "1.2", "2.1"]);
    let plan = parse(
        "p",
        "## 3. Phase\n#### 3.1 Title\n**Agent:** a\n- [ ] s\n#### 3.2 Other\n- [ ] s\n#### 3.3 Remarks\ntext\n",
    );
    assert_eq!(keys(&plan), ["3.1", "3.2"]);
}

// The traps of real files.

#[test]
fn criteria_legends_examples_and_fences_hold_neither_tasks_nor_steps() {
    let plan = parse(
        "p",
        "## Work\n- [ ] **T1:** Do\n  **Acceptance Criteria:**\n  - [ ] fine\n\n```md\n- [ ] **T9:** example\n```\n\
         ## Success Criteria\n- [ ] **T8:** not this\n### Phase 1 Complete When:\n- [ ] nor this\n\
         ## Task Completion Legend\n- [ ] **T7:** nor that\n**Legend:**\n- [x] done\n",
    );
    assert_eq!(keys(&plan), ["T1"]);
    assert_eq!((steps(&plan.tasks[0]).len(), plan.tasks[0].acceptance.as_slice()), (0, ["fine".to_owned()].as_slice()));
    assert_eq!(codes(&plan), []);
}

#[test]
fn an_unbalanced_fence_does_not_swallow_the_rest_of_the_file() {
    let plan = parse(
        "p",
        "#### Task 1: A\n```sh\necho\n\n- [ ] a\n\n#### Task 2: B\n- [x] b\n\n```sh\nmake\n```\n#### Task 3: C\n- [ ] c\n",
    );
    assert_eq!(keys(&plan), ["1", "2", "3"]);
    assert_eq!(task(&plan, "2").status, MarkerStatus::Completed);
    assert_eq!(task(&plan, "2").script.as_deref(), Some("make\n"));
    assert_eq!((codes(&plan), plan.diagnostics[0].line), (vec![Code::UnbalancedFence], 2));
}

#[test]
fn declared_counters_are_never_trusted() {
    let plan = parse(
        "p",
        "---\ncompleted_tasks: 9\n---\n**Total Tasks:** 186\n\n| Phase 1 | 18 | 18 | 100% |\n\n#### Task 1: A\n- [ ] a\n",
    );
    assert_eq!((plan.tasks.len(), plan.tasks[0].status), (1, MarkerStatus::Pending));
}

#[test]
fn an_open_box_however_deep_keeps_its_heading_open() {
    let plan = parse("p", "#### Task 1: A\n- [x] a\n\t- [x] b\n\t\t* [ ] c\n- [x] d\n");
    assert_eq!((plan.tasks[0].steps.len(), plan.tasks[0].status), (4, MarkerStatus::Pending));
    let plan = parse("p", "- [x] **T1:** A\n  - [ ] b\n");
    assert_eq!(codes(&plan), [Code::OpenSteps]);
}

#[test]
fn text_that_begins_with_a_bracket_is_not_a_marker() {
    let plan = parse("p", "#### Task 1: A\n- [ ] [OTHER repos] - Verify\n- [x] [docs](a.md) written\n- [link](b.md)\n");
    assert_eq!(steps(&plan.tasks[0]), ["[OTHER repos] - Verify", "[docs](a.md) written"]);
}

#[test]
fn line_endings_marks_and_selectors_do_not_change_what_is_read() {
    let unix = HEADINGS.to_owned();
    let dos = format!("\u{feff}{}", unix.replace('\n', "\r\n").replace('✅', "✅\u{fe0f}"));
    let (a, b) = (parse("p", &unix), parse("p", dos.trim_end()));
    let plain = |p: &Plan| serde_json::to_value(&p.tasks).unwrap();
    assert_eq!(plain(&a), plain(&b));
}

#[test]
fn unknown_markers_are_not_done_and_are_said_so() {
    let plan = parse("p", "- [?] **T1:** A\n- [ x] **T2:** B\n");
    assert_eq!((plan.tasks[0].status, plan.tasks[1].status), (MarkerStatus::Pending, MarkerStatus::Completed));
    assert_eq!((codes(&plan), plan.diagnostics[0].column), (vec![Code::UnknownMarker], 4));
}

// Dependencies.

fn dependent(value: &str) -> Plan {
    let mut text = String::from("## Phase 1: Base\n");
    for n in 1..=9 {
        text.push_str(&format!("#### Task 1.{n}: T{n}\n- [ ] s\n"));
    }
    text.push_str("## Phase 2: More\n#### Task D2: Design\n- [ ] s\n#### Task 2.1: Last\n");
    text.push_str(&format!("**Dependencies:** {value}\n- [ ] s\n"));
    parse("p", &text)
}

#[test]
fn dependencies_are_read_in_every_spelling() {
    for (value, want) in [
        ("None", vec![]),
        ("none (start here)", vec![]),
        ("-", vec![]),
        ("Task 1.4", vec!["1.4"]),
        ("1.1", vec!["1.1"]),
        ("1.1, 1.2 and Task 1.3", vec!["1.1", "1.2", "1.3"]),
        ("1.7-1.9", vec!["1.7", "1.8", "1.9"]),
        ("Tasks 1.7 – 1.9", vec!["1.7", "1.8", "1.9"]),
        ("1.8 to 1.9", vec!["1.8", "1.9"]),
        ("1.1 (Infrastructure Setup)", vec!["1.1"]),
        ("Task 1.1 complete.", vec!["1.1"]),
        ("**Task D2** (SaaS Architecture, in full)", vec!["D2"]),
        ("1.1 - Title of it", vec!["1.1"]),
        ("`psycopg2-binary`, `some-repo`", vec![]),
        ("All Phase 1 tasks", vec!["1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9"]),
        ("Phase 2 complete", vec!["D2"]),
        ("All base tasks", vec!["1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9"]),
    ] {
        let plan = dependent(value);
        assert_eq!(waits_for(&plan, "2.1"), want, "{value}");
        assert_eq!(codes(&plan), [], "{value}");
    }
    assert_eq!(waits_for(&dependent("All tasks"), "2.1").len(), 10);
}

#[test]
fn an_unknown_dependency_is_an_error_with_its_place_and_holds_the_task() {
    let plan = dependent("Task 1.1, Task 1.33");
    assert_eq!(waits_for(&plan, "2.1"), ["1.1"]);
    assert_eq!(codes(&plan), [Code::UnknownDependency]);
    let d = &plan.diagnostics[0];
    assert_eq!((d.line, d.column, d.help.as_str()), (24, 29, "did you mean `1.3`?"));
    assert_eq!(task(&plan, "2.1").unresolved[0].text, "Task 1.33");
    for value in ["Phase 9 complete", "All backend tasks", "1.8-1.12", "X9-T1", "9", "3.1-3.4"] {
        let plan = dependent(value);
        assert_eq!(codes(&plan), [Code::UnknownDependency], "{value}");
        assert_eq!(task(&plan, "2.1").unresolved.len(), 1, "{value}");
    }
}

#[test]
fn packages_and_prose_are_no_references_but_are_not_dropped_in_silence() {
    let plan = dependent("psycopg2-binary, click, tqdm, PostgreSQL 15");
    assert_eq!(codes(&plan), [Code::IgnoredDependency; 4]);
    assert!(task(&plan, "2.1").unresolved.is_empty() && !plan.has_errors());
}

#[test]
fn a_task_that_depends_on_itself_is_held() {
    let plan = dependent("2.1");
    assert_eq!((codes(&plan), task(&plan, "2.1").unresolved.len()), (vec![Code::SelfDependency], 1));
}

#[test]
fn ids_used_again_are_qualified_by_section_and_found_from_within_it() {
    let text = "## Phase 1\n#### Task 1.1: A\n- [ ] s\n#### Task 1.2: B\n**Dependencies:** 1.1\n- [ ] s\n\
                ## Phase 2\n#### Task 1.1: C\n- [ ] s\n#### Task 1.3: D\n**Dependencies:** 1.1\n- [ ] s\n\
                ## Phase 3\n#### Task 3.1: E\n**Dependencies:** 1.1, 1.1@phase-1\n- [ ] s\n";
    let plan = parse("p", text);
    assert_eq!(keys(&plan), ["1.1@phase-1", "1.2", "1.1@phase-2", "1.3", "3.1"]);
    assert_eq!(waits_for(&plan, "1.2"), ["1.1@phase-1"]);
    assert_eq!(waits_for(&plan, "1.3"), ["1.1@phase-2"]);
    assert_eq!(waits_for(&plan, "3.1"), ["1.1@phase-1"]);
    assert_eq!(codes(&plan), [Code::AmbiguousDependency]);
}

#[test]
fn ids_used_again_in_one_section_are_told_apart_by_order_with_a_warning() {
    let plan = parse("p", "## A\n- [ ] T1: x\n- [ ] T1: y\n- [ ] t1: z\n");
    assert_eq!(keys(&plan), ["T1@a", "T1@a@2"]);
    assert_eq!(codes(&plan), [Code::DuplicateId, Code::BoxWithoutId]);
}

#[test]
fn a_dependency_on_a_step_is_one_on_its_task() {
    let plan = parse("p", "- [ ] 3.1 A\n  - [ ] 3.1.1 part\n- [ ] 3.2 B (depends on 3.1.1)\n");
    assert_eq!(waits_for(&plan, "3.2"), ["3.1"]);
}

#[test]
fn unknown_priorities_and_estimates_are_warnings() {
    let plan =
        parse("p", "#### Task 1: A\n**Priority:** soonish\n**Time Estimate:** a while\n**Agent:** TBD\n- [ ] s\n");
    assert_eq!(codes(&plan), [Code::UnknownPriority, Code::UnknownEstimate]);
    assert_eq!((plan.diagnostics[1].line, plan.diagnostics[1].column), (3, 20));
    assert_eq!(plan.tasks[0].agent, None);
}

#[test]
fn boxes_that_look_like_tasks_but_are_not_are_pointed_out() {
    let plan = parse("p", "#### Task 1: A\n- [ ] s\n## More\n- [ ] **T2:** lost\n");
    assert_eq!(codes(&plan), [Code::BoxOutsideTask]);
    let plan = parse("p", "- [ ] **T1:** a\n- [ ] no id\n");
    assert_eq!((keys(&plan), codes(&plan)), (vec!["T1"], vec![Code::BoxWithoutId]));
}

#[test]
fn headings_without_boxes_say_their_status_by_tick_or_field() {
    let plan = parse(
        "p",
        "### Task 1: A ✅\ntext\n### Task 2: B\n**Status:** ✅ **COMPLETE**\n### Task 3: C\n**Status:** Not Started\n### Task 4: D\n",
    );
    let statuses: Vec<_> = plan.tasks.iter().map(|t| t.status.as_str()).collect();
    assert_eq!(statuses, ["completed", "completed", "pending", "pending"]);
}

#[test]
fn commands_are_read_from_lines_bullets_and_blocks() {
    let text = "## Validation Commands\n- `make all`\n\n## Work\n### Task 1: A\n**Verify:**\n- `one`\n- run `two`\n\n**Validation**:\n\n```sh\nthree\nfour\n```\n\n```bash\ndo it\n```\n- [ ] s\n";
    let plan = parse("p", text);
    assert_eq!(plan.verify, ["make all"]);
    assert_eq!(plan.tasks[0].verify, ["one", "two", "three", "four"]);
    assert_eq!(plan.tasks[0].script.as_deref(), Some("do it\n"));
}

#[test]
fn optional_and_human_tasks_are_recognised() {
    let plan = parse(
        "p",
        "- [ ]* 1.1 Maybe\n- [ ] 1.2 Checkpoint: look\n- [ ] 1.3 Sign\n  **Agent:** human\n- [ ] 1.4 Extra (optional)\n",
    );
    let flags: Vec<_> = plan.tasks.iter().map(|t| (t.optional, t.human)).collect();
    assert_eq!(flags, [(true, false), (false, false), (false, true), (true, false)]);
}

#[test]
fn a_task_says_whether_it_changes_anything() {
    let plan = parse(
        "p",
        "### Task 1: Measure\n**Changes:** none\n- [ ] a\n\n### Task 2: Tidy\n- **Changes:** `optional` | **Priority:** P1\n\n\
         ### Task 3: Write\n**Agent:** a\n\n### Task 4: Explain\n**Changes:** rename a to b\n",
    );
    let said: Vec<_> = plan.tasks.iter().map(|t| t.changes.as_str()).collect();
    assert_eq!(said, ["none", "optional", "required", "required"]);
    assert_eq!(plan.tasks[1].priority.map(|p| p.level()), Some(1));
    assert!(plan.tasks[3].description.contains("rename a to b"), "other words are prose");
    assert!(plan.tasks[0].description.is_empty());
    let nested = parse("p", "- [ ] 1.1 Check\n  - **Changes**: None\n- [ ] 1.2 Do\n");
    assert_eq!((nested.tasks[0].changes.as_str(), nested.tasks[1].changes.as_str()), ("none", "required"));
}

#[test]
fn a_task_is_found_by_key_or_by_an_id_only_it_has() {
    let plan = parse("p", "## A\n- [ ] T1: x\n## B\n- [ ] T1: y\n- [ ] T2: z\n");
    assert_eq!(plan.find("Task T2").map(|t| t.line), Some(5));
    assert_eq!(plan.find("T1@b").map(|t| t.line), Some(4));
    assert_eq!(plan.find("T1"), None);
}
