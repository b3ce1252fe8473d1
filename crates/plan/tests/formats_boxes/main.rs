//! The dialects of spec-kit, Kiro, OpenSpec and ralphex: told apart, read, and written in their own spelling.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use coditect_plan::MarkerStatus::{self, Blocked, Cancelled, Completed, InProgress, Pending};
use coditect_plan::{Code, Edit, EditError, Format, Plan, PlanTask, parse, parse_as};

mod laws;
mod reading;
mod writing;

const SPEC_KIT: &str = include_str!("../fixtures/spec-kit/tasks.md");
const KIRO: &str = include_str!("../fixtures/kiro/tasks.md");
const OPENSPEC: &str = include_str!("../fixtures/openspec/tasks.md");
const RALPHEX: &str = include_str!("../fixtures/ralphex/plan.md");

const FIXTURES: [(Format, &str, &str); 4] = [
    (Format::SpecKit, "specs/004-opening-hours/tasks.md", SPEC_KIT),
    (Format::Kiro, ".kiro/specs/opening-hours/tasks.md", KIRO),
    (Format::OpenSpec, "openspec/changes/opening-hours/tasks.md", OPENSPEC),
    (Format::Ralphex, "docs/plans/opening-hours.md", RALPHEX),
];

fn task<'p>(plan: &'p Plan, key: &str) -> &'p PlanTask {
    plan.tasks.iter().find(|t| t.key == key).unwrap_or_else(|| panic!("no task {key}"))
}

fn keys(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|t| t.key.as_str()).collect()
}

fn waits_for<'p>(plan: &'p Plan, key: &str) -> Vec<&'p str> {
    task(plan, key).dependencies.iter().map(|d| d.key.as_str()).collect()
}

/// Everything that has to be done before a task, by whatever way round.
fn before(plan: &Plan, key: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![key.to_owned()];
    while let Some(key) = open.pop() {
        for dependency in &task(plan, &key).dependencies {
            if found.insert(dependency.key.clone()) {
                open.push(dependency.key.clone());
            }
        }
    }
    found
}

fn set(format: Format, text: &str, key: &str, status: MarkerStatus) -> Result<Edit, EditError> {
    parse_as(format, "p", text).set_status(text, key, status)
}

/// The files of a folder of the corpus beside the workspace; none where it is not there.
fn corpus(folder: &str) -> HashMap<String, String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/plans").join(folder);
    let files = std::fs::read_dir(path).into_iter().flatten().map(|e| e.unwrap().path());
    files.map(|p| (p.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(p).unwrap())).collect()
}
