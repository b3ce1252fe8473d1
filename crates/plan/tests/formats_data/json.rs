//! The dialects that are JSON: Task Master and ralph.

use super::*;

#[test]
fn what_is_in_json_is_known_by_its_content_where_its_name_tells_nothing() {
    assert_eq!(Format::detect("plan.json", &fixture("ralph/prd.json")), Format::Ralph);
    assert_eq!(Format::detect("plan.json", &fixture("task-master/tasks.json")), Format::TaskMaster);
    assert_eq!(Format::detect(".taskmaster/tasks/tasks.json", "{"), Format::TaskMaster);
    assert_eq!(Format::detect("package.json", "{\"name\": \"x\"}"), Format::Coditect);
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
