//! What the demo counts for itself when the system is gone: in the plan file and in the repository.

use std::collections::HashSet;
use std::fs;

use owo_colors::OwoColorize;

use super::plan::DemoPlan;
use super::sandbox::PLAN;
use crate::failure::{Failure, at};
use crate::git::Repository;
use crate::output;

/// Where the work lands.
pub(super) const TARGET: &str = "coditect/integration";

/// The branch that is checked out.
pub(super) const BRANCH: &str = "main";

/// Counts, says what it found, and whether all of it is as it should be.
pub(super) fn run(plan: &DemoPlan, repository: &Repository) -> Result<bool, Failure> {
    let file = repository.root.join(PLAN);
    let text = fs::read_to_string(&file).map_err(at("read", &file))?;
    let tasks = plan.len();
    let read = coditect_plan::parse(PLAN, &text);
    let completed = read.tasks.iter().filter(|task| task.status == coditect_plan::MarkerStatus::Completed).count();
    let branch = format!("refs/heads/{TARGET}");
    let tip = repository.commit(&branch)?;
    let range = format!("HEAD..{branch}");
    let (landed, commits) = match tip {
        Some(_) => (repository.landed(&range)?, repository.count(&range)?),
        None => (Vec::new(), 0),
    };
    let different: HashSet<_> = landed.iter().collect();
    let boxes = plan.boxes(&text);
    let untouched = repository.branch()? == BRANCH && repository.count(BRANCH)? == 1;
    let findings = [
        (completed == tasks, format!("{completed} of {tasks} tasks completed in {PLAN}")),
        (boxes.ticked == boxes.steps, format!("{} of {} step boxes ticked", boxes.ticked, boxes.steps)),
        (boxes.others_untouched, format!("{} acceptance and legend boxes untouched", boxes.others)),
        (text == plan.text(true), format!("{PLAN} otherwise byte for byte as it was")),
        (
            different.len() == tasks && commits == tasks && landed.len() == tasks,
            format!(
                "{} landed on {TARGET}, of {} by their trailers",
                output::count(commits, "commit"),
                output::count(different.len(), "different task")
            ),
        ),
        (untouched, format!("{BRANCH} still checked out, and as it was")),
    ];
    output::line("")?;
    for (fine, what) in &findings {
        let mark = if *fine { "ok    ".green().to_string() } else { "WRONG ".red().to_string() };
        output::line(format_args!("{mark} {what}"))?;
    }
    Ok(findings.iter().all(|(fine, _)| *fine))
}
