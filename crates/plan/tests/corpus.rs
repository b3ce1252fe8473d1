//! Real plans, where they are at hand; without them these tests have nothing to say.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use coditect_plan::{Format, MarkerStatus, Plan, Severity, parse};

/// A file of the corpus beside the workspace, if it is there.
fn corpus(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/plans").join(name);
    std::fs::read_to_string(path).ok()
}

fn task<'p>(plan: &'p Plan, key: &str) -> &'p coditect_plan::PlanTask {
    plan.tasks.iter().find(|t| t.key == key).unwrap_or_else(|| panic!("no task {key}"))
}

#[test]
fn a_plan_of_heading_tasks_is_read_whole() {
    let Some(text) = corpus("coditect-citus/TASKLIST-WITH-CHECKBOXES.md") else { return };
    let plan = parse("TASKLIST-WITH-CHECKBOXES.md", &text);
    assert_eq!(plan.format, Format::Coditect);
    assert_eq!(plan.tasks.len(), 174);
    assert_eq!(plan.diagnostics, []);
    assert!(plan.tasks.iter().all(|t| t.agent.is_some() && t.estimate_minutes.is_some() && t.unresolved.is_empty()));
    assert!(plan.tasks.iter().all(|t| !t.acceptance.is_empty() && !t.steps.is_empty()));
    assert_eq!(plan.tasks.iter().filter(|t| t.dependencies.is_empty()).count(), 2);
    // 962 boxes, four of them in the legend.
    assert_eq!(plan.tasks.iter().map(|t| t.steps.len()).sum::<usize>(), 958);
    let first = task(&plan, "0.5");
    assert_eq!(first.agent.as_deref(), Some("rust-expert-developer"));
    assert_eq!(first.estimate_minutes, Some(240));
    assert_eq!(first.dependencies.iter().map(|d| d.key.as_str()).collect::<Vec<_>>(), ["0.2"]);
    assert_eq!(first.section, ["Phase 0: Project Foundation (Weeks 1-2)", "Week 1: Repository Setup"]);
    assert_eq!(task(&plan, "0.2").status, MarkerStatus::Completed);
    assert_eq!(task(&plan, "0.1").status, MarkerStatus::Pending);
}

#[test]
fn a_plan_of_boxes_with_bold_ids_is_read_whole() {
    let Some(text) = corpus("coditect-citus/TASKLIST.md") else { return };
    let plan = parse("TASKLIST.md", &text);
    assert_eq!(plan.diagnostics, []);
    let keys: Vec<&str> = plan.tasks.iter().map(|t| t.key.as_str()).collect();
    assert_eq!(keys.len(), 23);
    assert_eq!((keys[0], keys[22]), ("P1-T01", "P3-T09"));
    let first = &plan.tasks[0];
    assert_eq!((first.title.as_str(), first.estimate_minutes), ("Environment Setup", Some(2400)));
    assert_eq!((first.status, first.steps.len()), (MarkerStatus::Completed, 5));
    assert_eq!(task(&plan, "P3-T05").title, "Initial Tenant Migration (10%)");
}

#[test]
fn every_task_of_a_real_plan_can_be_completed_without_touching_another() {
    for name in ["coditect-citus/TASKLIST-WITH-CHECKBOXES.md", "coditect-citus/TASKLIST.md"] {
        let Some(text) = corpus(name) else { return };
        let plan = parse(name, &text);
        for task in plan.tasks.iter().step_by(7) {
            let edit = parse("p", &text).set_status(&text, &task.key, MarkerStatus::Completed).unwrap();
            let after = parse(name, &edit.text);
            assert_eq!(edit.text.len(), text.len());
            for (old, new) in plan.tasks.iter().zip(&after.tasks) {
                let want = if old.key == task.key { MarkerStatus::Completed } else { old.status };
                assert_eq!((&new.key, new.status), (&old.key, want));
            }
        }
    }
}

#[test]
fn lists_with_plain_numbers_are_read_as_boxes_with_ids() {
    for (name, least) in [
        ("openspec/2025-08-19-bulk-validation-interactive-selection.md", 20),
        ("openspec/2026-05-14-workspace-change-planning.md", 30),
        ("openspec/simplify-skill-installation.md", 50),
    ] {
        let Some(text) = corpus(name) else { return };
        let plan = parse(name, &text);
        assert!(plan.tasks.len() >= least, "{name}: {}", plan.tasks.len());
        assert!(plan.tasks.iter().all(|t| t.id.is_some() && t.parent.is_none()), "{name}");
        assert!(!plan.has_errors(), "{name}: {:?}", plan.diagnostics);
    }
}

#[test]
fn headings_with_task_numbers_are_tasks_in_plans_of_other_tools() {
    for (name, count) in [
        ("ralphex/2026-01-21-web-dashboard.md", 5),
        ("ralphex/2026-01-25-interactive-plan-creation.md", 9),
        ("ralphex/2025-02-03-finalize-step.md", 14),
        ("ralphex/2025-02-05-custom-external-review.md", 8),
    ] {
        let Some(text) = corpus(name) else { return };
        let plan = parse(name, &text);
        assert_eq!(plan.tasks.len(), count, "{name}: {:?}", plan.tasks.iter().map(|t| &t.key).collect::<Vec<_>>());
        assert!(plan.tasks.iter().all(|t| !t.steps.is_empty() && t.status == MarkerStatus::Completed), "{name}");
        assert!(plan.diagnostics.iter().all(|d| d.severity == Severity::Warning), "{name}");
    }
    let Some(text) = corpus("ralphex/2026-01-21-web-dashboard.md") else { return };
    assert_eq!(
        parse("p", &text).verify,
        ["go test ./...", "golangci-lint run", "go build -o .bin/ralphex ./cmd/ralphex"]
    );
}
