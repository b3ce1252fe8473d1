//! A plan of each format is worked to its end: every task is landed once and reads as completed, nothing but markers
//! has changed in the files, and the tool that the format belongs to sees the work done.
//!
//! The samples are those of `examples/formats`; where the corpus is there, its real plans too, their boxes cleared.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use coditect_tests::differences::{Difference, differences};
use coditect_tests::plan_tools::PlanTool;
use coditect_tests::{Project, Up, wait_until};
use serde_json::Value;

/// Makes a file for each task.
const WRITE: &str = r#"mkdir -p done && echo "$CODITECT_TASK_TITLE" > "done/$(echo "$CODITECT_TASK_ID" | tr / +).txt""#;

/// How a task is completed in the text of a plan: what stands before the place, what was there, and what is now.
#[derive(Debug, Clone, Copy)]
struct Spelling {
    before: &'static str,
    open: &'static str,
    done: &'static str,
}

const BOX: Spelling = Spelling { before: "[", open: " ", done: "x" };
const FRONT_MATTER: Spelling = Spelling { before: "status: ", open: "To Do", done: "Done" };
const TASKS_JSON: Spelling = Spelling { before: "\"status\": \"", open: "pending", done: "done" };
const PRD_JSON: Spelling = Spelling { before: "\"passes\": ", open: "false", done: "true" };

/// A plan, and what is known of it by reading it.
struct Sample {
    format: &'static str,
    /// Its files.
    plans: Vec<String>,
    spelling: Spelling,
    /// How many tasks there are to do.
    tasks: usize,
    /// How many markers tell that they are done: a task's own, or those of its steps.
    markers: usize,
    /// Lines that stay open: tasks that a plan can do without.
    left: &'static [&'static str],
}

impl Sample {
    fn new(format: &'static str, plans: &[&str], spelling: Spelling, tasks: usize, markers: usize) -> Self {
        let plans = plans.iter().map(|&plan| plan.to_owned()).collect();
        Self { format, plans, spelling, tasks, markers, left: &[] }
    }

    /// The sample of `examples/formats`, in a repository of its own.
    fn project(&self) -> Project {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/formats");
        Project::copy_of(&samples.join(self.format))
    }

    /// Works the plan to its end and holds every promise against what was there before.
    fn complete(&self, project: &Project) {
        self.complete_with(project, |_, _| {});
    }

    /// The same, with what a person does before the last run, who starts runs as they like.
    fn complete_with<'p>(&self, project: &'p Project, person: impl FnOnce(&'p Project, &dyn Fn(&[&str]) -> Up<'p>)) {
        let before: Vec<String> = self.plans.iter().map(|plan| project.read(plan)).collect();
        let open = tasks(project, &self.plans, self.format);
        let to_do: HashSet<&str> = open.iter().filter(|task| task.status == "pending").map(Task::id).collect();
        assert_eq!(to_do.len(), self.tasks + self.left.len(), "tasks to do: {to_do:?}");

        let plans: Vec<&str> = self.plans.iter().map(String::as_str).collect();
        let up =
            |more: &[&str]| project.up_on(&plans, &[&["--runtime", "script", "--script", WRITE], more].concat(), &[]);
        person(project, &up);
        assert_eq!(up(&["--until-done"]).wait(), 0);

        let mut found = 0;
        for (plan, before) in self.plans.iter().zip(&before) {
            let pieces = differences(before, &project.read(plan));
            pieces.iter().for_each(|piece| self.is_marker(plan, piece));
            found += pieces.len();
        }
        assert_eq!(found, self.markers, "markers changed");

        let after = tasks(project, &self.plans, self.format);
        assert_eq!(after.len(), open.len());
        for (task, before) in after.iter().zip(&open) {
            let left = self.left.iter().any(|left| task.title.contains(left));
            let expected = if before.status == "pending" && !left { "completed" } else { &before.status };
            assert_eq!((task.id(), task.status.as_str()), (before.id(), expected), "{}", task.title);
        }

        let landed = project.landings();
        let once: HashSet<&str> = landed.iter().map(|(task, _)| task.as_str()).collect();
        assert_eq!(once.len(), landed.len(), "a task landed twice: {landed:?}");
        assert!(once.is_subset(&to_do), "{once:?} is not all of {to_do:?}");
        let changed = project.git(&["status", "--porcelain", "--untracked-files=all"]);
        assert_eq!(changed.lines().count(), self.plans.len(), "{changed}");
        assert!(changed.lines().all(|line| line.starts_with(" M ")), "{changed}");
    }

    /// The piece is a marker that went from open to done, and nothing else.
    fn is_marker(&self, plan: &str, piece: &Difference) {
        let Spelling { before, open, done } = self.spelling;
        let told = piece.before.ends_with(before) && piece.old == open && piece.new == done;
        assert!(told, "{plan}:{}: changed other than in its marker: {piece:?}", piece.line);
        if before == BOX.before {
            assert!(piece.behind.starts_with(']'), "{plan}:{}: {piece:?}", piece.line);
        }
    }
}

/// A task as `coditect plan check --json` tells it.
struct Task {
    id: String,
    title: String,
    status: String,
}

impl Task {
    fn id(&self) -> &str {
        &self.id
    }
}

fn tasks(project: &Project, plans: &[String], format: &str) -> Vec<Task> {
    let arguments: Vec<&str> =
        ["plan", "check", "--json"].into_iter().chain(plans.iter().map(String::as_str)).collect();
    let output = project.coditect(&arguments);
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(output.status.success(), "{:#}", said["diagnostics"]);
    let mut tasks = Vec::new();
    for document in said["documents"].as_array().unwrap() {
        let path = document["path"].as_str().unwrap();
        assert_eq!(document["format"], format, "{path}");
        for task in document["tasks"].as_array().unwrap() {
            let text = |key: &str| task[key].as_str().unwrap().to_owned();
            let id = format!("{}/{}", coditect_core::document_slug(path), text("key"));
            tasks.push(Task { id, title: text("title"), status: text("status") });
        }
    }
    tasks
}

/// A folder of the corpus, if it is there.
fn corpus(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/plans").join(name);
    path.exists().then_some(path)
}

/// A repository with a real plan, its boxes cleared, where the corpus is.
fn real(name: &str, path: &str) -> Option<Project> {
    let text = std::fs::read_to_string(corpus(name)?).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text.replace("- [x] ", "- [ ] ")).unwrap();
    Some(Project::copy_of(folder.path()))
}

#[test]
fn a_coditect_plan() {
    let sample = Sample::new("coditect", &["TASKLIST-WITH-CHECKBOXES.md"], BOX, 8, 14);
    sample.complete(&sample.project());
}

#[test]
fn a_real_coditect_plan() {
    let Some(project) = real("coditect-citus/TASKLIST.md", "TASKLIST.md") else { return };
    Sample::new("coditect", &["TASKLIST.md"], BOX, 23, 136).complete(&project);
}

#[test]
fn a_spec_kit_plan_and_what_spec_kit_says_of_it() {
    let sample = Sample::new("spec-kit", &["specs/001-reading-list/tasks.md"], BOX, 12, 12);
    let project = sample.project();
    sample.complete(&project);

    let Some(specify) = PlanTool::Specify.find() else { return };
    let init = ["init", "--here", "--force", "--non-interactive", "--ignore-agent-tools", "--script", "py"];
    PlanTool::Specify.run(&specify, project.path(), &[&init[..], &["--integration", "claude"]].concat());
    // spec-kit has no program that counts tasks. Its script finds the feature and its list of tasks; the counting is
    // an instruction to agents (`implement`): lines with `- [ ]` are open, lines with `- [x]` or `- [X]` are done.
    let python = specify.with_file_name("python");
    let script = ".specify/scripts/python/check_prerequisites.py";
    let output = std::process::Command::new(python)
        .args([script, "--json", "--require-tasks", "--include-tasks"])
        .current_dir(project.path())
        .env("SPECIFY_FEATURE", "001-reading-list")
        .env("SPECIFY_FEATURE_DIRECTORY", "specs/001-reading-list")
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(said["AVAILABLE_DOCS"].as_array().unwrap().iter().any(|document| document == "tasks.md"), "{said}");
    let folder = said["FEATURE_DIR"].as_str().unwrap();
    let tasks = std::fs::read_to_string(project.path().join(folder).join("tasks.md")).unwrap();
    let count = |marker: &str| tasks.lines().filter(|line| line.starts_with(marker)).count();
    assert_eq!((count("- [ ] "), count("- [x] ") + count("- [X] ")), (0, 12));
}

#[test]
fn a_real_spec_kit_plan() {
    let path = "specs/002-template/tasks.md";
    let Some(project) = real("spec-kit/tasks-template.md", path) else { return };
    Sample::new("spec-kit", &[path], BOX, 34, 34).complete(&project);
}

#[test]
fn a_kiro_plan_whose_checkpoint_a_person_approves() {
    let mut sample = Sample::new("kiro", &[".kiro/specs/contact-import/tasks.md"], BOX, 7, 9);
    sample.left = &["Write unit tests for both readers"];
    sample.complete_with(&sample.project(), |project, up| {
        assert_eq!(up(&["--until-done"]).wait(), 1, "a person is needed");
        let before = project.landings();
        assert!(!before.is_empty());
        let running = up(&[]);
        let mut waiting = Value::Null;
        wait_until("the checkpoint is put to a person", || {
            let said = project.coditect(&["task", "list", "--state", "needs_human", "--json"]).stdout;
            waiting = serde_json::from_slice(&said).unwrap_or_default();
            waiting["tasks"].as_array().is_some_and(|tasks| !tasks.is_empty())
        });
        assert!(waiting["tasks"][0]["title"].as_str().unwrap().contains("Checkpoint"), "{waiting}");
        assert_eq!(project.landings(), before, "nothing passes the checkpoint");
        let id = waiting["tasks"][0]["id"].as_str().unwrap();
        let approved = project.coditect(&["task", "approve", id]);
        assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
        running.interrupt();
    });
}

#[test]
fn an_openspec_plan_and_what_openspec_says_of_it() {
    let sample = Sample::new("openspec", &["openspec/changes/add-rate-limits/tasks.md"], BOX, 8, 10);
    let project = sample.project();
    sample.complete(&project);

    let Some(openspec) = PlanTool::OpenSpec.find() else { return };
    let said = PlanTool::OpenSpec.run(&openspec, project.path(), &["list", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    let change = &said["changes"][0];
    assert_eq!(
        (&change["completedTasks"], &change["totalTasks"], &change["status"]),
        (&10.into(), &10.into(), &"complete".into())
    );
    let arguments = ["instructions", "apply", "--change", "add-rate-limits", "--json"];
    let said: Value = serde_json::from_str(&PlanTool::OpenSpec.run(&openspec, project.path(), &arguments)).unwrap();
    assert!(said["tasks"].as_array().unwrap().iter().all(|task| task["done"] == true), "{said}");
    assert_eq!(said["state"], "all_done", "{said}");
    PlanTool::OpenSpec.run(&openspec, project.path(), &["validate", "add-rate-limits", "--strict", "--no-interactive"]);
}

#[test]
fn a_real_openspec_plan() {
    let path = "openspec/changes/fix-validate-view-resolution-parity/tasks.md";
    let Some(project) = real("openspec/fix-validate-view-resolution-parity.md", path) else { return };
    Sample::new("openspec", &[path], BOX, 27, 27).complete(&project);
    let Some(openspec) = PlanTool::OpenSpec.find() else { return };
    let said: Value =
        serde_json::from_str(&PlanTool::OpenSpec.run(&openspec, project.path(), &["list", "--json"])).unwrap();
    assert_eq!(said["changes"][0]["completedTasks"], 27, "{said}");
    assert_eq!(said["changes"][0]["status"], "complete", "{said}");
}

#[test]
fn a_backlog_and_what_backlog_md_says_of_it() {
    let files = [
        "task-1 - Read-the-photographs.md",
        "task-2 - Find-the-place-of-a-photograph.md",
        "task-3 - Find-photographs-that-are-there-twice.md",
        "task-4 - Show-an-album-by-place-and-day.md",
        "task-5 - Describe-the-program.md",
    ];
    let plans = files.map(|file| format!("backlog/tasks/{file}"));
    let plans: Vec<&str> = plans.iter().map(String::as_str).collect();
    let sample = Sample::new("backlog-md", &plans, FRONT_MATTER, 5, 5);
    let project = sample.project();
    sample.complete(&project);
    in_order(&project, &["TASK-1", "TASK-4", "TASK-5"]);

    let Some(backlog) = PlanTool::BacklogMd.find() else { return };
    let said = PlanTool::BacklogMd.run(&backlog, project.path(), &["task", "list", "--plain"]);
    let (done, others): (Vec<&str>, Vec<&str>) =
        said.lines().filter(|line| !line.trim().is_empty()).partition(|line| line.contains("TASK-"));
    assert_eq!((done.len(), others), (5, vec!["Done:"]), "{said}");
    let said = PlanTool::BacklogMd.run(&backlog, project.path(), &["task", "view", "4", "--plain"]);
    assert!(
        said.contains("Status: ✔ Done") && said.contains("TASK-3 - Find photographs that are there twice"),
        "{said}"
    );
    assert!(said.contains("- [ ] #1 Days without photographs have no page"), "criteria are a person's to tick: {said}");
}

#[test]
fn a_real_backlog() {
    let Some(folder) = corpus("backlog-md") else { return };
    let temporary = tempfile::tempdir().unwrap();
    let tasks = temporary.path().join("backlog/tasks");
    std::fs::create_dir_all(&tasks).unwrap();
    let mut plans = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // The first waits for a task that is not in the corpus.
        if name.starts_with("back-1 ") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        // The tasks were renamed from `task-…` after these references were written.
        let text = text.replacen("\nstatus: Done\n", "\nstatus: To Do\n", 1).replace("\n  - task-", "\n  - BACK-");
        std::fs::write(tasks.join(&name), text).unwrap();
        plans.push(format!("backlog/tasks/{name}"));
    }
    plans.sort();
    let plans: Vec<&str> = plans.iter().map(String::as_str).collect();
    let project = Project::copy_of(temporary.path());
    Sample::new("backlog-md", &plans, FRONT_MATTER, 11, 11).complete(&project);
    in_order(&project, &["BACK-100.1", "BACK-100.2", "BACK-100.3", "BACK-100.4"]);
}

#[test]
fn an_obsidian_note() {
    let sample = Sample::new("obsidian", &["Garden.md"], BOX, 7, 7);
    sample.complete(&sample.project());
}

#[test]
fn a_note_with_windows_line_endings_and_without_a_last_one() {
    let sample = Sample::new("obsidian", &["Garden.md"], BOX, 7, 7);
    let project = sample.project();
    let text = format!("\u{feff}{}", project.read("Garden.md").trim_end().replace('\n', "\r\n"));
    std::fs::write(project.path().join("Garden.md"), text).unwrap();
    project.commit();
    sample.complete(&project);
}

#[test]
fn a_github_task_list() {
    let sample = Sample::new("github", &["ROADMAP.md"], BOX, 7, 9);
    sample.complete(&sample.project());
}

#[test]
fn a_ralphex_plan() {
    let sample = Sample::new("ralphex", &["docs/plans/2026-03-02-quiet-hours.md"], BOX, 5, 11);
    sample.complete(&sample.project());
}

#[test]
fn a_real_ralphex_plan() {
    let path = "docs/plans/2025-02-03-finalize-step.md";
    let Some(project) = real("ralphex/2025-02-03-finalize-step.md", path) else { return };
    Sample::new("ralphex", &[path], BOX, 14, 29).complete(&project);
}

#[test]
fn a_task_master_list_and_what_task_master_says_of_it() {
    let sample = Sample::new("task-master", &[".taskmaster/tasks/tasks.json"], TASKS_JSON, 5, 7);
    let project = sample.project();
    sample.complete(&project);

    let Some(task_master) = PlanTool::TaskMaster.find() else { return };
    let json = |arguments: &[&str]| {
        let said = PlanTool::TaskMaster.run(&task_master, project.path(), arguments);
        // Around the document it may say that it reports to nobody, and how it could be updated.
        let json = said.find('{').map(|at| &said[at..]).unwrap_or_default();
        let first = serde_json::Deserializer::from_str(json).into_iter::<Value>().next();
        first.and_then(Result::ok).unwrap_or_else(|| panic!("no JSON: {said}"))
    };
    let said = json(&["list", "--with-subtasks", "--json"]);
    let tasks = said["tasks"].as_array().unwrap();
    let subtasks = tasks.iter().flat_map(|task| task["subtasks"].as_array().unwrap());
    let done = tasks.iter().chain(subtasks).filter(|task| task["status"] == "done").count();
    assert_eq!(done, 7, "{said:#}");
    assert_eq!(json(&["list", "--tag", "mobile", "--json"])["tasks"][0]["status"], "pending");
    PlanTool::TaskMaster.run(&task_master, project.path(), &["validate-dependencies"]);
}

#[test]
fn a_ralph_prd() {
    let sample = Sample::new("ralph", &["prd.json"], PRD_JSON, 5, 5);
    sample.complete(&sample.project());
}

/// These tasks landed, one after the other.
fn in_order(project: &Project, keys: &[&str]) {
    let landed = project.landed();
    let places: Vec<_> = keys.iter().map(|key| landed.iter().position(|landed| landed == key)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{keys:?} in {landed:?}");
}
