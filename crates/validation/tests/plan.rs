//! The plan of examples/v2 is what validation takes it for.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::fs;

use coditect_plan::PlanTask;
use coditect_validation::{example, repository};

fn tasks() -> Vec<PlanTask> {
    let plan = coditect_plan::parse("PLAN.md", &fs::read_to_string(example::folder().join("PLAN.md")).unwrap());
    assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
    plan.tasks
}

#[test]
fn it_has_ten_epics_and_122_tasks_of_which_29_are_done() {
    let tasks = tasks();
    let epics: HashSet<_> = tasks.iter().map(|task| task.section[0].clone()).collect();
    let done = tasks.iter().filter(|task| repository::done(task)).count();
    assert_eq!((epics.len(), tasks.len(), done), (10, 122, 29));
}

#[test]
fn every_task_has_what_an_agent_needs_and_an_agent_that_is_defined() {
    let mut agents = HashSet::new();
    for task in tasks() {
        assert!(!task.steps.is_empty() && !task.verify.is_empty() && task.priority.is_some(), "{}", task.key);
        assert!(task.estimate_minutes.is_some() && task.unresolved.is_empty(), "{}", task.key);
        agents.insert(task.agent.unwrap());
    }
    let defined = fs::read_dir(example::folder().join("agents")).unwrap();
    let defined: HashSet<_> =
        defined.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(agents, defined);
}

#[test]
fn done_tasks_depend_on_done_tasks_only() {
    let tasks = tasks();
    let done: HashSet<_> = tasks.iter().filter(|task| repository::done(task)).map(|task| task.key.clone()).collect();
    for task in tasks.iter().filter(|task| repository::done(task)) {
        assert!(task.dependencies.iter().all(|on| done.contains(&on.key)), "{}", task.key);
    }
}

#[test]
fn what_is_done_is_proved_on_the_seed_and_what_is_not_done_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repository");
    example::make(&root).unwrap();
    for task in tasks() {
        let failing = repository::failing_of(&root, &task).unwrap();
        assert_eq!(failing.is_empty(), repository::done(&task), "{}: {failing:?}", task.key);
    }
}
