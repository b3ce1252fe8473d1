//! Backlog.md, Obsidian Tasks, GitHub task lists, Task Master and ralph: each is known by itself, read, and written
//! back in its own spelling.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use MarkerStatus::{Blocked, Cancelled, Completed, InProgress, Pending};
use coditect_core::Priority;
use coditect_plan::{Code, EditError, Format, MarkerStatus, Plan, PlanTask, Severity, parse, parse_as};

const FIXTURES: [(&str, Format); 5] = [
    ("backlog-md/back-7.1 - Reader.md", Format::BacklogMd),
    ("obsidian/vault.md", Format::Obsidian),
    ("github/release.md", Format::GitHub),
    ("task-master/tasks.json", Format::TaskMaster),
    ("ralph/prd.json", Format::Ralph),
];

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn read(name: &str) -> (String, Plan) {
    let text = fixture(name);
    let plan = parse(name, &text);
    (text, plan)
}

fn task<'p>(plan: &'p Plan, key: &str) -> &'p PlanTask {
    plan.tasks.iter().find(|t| t.key == key).unwrap_or_else(|| panic!("no task {key} in {:?}", keys(plan)))
}

fn keys(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|t| t.key.as_str()).collect()
}

fn waits_for<'p>(plan: &'p Plan, key: &str) -> Vec<&'p str> {
    task(plan, key).dependencies.iter().map(|d| d.key.as_str()).collect()
}

fn codes(plan: &Plan) -> Vec<(Code, usize, usize)> {
    plan.diagnostics.iter().map(|d| (d.code, d.line, d.column)).collect()
}

fn set(path: &str, text: &str, key: &str, status: MarkerStatus) -> String {
    parse(path, text).set_status(text, key, status).unwrap().text
}

#[test]
fn each_dialect_is_known_by_itself() {
    for (name, format) in FIXTURES {
        let text = fixture(name);
        assert_eq!(Format::detect(name, &text), format, "{name}");
        // Neither a mark of byte order nor other line endings hide it.
        let odd = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(Format::detect(name, &odd), format, "{name}");
    }
}

#[test]
fn what_is_in_json_is_known_by_its_content_where_its_name_tells_nothing() {
    assert_eq!(Format::detect("plan.json", &fixture("ralph/prd.json")), Format::Ralph);
    assert_eq!(Format::detect("plan.json", &fixture("task-master/tasks.json")), Format::TaskMaster);
    assert_eq!(Format::detect(".taskmaster/tasks/tasks.json", "{"), Format::TaskMaster);
    assert_eq!(Format::detect("package.json", "{\"name\": \"x\"}"), Format::Coditect);
}

#[test]
fn plans_of_coditect_stay_so() {
    for text in [
        "- [ ] plain\n- [x] list\n",
        "- [ ] **P1-T01:** Title (5 days) ✅ 2025-01-01\n",
        "#### Task 1.1: A ✅\n**Agent:** `a`\n- [ ] see #12\n- [ ] b 📅 2026-01-01\n",
        "- [ ] **T1:** a\n  **Dependencies:** #12\n- [ ] #12 b\n",
        "---\nid: plan-1\ntitle: Plan\nstatus: active\nlabels: [x]\n---\n## Task 1.1: A\n- [ ] b\n",
        "---\ntotal_tasks: 4\n---\n- [ ] a\n",
        "- [~] #12 in progress\n",
        "```\n- [ ] #12 in a fence\n- [ ] x 🆔 abc\n```\n",
    ] {
        assert_eq!(Format::detect("PLAN.md", text), Format::Coditect, "{text}");
    }
    let decision = "---\nid: decision-1\ntitle: Use it\ndate: 2026-01-01\nstatus: accepted\n---\n## Context\n";
    assert_eq!(Format::detect("decision-1.md", decision), Format::Coditect);
}

#[test]
fn every_status_a_dialect_can_say_is_set_and_read_back_and_the_others_are_refused() {
    let can = |format| match format {
        Format::BacklogMd => vec![Pending, InProgress, Completed],
        Format::Obsidian => vec![Pending, InProgress, Completed, Cancelled],
        Format::TaskMaster => MarkerStatus::ALL.to_vec(),
        _ => vec![Pending, Completed],
    };
    for (name, format) in FIXTURES {
        let text = fixture(name);
        for text in [text.clone(), format!("\u{feff}{}", text.replace('\n', "\r\n")), text.trim_end().to_owned()] {
            let plan = parse(name, &text);
            for (at, task) in plan.tasks.iter().enumerate() {
                for status in MarkerStatus::ALL {
                    let edit = plan.set_status(&text, &task.key, status);
                    if task.status == status {
                        assert!(edit.unwrap().is_identity());
                        continue;
                    }
                    if !can(format).contains(&status) {
                        match edit {
                            Ok(edit) => assert!(edit.is_identity() && status == InProgress, "{format} {status}"),
                            Err(error) => assert!(matches!(error, EditError::NotInFormat { .. }), "{error}"),
                        }
                        continue;
                    }
                    let edit = edit.unwrap();
                    let mut want: Vec<(String, String, MarkerStatus)> =
                        plan.tasks.iter().map(|t| (t.key.clone(), t.title.clone(), t.status)).collect();
                    want[at].2 = status;
                    let after = parse(name, &edit.text);
                    let have: Vec<_> = after.tasks.iter().map(|t| (t.key.clone(), t.title.clone(), t.status)).collect();
                    assert_eq!(have, want, "{name} {} {status}", task.key);
                    // Back again there is nothing but the spelling of what was there before.
                    let back = parse(name, &edit.text).set_status(&edit.text, &task.key, task.status);
                    if let Ok(back) = back {
                        assert_eq!(parse(name, &back.text).tasks[at].status, task.status);
                    }
                }
            }
        }
    }
}

#[test]
fn a_backlog_task_is_read_from_its_file() {
    let (_, plan) = read(FIXTURES[0].0);
    let task = task(&plan, "BACK-7.1");
    assert_eq!(task.title, "Reader: front matter");
    assert_eq!((task.status, task.priority), (Pending, Some(Priority::P1)));
    assert_eq!(task.agent.as_deref(), Some("docs-writer"));
    assert_eq!(task.acceptance, ["A value keeps its quotes", "Comments survive"]);
    assert!(task.steps.is_empty());
    assert_eq!(task.script.as_deref(), Some("echo reader > reader.txt\n"));
    assert!(task.description.contains("Read the values of the front matter."), "{}", task.description);
    assert!(task.description.contains("1. Find the lines") && !task.description.contains("<!--"));
    // Other files have these; they are errors only where no other file does.
    let unresolved: Vec<(&str, usize, usize)> =
        task.unresolved.iter().map(|u| (u.text.as_str(), u.line, u.column)).collect();
    assert_eq!(unresolved, [("BACK-3", 10, 5), ("task-12", 11, 5)]);
    assert_eq!(codes(&plan), [(Code::UnknownDependency, 10, 5), (Code::UnknownDependency, 11, 5)]);
}

#[test]
fn a_backlog_task_changes_in_the_value_of_its_status_only() {
    let (text, _) = read(FIXTURES[0].0);
    let path = FIXTURES[0].0;
    assert_eq!(set(path, &text, "BACK-7.1", Completed), text.replace("'To Do'", "'Done'"));
    let head = |status: &str| format!("---\r\nid: task-1\r\ntitle: x\r\n{status}assignee: []\r\n---\r\n- [ ] box\r\n");
    for (status, want) in [
        ("status: To Do\r\n", "status: Done\r\n"),
        ("status: \"to do\" # why\r\n", "status: \"Done\" # why\r\n"),
        ("status:\r\n", "status: Done\r\n"),
        ("status: \r\n", "status: Done\r\n"),
        ("status: >-\r\n  To\r\n  Do\r\n", "status: Done\r\n"),
        ("", "status: Done\r\n"),
    ] {
        let text = head(status);
        if status.is_empty() {
            let done = parse_as(Format::BacklogMd, "p", &text).set_status(&text, "task-1", Completed).unwrap();
            assert_eq!(done.text, head(want));
            continue;
        }
        assert_eq!(set("p", &text, "task-1", Completed), head(want), "{status:?}");
    }
}

#[test]
fn words_of_status_of_a_backlog_are_read_whatever_their_case() {
    for (word, status) in [
        ("done", Completed),
        ("IN PROGRESS", InProgress),
        ("todo", Pending),
        ("Blocked", Blocked),
        ("Review", Blocked),
        ("Draft", Blocked),
        ("Someday", Pending),
    ] {
        let plan = parse("p", &format!("---\nid: t-1\ntitle: x\nstatus: {word}\nlabels: []\n---\n"));
        assert_eq!(plan.tasks[0].status, status, "{word}");
        assert_eq!(plan.diagnostics.iter().any(|d| d.code == Code::UnknownStatus), word == "Someday");
    }
}

#[test]
fn front_matter_that_is_no_yaml_is_read_line_by_line_with_a_warning() {
    let text = "---\nid: t-1\ntitle: A: b: c\nstatus: To Do\nlabels: [x\ndependencies: [t-2]\n---\n";
    let plan = parse("p", text);
    assert_eq!(plan.format, Format::BacklogMd);
    assert_eq!(plan.tasks[0].title, "A: b: c");
    assert_eq!(plan.tasks[0].unresolved[0].text, "t-2");
    assert_eq!(codes(&plan)[0], (Code::BadFrontMatter, 1, 1));
    assert_eq!(set("p", text, "t-1", Completed), text.replace("To Do", "Done"));
    let none = parse_as(Format::BacklogMd, "p", "- [ ] a\n");
    assert!(none.tasks.is_empty() && codes(&none) == [(Code::BadFrontMatter, 1, 1)]);
}

#[test]
fn real_backlog_files_are_read_and_completed_without_touching_another_byte() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/plans/backlog-md");
    let Ok(files) = std::fs::read_dir(folder) else { return };
    let mut seen = 0;
    for file in files {
        let path = file.unwrap().path();
        let (name, text) = (path.to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap());
        let plan = parse(&name, &text);
        assert_eq!((plan.format, plan.tasks.len()), (Format::BacklogMd, 1), "{name}");
        let task = &plan.tasks[0];
        assert!(task.key.starts_with("BACK-") && task.status == Completed && !task.title.is_empty(), "{name}");
        assert!(plan.diagnostics.iter().all(|d| d.code == Code::UnknownDependency), "{name}: {:?}", plan.diagnostics);
        assert_eq!(set(&name, &text, &task.key, Pending), text.replacen("status: Done", "status: To Do", 1), "{name}");
        seen += 1;
    }
    assert!(seen > 10);
}

#[test]
fn obsidian_tasks_are_read_with_their_fields() {
    let (_, plan) = read(FIXTURES[1].0);
    assert_eq!(
        keys(&plan),
        ["dcf64c", "0h17ye", "spring-1", "spring-2", "spring-3", "water-1", "dataview-1", "dataview-2"]
    );
    let titles: Vec<&str> = plan.tasks.iter().map(|t| t.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Order seeds #garden",
            "Ask Ana",
            "Prepare the beds #soil",
            "Plant",
            "Draw a map",
            "Water",
            "Build a fence",
            "Mow"
        ]
    );
    let priorities: Vec<Option<Priority>> = plan.tasks.iter().map(|t| t.priority).collect();
    let (p0, p1, p2, p3) = (Some(Priority::P0), Some(Priority::P1), Some(Priority::P2), Some(Priority::P3));
    assert_eq!(priorities, [p0, p1, p3, p2, None, p3, None, p3]);
    assert_eq!(waits_for(&plan, "spring-2"), ["dcf64c", "0h17ye"]);
    assert_eq!(waits_for(&plan, "water-1"), ["dcf64c"]);
    assert_eq!(task(&plan, "water-1").unresolved[0].text, "nowhere");
    assert_eq!(codes(&plan), [(Code::UnknownDependency, 24, 49)]);
    let seeds = task(&plan, "dcf64c");
    assert_eq!(seeds.steps.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), ["Compare prices"]);
    assert_eq!(waits_for(&plan, "dcf64c"), ["0h17ye"]);
    assert_eq!(task(&plan, "0h17ye").parent.as_deref(), Some("dcf64c"));
    assert_eq!((task(&plan, "spring-1").status, task(&plan, "dataview-1").status), (InProgress, Cancelled));
    assert_eq!(task(&plan, "dataview-2").script.as_deref(), Some("echo mow > mow.txt\n"));
}

#[test]
fn an_obsidian_task_changes_between_its_brackets_and_keeps_its_emoji() {
    let (text, _) = read(FIXTURES[1].0);
    let path = FIXTURES[1].0;
    assert_eq!(set(path, &text, "spring-2", Completed), text.replace("[ ] Plant", "[x] Plant"));
    assert_eq!(set(path, &text, "spring-2", InProgress), text.replace("[ ] Plant", "[/] Plant"));
    assert_eq!(set(path, &text, "spring-2", Cancelled), text.replace("[ ] Plant", "[-] Plant"));
}

#[test]
fn fields_in_the_middle_of_an_obsidian_line_are_words() {
    let text = "- [ ] Buy 🆔 abc today\n- [ ] b 🆔 x1\n- [ ] c (due:: soon) [x:: y]\n";
    let plan = parse("n.md", text);
    assert_eq!(keys(&plan), ["plan-1", "x1", "plan-2"]);
    assert_eq!(plan.tasks[0].title, "Buy 🆔 abc today");
    assert_eq!(plan.tasks[2].title, "c (due:: soon) [x:: y]");
}

#[test]
fn github_boxes_are_the_issues_they_name() {
    let (text, plan) = read(FIXTURES[2].0);
    assert_eq!(keys(&plan), ["12", "15", "blockers-1", "owner-site-7", "20", "later-1"]);
    assert_eq!(task(&plan, "12").title, "Fix the login");
    assert_eq!(task(&plan, "15").title, "#15");
    assert_eq!(task(&plan, "12").id.as_deref(), Some("#12"));
    assert_eq!(task(&plan, "12").steps.len(), 2);
    assert_eq!(waits_for(&plan, "blockers-1"), ["12", "15"]);
    assert_eq!(waits_for(&plan, "owner-site-7"), ["12"]);
    assert_eq!(task(&plan, "owner-site-7").unresolved[0].text, "https://github.com/owner/site/issues/8");
    assert_eq!(codes(&plan), [(Code::UnknownDependency, 12, 49)]);
    assert_eq!(plan.find("#12").unwrap().key, "12");
    let done = set(FIXTURES[2].0, &text, "12", Completed);
    assert_eq!(done, text.replace("[ ] #12", "[x] #12").replace("[ ] write", "[x] write"));
}

#[test]
fn task_master_tasks_are_read_from_the_tag_master() {
    let (_, plan) = read(FIXTURES[3].0);
    assert_eq!(keys(&plan), ["1", "2", "3", "4", "5"]);
    let statuses: Vec<MarkerStatus> = plan.tasks.iter().map(|t| t.status).collect();
    assert_eq!(statuses, [Completed, InProgress, Blocked, Pending, Cancelled]);
    let first = task(&plan, "1");
    assert_eq!(first.title, "Set up the \"core\" — é");
    assert_eq!((first.line, first.column, first.priority), (9, 7, Some(Priority::P1)));
    assert_eq!(first.description, "Repository and build.\n\nUse one workspace.");
    assert_eq!(first.script.as_deref(), Some("echo core > core.txt\n"));
    assert_eq!(first.acceptance, ["The build passes."]);
    assert_eq!(first.section, ["master"]);
    let parser = task(&plan, "2");
    let steps: Vec<(&str, bool)> = parser.steps.iter().map(|s| (s.text.as_str(), s.done)).collect();
    assert_eq!(steps, [("2.1 Lexer", true), ("2.2 Grammar", false), ("2.3 Errors", false)]);
    assert!(parser.description.contains("2.2 Grammar: Sentences."), "{}", parser.description);
    assert_eq!(
        (waits_for(&plan, "2"), waits_for(&plan, "3"), waits_for(&plan, "4")),
        (vec!["1"], vec!["2"], vec!["3"])
    );
    assert_eq!(task(&plan, "3").unresolved[0].text, "9");
    assert_eq!(codes(&plan), [(Code::UnknownDependency, 38, 31)]);
}

#[test]
fn a_task_master_task_changes_in_its_status_and_those_of_its_open_subtasks() {
    let (text, _) = read(FIXTURES[3].0);
    let path = FIXTURES[3].0;
    let done = text
        .replace("\"status\": \"in-progress\"", "\"status\": \"done\"")
        .replace("\"Sentences.\", \"status\": \"pending\"", "\"Sentences.\", \"status\": \"done\"")
        .replace("{ \"id\": 3, \"title\": \"Errors\"", "{ \"id\": 3, \"status\": \"done\", \"title\": \"Errors\"");
    assert_eq!(set(path, &text, "2", Completed), done);
    assert_eq!(set(path, &text, "2", Cancelled), text.replace("in-progress", "cancelled"));
    assert_eq!(set(path, &text, "3", Completed), text.replace("\"review\"", "\"done\""));
    assert_eq!(
        set(path, &text, "4", Completed),
        text.replace("{ \"id\": 4, \"title\": \"Docs\"", "{ \"id\": 4, \"status\": \"done\", \"title\": \"Docs\"")
    );
}

#[test]
fn subtasks_that_others_wait_for_are_tasks_of_their_own() {
    let text = r#"{"tasks":[
        {"id":1,"title":"a","status":"pending","subtasks":[
            {"id":1,"title":"a1","status":"pending"},
            {"id":2,"title":"a2","status":null,"dependencies":[1]}]},
        {"id":2,"title":"b","status":"pending","dependencies":["1.1"]}]}"#;
    let plan = parse("tasks.json", text);
    assert_eq!(keys(&plan), ["1", "1.1", "1.2", "2"]);
    assert_eq!(waits_for(&plan, "1"), ["1.1", "1.2"]);
    assert_eq!((waits_for(&plan, "1.2"), waits_for(&plan, "2")), (vec!["1.1"], vec!["1.1"]));
    assert_eq!(task(&plan, "1.2").parent.as_deref(), Some("1"));
    assert!(plan.diagnostics.is_empty() && plan.tasks.iter().all(|t| t.steps.is_empty()));
    assert_eq!(set("tasks.json", text, "1.2", Completed), text.replace("null", "\"done\""));
}

#[test]
fn the_tag_that_is_read_is_master_or_the_first_and_the_others_stay_as_they_are() {
    let text = r#"{"note":1,"b":{"tasks":[{"id":1,"title":"x","status":"pending"}]},"a":{"tasks":[{"id":1,"title":"y","status":"pending"}]}}"#;
    let plan = parse("tasks.json", text);
    assert_eq!((plan.tasks[0].title.as_str(), plan.tasks[0].section.as_slice()), ("x", ["b".to_owned()].as_slice()));
    assert_eq!(set("tasks.json", text, "1", Completed), text.replacen("pending", "done", 1));
}

#[test]
fn entries_that_are_no_tasks_and_ids_used_twice_are_said_with_their_place() {
    let text = "{\"tasks\": [\n  {\"id\": 1, \"title\": \"a\", \"status\": \"maybe\"},\n  7,\n  {\"id\": 1, \"title\": \"b\", \"dependencies\": [1, \"x\"]},\n  {}\n]}";
    let plan = parse("tasks.json", text);
    assert_eq!(keys(&plan), ["1", "1@2"]);
    assert_eq!(
        codes(&plan),
        [
            (Code::UnknownStatus, 2, 37),
            (Code::NotATask, 3, 3),
            (Code::DuplicateId, 4, 3),
            (Code::AmbiguousDependency, 4, 44),
            (Code::UnknownDependency, 4, 47),
            (Code::NotATask, 5, 3),
        ]
    );
    assert_eq!(
        set("tasks.json", text, "1@2", Completed),
        text.replace("1, \"title\": \"b\"", "1, \"status\": \"done\", \"title\": \"b\"")
    );
}

#[test]
fn of_a_member_that_is_there_twice_the_last_one_counts() {
    let text = r#"{"tasks":[{"id":1,"title":"a","status":"pending","status":"done"}]}"#;
    assert_eq!(parse("tasks.json", text).tasks[0].status, Completed);
    assert_eq!(set("tasks.json", text, "1", Pending), text.replace("done", "pending"));
}

#[test]
fn a_task_that_waits_for_itself_is_said_and_held() {
    for (path, text) in [
        ("tasks.json", r#"{"tasks":[{"id":1,"title":"a","dependencies":[1]}]}"#),
        ("prd.json", r#"{"userStories":[{"id":"A","title":"a","dependsOn":"a"}]}"#),
        ("n.md", "- [ ] a 🆔 a1 ⛔ a1\n"),
        ("n.md", "- [ ] #1 a, blocked by #1\n"),
        ("n.md", "---\nid: a\ntitle: b\ndependencies: A\n---\n"),
    ] {
        let plan = parse(path, text);
        assert_eq!(plan.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::SelfDependency], "{text}");
        assert!(plan.tasks[0].dependencies.is_empty() && plan.tasks[0].unresolved.len() == 1, "{text}");
    }
}

#[test]
fn ralph_stories_wait_for_those_of_lower_numbers() {
    let (text, plan) = read(FIXTURES[4].0);
    assert_eq!(keys(&plan), ["US-002", "US-001", "US-003"]);
    assert_eq!((waits_for(&plan, "US-002"), waits_for(&plan, "US-001")), (vec!["US-001"], vec![]));
    assert_eq!(waits_for(&plan, "US-003"), ["US-002"]);
    assert_eq!(plan.verify, ["npm run typecheck"]);
    let first = task(&plan, "US-001");
    assert_eq!(
        first.verify,
        [
            "npm test",
            "( curl -s localhost/tasks ) | grep -F -e 'it'\\''s'",
            "code=0; ( false ) || code=$?; test \"$code\" -eq 1"
        ]
    );
    assert_eq!((first.status, first.script.as_deref()), (Completed, Some("echo column > column.txt\n")));
    assert!(first.description.ends_with("Mind the default."), "{}", first.description);
    assert_eq!(task(&plan, "US-002").acceptance.len(), 2);
    assert_eq!(codes(&plan), []);
    let path = FIXTURES[4].0;
    assert_eq!(set(path, &text, "US-002", Completed), text.replace("\"passes\": false", "\"passes\": true"));
    assert_eq!(set(path, &text, "US-001", Pending), text.replace("\"passes\": true", "\"passes\": false"));
    assert_eq!(
        set(path, &text, "US-003", Completed),
        text.replace("{ \"id\": \"US-003\"", "{ \"id\": \"US-003\", \"passes\": true")
    );
}

#[test]
fn ralph_stories_that_name_what_they_wait_for_wait_for_nothing_else() {
    let text = r#"{"userStories":[{"id":"A","title":"a","priority":1,"status":"pending"},
        {"id":"B","title":"b","priority":2,"status":"in_progress","blockedBy":[]},
        {"id":"C","title":"c","priority":3,"status":"done","blockedBy":["A"]}]}"#;
    let plan = parse("prd.json", text);
    assert_eq!((waits_for(&plan, "B"), waits_for(&plan, "C")), (vec![], vec!["A"]));
    assert_eq!(plan.tasks.iter().map(|t| t.status).collect::<Vec<_>>(), [Pending, InProgress, Completed]);
    assert_eq!(set("prd.json", text, "A", Completed), text.replacen("pending", "done", 1));
}

#[test]
fn broken_json_is_one_error_with_its_place_and_no_task() {
    for (path, text, line, column) in [
        ("tasks.json", "{\n  \"tasks\": [\n    {\"id\": 1,}\n]}", 3, 13),
        ("prd.json", "\u{feff}{\"userStories\": [", 1, 17),
        ("prd.json", "", 1, 1),
        ("tasks.json", "{\"tasks\": 1}", 1, 1),
        ("prd.json", "[]", 1, 1),
    ] {
        let plan = parse(path, text);
        assert!(plan.tasks.is_empty());
        assert_eq!(codes(&plan), [(Code::NotJson, line, column)], "{text}: {:?}", plan.diagnostics);
        assert_eq!(plan.diagnostics[0].severity, Severity::Error);
    }
}

#[test]
fn deep_nesting_and_long_lines_are_neither_slow_nor_the_end_of_the_stack() {
    let ids: String = (0..20_000).map(|n| format!("{{\"id\":{n},\"title\":\"é\",\"status\":\"pending\"}},")).collect();
    let tags = "#a ".repeat(300_000);
    for (path, text) in [
        ("tasks.json", "[".repeat(10 << 20)),
        ("prd.json", "{\"a\":".repeat(2 << 20)),
        ("x.json", format!("{{\"tasks\":{}", "[".repeat(10 << 20))),
        ("t.md", format!("---\nid: a\ntitle: b\nstatus: {}\ndependencies: []\n---\n", "[".repeat(5 << 20))),
        ("tasks.json", format!("{{\"tasks\":[{}]}}", ids.trim_end_matches(','))),
        ("o.md", format!("- [ ] a 🆔 b1\n- [ ] {tags}\n- [ ] {}\n", "[x] ".repeat(300_000))),
        ("g.md", format!("- [ ] #1 {}\n", "blocked by #2 ".repeat(50_000))),
    ] {
        let start = Instant::now();
        let plan = parse(path, &text);
        let taken = start.elapsed();
        assert!(plan.diagnostics.len() < 100_000);
        assert!(taken < Duration::from_secs(20), "{path} {taken:?}");
    }
}

#[test]
fn trap_declared_counters_and_summaries_are_not_trusted() {
    let text = r#"{"master":{"tasks":[{"id":1,"title":"a","status":"pending"}],"metadata":{"taskCount":9,"completedCount":9}}}"#;
    let plan = parse("tasks.json", text);
    assert_eq!((plan.tasks.len(), plan.tasks[0].status), (1, Pending));
}

#[test]
fn trap_nested_subtasks_are_seen_so_that_no_task_looks_finished_that_is_not() {
    let text = r#"{"tasks":[{"id":1,"title":"a","status":"done","subtasks":[
        {"id":1,"title":"b","status":"done","subtasks":[{"id":1,"title":"c","status":"pending"}]}]}]}"#;
    let plan = parse("tasks.json", text);
    assert_eq!(plan.tasks[0].steps.iter().map(|s| s.done).collect::<Vec<_>>(), [true, false]);
    assert_eq!(codes(&plan), [(Code::OpenSteps, 1, 11)]);
    let plan = parse("n.md", "- [x] #1 a\n  - [x] b\n    - [ ] c\n");
    assert_eq!((plan.format, codes(&plan)), (Format::GitHub, vec![(Code::OpenSteps, 1, 1)]));
}

#[test]
fn the_word_checkpoint_asks_for_nobody_but_a_mark_does() {
    for (path, text) in [
        ("n.md", "- [ ] Checkpoint 🆔 a1\n- [ ] Ask Ana [human] 🆔 a2\n- [ ] (optional) c 🆔 a3\n"),
        ("n.md", "- [ ] #1 Checkpoint\n- [ ] #2 Ask Ana [human]\n- [ ] #3 c (optional)\n"),
        ("prd.json", r#"{"userStories":[{"title":"Checkpoint"},{"title":"Ask (human)"},{"title":"c (optional)"}]}"#),
    ] {
        let plan = parse(path, text);
        let human: Vec<bool> = plan.tasks.iter().map(|t| t.human).collect();
        let optional: Vec<bool> = plan.tasks.iter().map(|t| t.optional).collect();
        assert_eq!((human, optional), (vec![false, true, false], vec![false, false, true]), "{text}");
    }
}

#[test]
fn trap_boxes_of_criteria_legends_and_fences_are_no_tasks() {
    let text = "## Legend\n- [x] done\n\n## Work\n- [ ] a 🆔 a1\n\n## Acceptance Criteria\n- [ ] fine\n\n```\n- [ ] no 🆔 b1\n```\n";
    assert_eq!(keys(&parse("n.md", text)), ["a1"]);
    let text = "## Work\n- [ ] #1 a\n- [ ] [OTHER repos] - Verify\n## Success Criteria\n- [ ] #2 fine\n";
    let plan = parse("n.md", text);
    assert_eq!((plan.format, keys(&plan)), (Format::GitHub, vec!["1", "work-1"]));
    assert_eq!(plan.tasks[1].title, "[OTHER repos] - Verify");
}

#[test]
fn trap_an_unbalanced_fence_does_not_swallow_the_rest() {
    let text = "```sh\n- [ ] a 🆔 a1\n\n## Next\n- [ ] b 🆔 b1\n";
    let plan = parse("n.md", text);
    assert_eq!((plan.format, keys(&plan)), (Format::Obsidian, vec!["a1", "b1"]));
}

#[test]
fn trap_changing_one_task_does_not_touch_another_with_the_same_words() {
    let text = "- [ ] same 🆔 a1\n- [ ] same 🆔 a2\n- [ ] same 📅 2026-01-01\n- [ ] same 📅 2026-01-01\n";
    assert_eq!(keys(&parse("n.md", text)), ["a1", "a2", "plan-1", "plan-2"]);
    let want = "- [ ] same 🆔 a1\n- [ ] same 🆔 a2\n- [ ] same 📅 2026-01-01\n- [x] same 📅 2026-01-01\n";
    assert_eq!(set("n.md", text, "plan-2", Completed), want);
}
