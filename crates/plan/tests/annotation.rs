//! A tick can say who did the task, when, and in which commit, and every format's own tools still read the line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use MarkerStatus::{Cancelled, Completed, InProgress, Pending};
use coditect_plan::{Format, Mark, MarkerStatus, Note, parse_as};

const COMMENT: &str = "<!-- coditect: agent=rust-expert, date=2026-01-31, commit=abc1234 -->";

fn note() -> Note {
    Note { agent: Some("rust-expert".into()), date: "2026-01-31".into(), commit: Some("abc1234".into()) }
}

fn set(format: Format, text: &str, key: &str, status: MarkerStatus, note: Option<Note>) -> String {
    parse_as(format, "p", text).set_marks(text, &[Mark { key, status, note: note.as_ref() }]).unwrap().text
}

#[test]
fn a_note_stands_at_the_end_of_the_line_of_its_box() {
    let text = "- [ ] **T1:** a (2 hours)  \r\n  - [ ] step\r\n- [ ] **T2:** b";
    let done = set(Format::Coditect, text, "T1", Completed, Some(note()));
    assert_eq!(done, format!("- [x] **T1:** a (2 hours) {COMMENT}  \r\n  - [x] step\r\n- [ ] **T2:** b"));
    let task = &parse_as(Format::Coditect, "p", &done).tasks[0];
    assert_eq!((task.title.as_str(), task.estimate_minutes), ("a", Some(120)));
}

#[test]
fn a_later_change_takes_the_note_away_or_brings_another() {
    let text = "- [ ] a\n";
    let done = set(Format::Coditect, text, "plan-1", Completed, Some(note()));
    assert_eq!(set(Format::Coditect, &done, "plan-1", Pending, None), text);
    assert_eq!(set(Format::Coditect, &done, "plan-1", Cancelled, Some(note())), "- [-] a\n");
    // Somebody opened it by hand and left the note.
    let left = done.replace("[x]", "[ ]");
    let again = Note { commit: Some("fff0000".into()), ..note() };
    assert_eq!(set(Format::Coditect, &left, "plan-1", Completed, Some(again)), done.replace("abc1234", "fff0000"));
    let plain = parse_as(Format::Coditect, "p", &done).set_status(&done, "plan-1", Pending).unwrap();
    assert_eq!(plain.text, text, "also where nobody asks for notes any more");
}

#[test]
fn a_note_on_a_heading_stands_behind_its_tick_and_before_its_closing_marks() {
    let text = "#### Task 1: A ✅\ntext\n#### Task 2: B ####\ntext\n\nTask 3: C\n---\n";
    let done = set(Format::Coditect, text, "2", Completed, Some(note()));
    assert_eq!(done, text.replace("B ####", &format!("B ✅ {COMMENT} ####")));
    assert_eq!(set(Format::Coditect, &done, "2", Pending, None), text);
    assert_eq!(
        set(Format::Coditect, text, "3", Completed, Some(note())),
        text.replace("C\n", &format!("C ✅ {COMMENT}\n"))
    );
}

#[test]
fn each_markdown_format_reads_its_own_line_as_before() {
    for (format, text, key) in [
        (Format::SpecKit, "## Phase 1\n- [ ] T001 [P] Write src/a.py\n- [ ] T002 b\n", "T001"),
        (Format::Kiro, "- [ ] 1. a\n  - _Requirements: 1.1_\n- [ ] 2. b\n", "1"),
        (Format::OpenSpec, "## 1. G\n- [ ] 1.1 a\n- [ ] 1.2 b\n", "1.1"),
        (Format::GitHub, "- [ ] Mend it #12\n- [ ] Then this blocked by #12\n", "12"),
        (Format::Ralphex, "### Task 1: A\n- [ ] a\n### Task 2: B\n- [ ] b\n", "1"),
    ] {
        let before = parse_as(format, "p", text);
        let done = set(format, text, key, Completed, Some(note()));
        assert_eq!(done.matches(COMMENT).count(), 1, "{format}: {done}");
        let after = parse_as(format, "p", &done);
        for (old, new) in before.tasks.iter().zip(&after.tasks) {
            assert_eq!((&new.key, &new.title, &new.touches), (&old.key, &old.title, &old.touches), "{format}");
            assert_eq!(new.dependencies, old.dependencies, "{format}");
            assert_eq!(new.status, if old.key == key { Completed } else { Pending }, "{format}");
        }
        assert_eq!(Format::detect("p", &done), Format::detect("p", text), "{format}");
        assert_eq!(set(format, &done, key, Pending, None), text, "{format}");
    }
}

#[test]
fn obsidian_reads_its_fields_beside_the_day_of_completion() {
    let text = "- [ ] a 🆔 a1 📅 2026-02-01 ^block\n- [ ] b ⛔ a1\n";
    let done = set(Format::Obsidian, text, "a1", Completed, Some(note()));
    assert_eq!(done, text.replace("- [ ] a", "- [x] a").replace(" ^block", " ✅ 2026-01-31 ^block"));
    assert_eq!(parse_as(Format::Obsidian, "p", &done).tasks[1].dependencies.len(), 1);
}

#[test]
fn formats_that_keep_their_status_in_data_have_no_notes() {
    let json = "{\"tasks\":[{\"id\":1,\"title\":\"a\",\"status\":\"pending\"}]}";
    let done = set(Format::TaskMaster, json, "1", Completed, Some(note()));
    assert_eq!(done, json.replace("pending", "done"));
    let backlog = "---\nid: t-1\ntitle: a\nstatus: To Do\n---\n";
    let key = parse_as(Format::BacklogMd, "p", backlog).tasks[0].key.clone();
    assert_eq!(set(Format::BacklogMd, backlog, &key, Completed, Some(note())), backlog.replace("To Do", "Done"));
}

#[test]
fn only_a_change_brings_a_note() {
    let ticked = "- [x] a\n";
    assert_eq!(set(Format::Coditect, ticked, "plan-1", Completed, Some(note())), ticked);
    let open = "### Task 1: A\ntext\n";
    assert_eq!(set(Format::Coditect, open, "1", InProgress, Some(note())), open, "there is no place for it");
}

#[test]
fn what_a_person_writes_like_a_note_is_theirs() {
    let own = format!("- [x] **T1:** document `{COMMENT}` <!-- later -->\n");
    assert_eq!(set(Format::Coditect, &own, "T1", Pending, None), own.replace("[x]", "[ ]"));
}

#[test]
fn a_note_closes_no_comment_that_somebody_forgot_to_close() {
    let text = "<!-- to do\n- [ ] **T1:** a\n- [ ] **T2:** b\n";
    let done = set(Format::Coditect, text, "T2", Completed, Some(note()));
    assert_eq!(parse_as(Format::Coditect, "p", &done).tasks.len(), 2, "{done}");
}
