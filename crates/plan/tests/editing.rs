//! Changing a status changes nothing else.

#![allow(clippy::unwrap_used, clippy::panic)]

use MarkerStatus::{Blocked, Cancelled, Completed, InProgress, Pending};
use coditect_plan::{EditError, MarkerStatus, parse};

fn set(text: &str, key: &str, status: MarkerStatus) -> String {
    let edit = parse("p", text).set_status(text, key, status).unwrap();
    assert_eq!(edit.is_identity(), edit.text == text);
    edit.text
}

#[test]
fn a_box_changes_between_its_brackets_only() {
    let text = "\u{feff}## A  \r\n-\t[ ] **T1:** a ✅\u{fe0f} \t\r\n* [X] **T2:** b  \r\n\r\n+ [?]  **T3:** c";
    assert_eq!(set(text, "T1", Completed), text.replacen("[ ]", "[x]", 1));
    assert_eq!(set(text, "T1", InProgress), text.replacen("[ ]", "[~]", 1));
    assert_eq!(set(text, "T1", Blocked), text.replacen("[ ]", "[!]", 1));
    assert_eq!(set(text, "T2", Pending), text.replacen("[X]", "[ ]", 1));
    assert_eq!(set(text, "T3", Cancelled), text.replacen("[?]", "[-]", 1));
}

#[test]
fn a_status_that_is_there_already_is_the_identity() {
    let text = "- [ x] **T1:** a\n- [X] **T2:** b\n- [>] **T3:** c\n- [?] **T4:** d\n";
    for (key, status) in [("T1", Completed), ("T2", Completed), ("T3", InProgress), ("T4", Pending)] {
        assert!(parse("p", text).set_status(text, key, status).unwrap().is_identity(), "{key}");
    }
}

#[test]
fn completing_a_box_ticks_its_steps_but_not_its_criteria() {
    let text = "- [ ] **T1:** a\n  - [ ] s\n  - [-] dropped\n  - **Acceptance:**\n    - [ ] fine\n- [ ] **T2:** b\n";
    assert_eq!(set(text, "T1", Completed), text.replace("[ ] **T1", "[x] **T1").replace("[ ] s", "[x] s"));
}

#[test]
fn a_heading_is_completed_by_ticking_and_reopened_by_unticking_its_steps() {
    let text = "#### Task 1: A\n- [x] a\n\t- [ ] b\n**Acceptance Criteria:**\n- [ ] c\n#### Task 2: B\n- [ ] d\n";
    let done = set(text, "1", Completed);
    assert_eq!(done, text.replace("[ ] b", "[x] b"));
    assert_eq!(set(&done, "1", Pending), text.replace("[x] a", "[ ] a"));
    assert_eq!(set(text, "1", InProgress), text, "there is no place for it");
    assert!(matches!(parse("p", text).set_status(text, "1", Blocked), Err(EditError::NotExpressible { .. })));
}

#[test]
fn a_heading_is_marked_where_the_document_marks_finished_headings() {
    let text = "#### Task 1: A ✅ **DONE**\n- [x] a\n#### Task 2: B ####\n- [ ] b\n";
    let done = set(text, "2", Completed);
    assert_eq!(done, text.replace("B ####", "B ✅ **DONE** ####").replace("[ ] b", "[x] b"));
    assert_eq!(set(&done, "2", Pending), text);
    let leading = "#### ✅ Task 1: A\n- [x] a\n#### Task 2: B\n- [ ] b\n";
    let done = set(leading, "2", Completed);
    assert_eq!(done, leading.replace("#### Task 2", "#### ✅ Task 2").replace("[ ] b", "[x] b"));
    assert_eq!(set(&done, "2", Pending), leading);
}

#[test]
fn a_heading_without_boxes_keeps_its_status_in_its_field_or_its_tick() {
    let text = "### Task 1: A\n**Status:** Not Started  \r\n### Task 2: B\r\ntext";
    assert_eq!(set(text, "1", Completed), text.replace("Not Started", "Completed"));
    assert_eq!(set(text, "1", Blocked), text.replace("Not Started", "Blocked"));
    assert_eq!(set(text, "2", Completed), text.replace("B\r\n", "B ✅\r\n"));
    assert!(matches!(parse("p", text).set_status(text, "2", Cancelled), Err(EditError::NotExpressible { .. })));
}

#[test]
fn several_tasks_are_set_at_once_or_none() {
    let text = "- [ ] **T1:** a\n- [ ] **T2:** b\n- [ ] **T3:** c\n";
    let edit =
        parse("p", text).set_statuses(text, &[("T3", Completed), ("T1", Completed), ("T1", InProgress)]).unwrap();
    assert_eq!(edit.text, "- [~] **T1:** a\n- [ ] **T2:** b\n- [x] **T3:** c\n");
    assert_eq!(edit.splices.len(), 2);
    assert_eq!(
        parse("p", text).set_statuses(text, &[("T1", Completed), ("T9", Completed)]),
        Err(EditError::UnknownTask("T9".into()))
    );
}

#[test]
fn changing_one_section_does_not_touch_another() {
    let text = "## Phase 1\n#### Task 1.1: A\n- [ ] x\n## Phase 2\n#### Task 1.1: B\n- [ ] x\n";
    let after = set(text, "1.1@phase-2", Completed);
    let half = text.find("## Phase 2").unwrap();
    assert_eq!(after[..half], text[..half]);
    assert_eq!(parse("p", &after).tasks[0].status, Pending);
}
