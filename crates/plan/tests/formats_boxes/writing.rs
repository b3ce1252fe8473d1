//! Written back, and the traps that real files hold.

use super::*;

#[test]
fn the_box_around_kiros_tasks_is_ticked_with_the_last_that_is_required_and_opened_with_the_first() {
    let after = set(Format::Kiro, KIRO, "1.2", Completed).unwrap().text;
    // The optional test is still open.
    assert!(after.contains("- [x] 1. Set up") && after.contains("[ ]* 1.3"), "{after}");
    let opened = set(Format::Kiro, &after, "1.1", Pending).unwrap().text;
    assert!(opened.contains("- [ ] 1. Set up") && opened.contains("- [ ] 1.1"), "{opened}");
    let part = set(Format::Kiro, KIRO, "4.1.1", Completed).unwrap().text;
    assert!(part.contains("- [ ] 4.1 The form") && part.contains("- [ ] 4. Change"), "{part}");
    let plan = parse_as(Format::Kiro, "p", KIRO);
    let all = [("4.1.1", Completed), ("4.1.2", Completed), ("4.2", Completed)];
    let whole = plan.set_statuses(KIRO, &all).unwrap();
    assert_eq!(whole.splices.len(), 5);
    assert!(whole.text.contains("- [x] 4.1 The form") && whole.text.contains("- [x] 4. Change"), "{}", whole.text);
}

#[test]
fn every_status_a_format_has_is_written_and_read_back_and_others_are_refused() {
    for (format, _, text) in FIXTURES {
        let plan = parse_as(format, "p", text);
        for task in &plan.tasks {
            for status in MarkerStatus::ALL {
                let edit = plan.set_status(text, &task.key, status);
                match status {
                    Blocked | Cancelled if task.status != status => {
                        assert!(matches!(edit, Err(EditError::NotInFormat { .. })), "{format} {} {status}", task.key);
                        continue;
                    }
                    InProgress if format != Format::Kiro => assert!(edit.unwrap().is_identity()),
                    _ => {
                        let after = parse_as(format, "p", &edit.unwrap().text);
                        assert_only_changed(&plan, &after, &task.key, status);
                    }
                }
            }
        }
    }
    assert!(set(Format::Kiro, KIRO, "2", InProgress).unwrap().text.contains("- [-] 2. Render"));
}

fn assert_only_changed(plan: &Plan, after: &Plan, key: &str, status: MarkerStatus) {
    assert_eq!(keys(plan), keys(after));
    for (old, new) in plan.tasks.iter().zip(&after.tasks) {
        let want = if old.key == key { status } else { old.status };
        assert_eq!(new.status, want, "{} of {key} to {status}", old.key);
        assert_eq!(
            (&new.title, &new.dependencies, &new.description),
            (&old.title, &old.dependencies, &old.description)
        );
        if old.key != key {
            assert_eq!(new.steps, old.steps);
        }
    }
}

#[test]
fn trap_5_an_edit_changes_markers_only_whatever_the_bytes_around_them() {
    for (format, _, text) in FIXTURES {
        let dos = text.replace('\n', "\r\n");
        let variants = [
            dos.clone(),
            format!("\u{feff}{dos}"),
            text.trim_end().to_owned(),
            text.replace("\n\n", " \t\n\n").replace("🎯", "🎯\u{fe0f}"),
            text.replace("    -", "\t\t-").replace("  -", "\t-"),
        ];
        for text in variants {
            let plan = parse_as(format, "p", &text);
            assert_eq!(
                plan.tasks.len(),
                parse_as(format, "p", FIXTURES.iter().find(|f| f.0 == format).unwrap().2).tasks.len()
            );
            for task in &plan.tasks {
                let edit = plan.set_status(&text, &task.key, Completed).unwrap();
                for splice in &edit.splices {
                    let old = &text[splice.range.clone()];
                    let heading = task.steps.is_empty() && format == Format::Ralphex;
                    assert!((["", " ", "-", "~"].contains(&old) && splice.text == "x") || heading, "{splice:?}");
                }
                let after = parse_as(format, "p", &edit.text);
                assert_only_changed(&plan, &after, &task.key, Completed);
            }
        }
    }
}

#[test]
fn nothing_set_is_nothing_changed() {
    for (format, _, text) in FIXTURES {
        let plan = parse_as(format, "p", text);
        let same: Vec<_> = plan.tasks.iter().map(|t| (t.key.as_str(), t.status)).collect();
        assert!(plan.set_statuses(text, &same).unwrap().is_identity());
    }
}

#[test]
fn trap_1_boxes_in_fences_legends_criteria_and_how_tos_are_no_tasks() {
    for (format, _, text) in FIXTURES {
        let plan = parse_as(format, "p", text);
        let lines: Vec<&str> = text.lines().collect();
        for task in &plan.tasks {
            let line = lines[task.line - 1].to_lowercase();
            assert!(
                !["example", "not a task", "ac-1", "none of this", "nor this"].iter().any(|w| line.contains(w)),
                "{line}"
            );
        }
    }
    // A fence that is never closed swallows nothing.
    let open = OPENSPEC.replacen("## 1. Read\n", "## 1. Read\n\n```sh\n", 1);
    assert_eq!(keys(&parse_as(Format::OpenSpec, "p", &open)), keys(&parse_as(Format::OpenSpec, "p", OPENSPEC)));
}

#[test]
fn trap_3_a_ticked_task_or_group_with_open_boxes_beneath_is_not_done() {
    let plan = parse_as(Format::OpenSpec, "p", OPENSPEC);
    assert_eq!(task(&plan, "1.3").status, Pending);
    assert!(plan.diagnostics.iter().any(|d| d.code == Code::OpenSteps && d.line == task(&plan, "1.3").line));
    let done = set(Format::OpenSpec, OPENSPEC, "1.3", Completed).unwrap().text;
    assert!(done.contains("  - [x] 1.3.1"), "{done}");
    let text = "- [x] 1. A\n  - [x] 1.1 a\n  - [ ] 1.2 b\n  - [ ]* 1.3 c\n";
    let plan = parse_as(Format::Kiro, "p", text);
    assert_eq!(plan.tasks.iter().map(|t| t.status).collect::<Vec<_>>(), [Completed, Pending, Pending]);
    let odd = &plan.diagnostics[0];
    assert_eq!((odd.code, odd.line), (Code::OpenSteps, 1));
    assert!(odd.message.contains("1 of the tasks"), "{}", odd.message);
}

#[test]
fn trap_4_a_text_that_begins_with_a_bracket_keeps_it() {
    let plan = parse_as(Format::SpecKit, "p", SPEC_KIT);
    assert!(task(&plan, "T009").title.starts_with("[OTHER repos] - Verify"));
    for (format, text) in
        [(Format::Kiro, "- [ ] 1. [OTHER repos] - Verify\n"), (Format::OpenSpec, "- [ ] [OTHER repos] - Verify\n")]
    {
        assert_eq!(parse_as(format, "p", text).tasks[0].title, "[OTHER repos] - Verify");
    }
}

#[test]
fn trap_8_two_tasks_with_one_id_are_two_tasks_and_said_to_be() {
    for (format, id, text) in [
        (Format::SpecKit, "T005", "## Phase 1\n- [x] T005 Ours\n- [ ] T005 Theirs\n"),
        (Format::Kiro, "5", "- [x] 5. Ours\n- [ ] 5. Theirs\n"),
        (Format::OpenSpec, "5.1", "## 5. A\n- [x] 5.1 Ours\n- [ ] 5.1 Theirs\n"),
        (Format::Ralphex, "5", "### Task 5: Ours\n- [x] a\n### Task 5: Theirs\n- [ ] b\n"),
    ] {
        let plan = parse_as(format, "p", text);
        let found: Vec<_> = plan.tasks.iter().map(|t| (t.id.as_deref(), t.title.as_str(), t.status)).collect();
        assert_eq!(found, [(Some(id), "Ours", Completed), (Some(id), "Theirs", Pending)], "{format}");
        assert!(plan.diagnostics.iter().any(|d| d.code == Code::DuplicateId), "{format}");
        assert_eq!(waits_for(&plan, &plan.tasks[1].key), [plan.tasks[0].key.as_str()]);
    }
}

#[test]
fn trap_9_changing_one_section_touches_no_other() {
    let text = format!("{OPENSPEC}{}", OPENSPEC.replace("# Implementation Tasks\n", ""));
    let plan = parse_as(Format::OpenSpec, "p", &text);
    // Ids repeat; the key tells them apart.
    let second = plan.tasks.iter().filter(|t| t.id.as_deref() == Some("2.1")).nth(1).unwrap();
    let edit = plan.set_status(&text, &second.key, Completed).unwrap();
    assert_eq!(edit.splices.len(), 1);
    assert!(edit.text.starts_with(OPENSPEC));
}

#[test]
fn trap_10_a_finished_dependency_stays_a_dependency_and_is_finished() {
    let plan = parse_as(Format::Kiro, "p", KIRO);
    assert_eq!(waits_for(&plan, "1.2"), ["1.1"]);
    assert_eq!(task(&plan, "1.1").status, Completed);
    assert!(plan.tasks.iter().all(|t| t.unresolved.is_empty()));
}
