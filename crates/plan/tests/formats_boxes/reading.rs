//! Told apart and read: what is a task, and what waits for what.

use super::*;

#[test]
fn each_dialect_is_told_by_its_path_and_where_its_text_tells_by_that_alone() {
    for (format, path, text) in FIXTURES {
        assert_eq!(Format::detect(path, text), format, "{path}");
        assert_eq!(Format::detect(&path.replace('/', "\\"), text), format, "{path}");
    }
    assert_eq!(Format::detect("PLAN.md", SPEC_KIT), Format::SpecKit);
    assert_eq!(Format::detect("PLAN.md", KIRO), Format::Kiro);
    assert_eq!(Format::detect("PLAN.md", RALPHEX), Format::Ralphex);
    assert_eq!(
        Format::detect("PLAN.md", "## 1. A\n- [ ] 1.1 a\n- [ ] 1.2 b\n## 2. B\n- [ ] 2.1 c\n"),
        Format::OpenSpec
    );
}

#[test]
fn what_only_looks_alike_stays_coditect() {
    for text in [
        "## Phase 1: Setup\n- [ ] T001 Create it\n- [ ] T002 Run it\n",
        "- [ ] T001.001: [P] Title\n",
        "## 1. A\n- [ ] 1.1 a\n- [ ] 2.1 b\n",
        "## 1. A\n- [ ] 1.1 a\n  **Agent:** rust\n- [ ] 1.2 b\n",
        "## Validation Commands\n- `make`\n### Task 1: A\n**Agent:** rust\n- [ ] a\n",
        "## Validation Commands\n- `make`\n#### Task 1.1: A\n- [ ] a\n",
        "### Task 1: A\n- [ ] a\n",
        "- [ ] 1. A\n  - [ ] 1.1 B\n",
        "Written so:\n```\n- [ ] T001 [P] [US1] Title\n- [ ] 1. A\n  - _Requirements: 1.1_\n```\n- [ ] **T1.1** Title\n",
    ] {
        assert_eq!(Format::detect("PLAN.md", text), Format::Coditect, "{text}");
    }
    assert_eq!(Format::detect("specs/001-a/tasks.md", "- [ ] **Task 1.1:** Title\n"), Format::Coditect);
    assert_eq!(Format::detect(".kiro/specs/a/design.md", "# Design\n"), Format::Coditect);
}

#[test]
fn spec_kit_reads_ids_tags_paths_and_priorities() {
    let plan = parse("specs/004-opening-hours/tasks.md", SPEC_KIT);
    let ids: Vec<String> = (1..=11).map(|n| format!("T{n:03}")).collect();
    assert_eq!(keys(&plan)[..11], ids);
    assert_eq!(keys(&plan)[11..], ["phase-n-polish-1", "phase-n-polish-2"]);
    let first = task(&plan, "T001");
    assert_eq!((first.id.as_deref(), first.status), (Some("T001"), Completed));
    assert_eq!(task(&plan, "T002").status, Completed);
    let page = task(&plan, "T008");
    assert_eq!(page.title, "Test the page in tests/test_page.py");
    assert_eq!(
        (page.touches.as_slice(), page.priority),
        (&["tests/test_page.py".to_owned()][..], Some(coditect_core::Priority::P1))
    );
    assert_eq!(page.section[1], "Tests for User Story 1");
    assert_eq!(task(&plan, "T007").touches, ["src/hours/__init__.py", "src/hours/api.py"]);
    assert_eq!(task(&plan, "phase-n-polish-1").title, "Update docs/");
    // Only Kiro's checkpoints are for people.
    assert!(plan.tasks.iter().all(|t| !t.human));
    let odd: Vec<_> = plan.diagnostics.iter().map(|d| (d.code, d.line)).collect();
    assert_eq!(odd, [(Code::BoxWithoutId, 27)]);
}

#[test]
fn spec_kit_orders_by_phase_and_within_it_except_where_marked_parallel() {
    let plan = parse("specs/004-opening-hours/tasks.md", SPEC_KIT);
    for (key, want) in [
        ("T001", vec![]),
        ("T002", vec!["T001"]),
        ("T003", vec!["T001"]),
        ("T004", vec!["T002", "T003"]),
        ("T007", vec!["T005", "T006"]),
        ("T008", vec!["T007"]),
        // It names one below it, which therefore comes first.
        ("T009", vec!["T010"]),
        ("T010", vec!["T005", "T008"]),
        ("T011", vec!["T009"]),
        ("phase-n-polish-1", vec!["T011"]),
    ] {
        assert_eq!(waits_for(&plan, key), want, "{key}");
    }
    let implied = &task(&plan, "T002").dependencies[0];
    assert_eq!((implied.line, implied.column), (task(&plan, "T002").line, 1));
    // A phase waits for the whole of the one before it.
    let story = before(&plan, "T011");
    assert!((1..=10).all(|n| story.contains(&format!("T{n:03}"))), "{story:?}");
}

#[test]
fn kiro_reads_numbers_details_and_its_own_markers() {
    let plan = parse(".kiro/specs/opening-hours/tasks.md", KIRO);
    assert_eq!(keys(&plan), ["1.1", "1.2", "1.3", "2", "3", "4.1.1", "4.1.2", "4.2"]);
    let statuses: Vec<_> = plan.tasks.iter().map(|t| t.status).collect();
    // `[-]` is in progress, `[~]` waits for its turn.
    assert_eq!(statuses[..4], [Completed, InProgress, Pending, Pending]);
    let schema = task(&plan, "1.2");
    assert_eq!(schema.title, "Write the schema");
    assert_eq!(schema.acceptance, ["Requirements: 1.3"]);
    assert_eq!(schema.steps.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), ["hours", "holidays"]);
    assert!(schema.description.starts_with("- Shared by all of the tasks beneath"));
    assert_eq!(task(&plan, "4.1.1").section, ["Tasks", "4. Change the hours", "4.1. The form"]);
    let flagged = |flag: fn(&PlanTask) -> bool| plan.tasks.iter().filter(|t| flag(t)).map(|t| t.key.as_str()).collect();
    let (optional, human): (Vec<&str>, Vec<&str>) = (flagged(|t| t.optional), flagged(|t| t.human));
    assert_eq!((optional, human), (vec!["1.3"], vec!["3"]));
    assert!(plan.tasks.windows(2).all(|pair| waits_for(&plan, &pair[1].key) == [pair[0].key.as_str()]));
    assert_eq!(plan.diagnostics, []);
}

#[test]
fn to_name_one_of_kiros_groups_is_to_name_what_it_gathers() {
    let text = "- [ ] 1. A\n  - [ ] 1.1 a\n  - [ ] 1.2 b\n- [ ] 2. B (depends on 3)\n- [ ] 3. C\n  - [ ] 3.1 c\n";
    let plan = parse_as(Format::Kiro, "p", text);
    assert_eq!(waits_for(&plan, "2"), ["3.1"]);
    assert_eq!(waits_for(&plan, "3.1"), ["1.2"]);
}

#[test]
fn openspec_reads_numbers_steps_and_order() {
    let plan = parse("openspec/changes/opening-hours/tasks.md", OPENSPEC);
    assert_eq!(keys(&plan), ["1.1", "1.2", "1.3", "2.1", "2.2", "3.1"]);
    assert_eq!(task(&plan, "1.2").steps.len(), 2);
    assert_eq!(task(&plan, "2.1").description, "- Added `test/write.test.ts`");
    assert_eq!(waits_for(&plan, "2.1"), ["1.3"]);
    assert_eq!(waits_for(&plan, "2.2"), ["1.1", "2.1"]);
    assert!(!task(&plan, "2.2").human);
    let plain = parse("openspec/changes/a/tasks.md", "## Setup\n- [x] Read\n- [ ] Write\n");
    assert_eq!(keys(&plain), ["setup-1", "setup-2"]);
    assert_eq!(waits_for(&plain, "setup-2"), ["setup-1"]);
}

#[test]
fn ralphex_reads_headings_steps_commands_and_files() {
    let plan = parse("docs/plans/opening-hours.md", RALPHEX);
    assert_eq!(keys(&plan), ["1", "2", "2a"]);
    assert_eq!(plan.verify, ["go test ./...", "go vet ./..."]);
    let first = task(&plan, "1");
    assert_eq!((first.title.as_str(), first.steps.len()), ("Read the hours", 3));
    assert_eq!(first.touches, ["src/hours.go", "src/main.go"]);
    assert_eq!(first.description, "Start with the weekdays.");
    // A task called after criteria is a task, not a list of them.
    assert_eq!((task(&plan, "2").steps.len(), task(&plan, "2").acceptance.len()), (2, 0));
    assert!(!task(&plan, "2a").human);
    assert_eq!((waits_for(&plan, "2"), waits_for(&plan, "2a")), (vec!["1"], vec!["2"]));
    let bare = parse("docs/plans/a.md", "## Tasks\n### 1. A\n- [x] a\n### 2. Done when\n- [ ] b\n### 3. Words\n");
    assert_eq!(keys(&bare), ["1", "2"]);
    assert_eq!((task(&bare, "1").status, task(&bare, "2").steps.len()), (Completed, 1));
}

#[test]
fn no_dialect_makes_a_cycle_out_of_order_and_references() {
    for format in [Format::SpecKit, Format::Kiro, Format::OpenSpec] {
        let text =
            "## Phase 1: A\n- [ ] T001 a (depends on T004)\n- [ ] T002 b\n## Phase 2: B\n- [ ] T003 c\n- [ ] T004 d\n";
        let text = match format {
            Format::SpecKit => text.to_owned(),
            _ => text.replace("T00", "1."),
        };
        let plan = parse_as(format, "p", &text);
        assert_eq!(plan.tasks.len(), 4);
        for task in &plan.tasks {
            assert!(!before(&plan, &task.key).contains(&task.key), "{format} {}", task.key);
        }
        assert!(before(&plan, &plan.tasks[0].key).contains(&plan.tasks[3].key));
    }
}

#[test]
fn ten_thousand_tasks_have_few_dependencies_each() {
    let spec: String = (0..10_000)
        .map(|n| format!("{}- [ ] T{n:05} [P] a\n", if n % 5_000 == 0 { "## Phase 1\n" } else { "" }))
        .collect();
    let spec = spec.replacen("## Phase 1\n", "## Phase 0\n", 1);
    let kiro: String = (0..10_000).map(|n| format!("{}- [ ] {n}. a\n", if n % 3 == 0 { "" } else { "  " })).collect();
    for (format, text) in [(Format::SpecKit, spec), (Format::Kiro, kiro)] {
        let plan = parse_as(format, "p", &text);
        let edges: usize = plan.tasks.iter().map(|t| t.dependencies.len()).sum();
        assert!(plan.tasks.len() > 5_000 && edges < 20_000, "{format}: {} {edges}", plan.tasks.len());
    }
}

#[test]
fn the_real_files_are_read_whole() {
    for (folder, format, counts) in [
        ("spec-kit", Format::SpecKit, &[("tasks-template.md", 34)][..]),
        (
            "openspec",
            Format::OpenSpec,
            &[
                // Three more boxes map acceptance criteria, ten are steps.
                ("2025-08-19-bulk-validation-interactive-selection.md", 32),
                ("2026-05-14-workspace-change-planning.md", 76),
                ("context-store-and-initiatives.md", 117),
                ("fix-validate-view-resolution-parity.md", 27),
                ("simplify-skill-installation.md", 90),
            ],
        ),
        (
            "ralphex",
            Format::Ralphex,
            &[
                ("2025-02-03-finalize-step.md", 14),
                ("2025-02-05-custom-external-review.md", 8),
                ("2026-01-21-web-dashboard.md", 5),
                ("2026-01-25-interactive-plan-creation.md", 9),
            ],
        ),
    ] {
        let files = corpus(folder);
        for (name, count) in counts {
            let Some(text) = files.get(*name) else { continue };
            let plan = parse(&format!("{folder}/{name}"), text);
            assert_eq!((plan.format, plan.tasks.len()), (format, *count), "{name}");
            assert!(!plan.has_errors() && plan.tasks.iter().all(|t| t.unresolved.is_empty()), "{name}");
            assert!(plan.tasks.iter().all(|t| !before(&plan, &t.key).contains(&t.key)), "{name}");
            assert_eq!(plan.tasks.iter().filter(|t| t.dependencies.is_empty()).count(), 1, "{name}");
            let wanted: Vec<_> = plan.tasks.iter().map(|t| (t.key.as_str(), Completed)).collect();
            let done = plan.set_statuses(text, &wanted).unwrap();
            assert_eq!(done.text.len(), text.len(), "{name}");
            assert!(parse(&format!("{folder}/{name}"), &done.text).tasks.iter().all(|t| t.status == Completed));
        }
    }
}
