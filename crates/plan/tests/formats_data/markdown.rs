//! The dialects that are markdown: Backlog.md, Obsidian Tasks, GitHub task lists.

use super::*;

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
