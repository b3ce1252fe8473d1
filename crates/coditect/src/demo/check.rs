//! What the demo checks for itself, from the files and from git alone.

use std::collections::BTreeSet;
use std::fs;

use coditect_plan::MarkerStatus;

use super::plan::NAME;
use crate::failure::{Failure, at};
use crate::git::Repository;
use crate::output::line;

/// Compares what is there with what should be; says each point; whether all hold.
pub(crate) fn check(repository: &Repository, original: &str) -> Result<bool, Failure> {
    let plan = coditect_plan::parse(NAME, original);
    let wanted: BTreeSet<&str> = plan.tasks.iter().map(|task| task.key.as_str()).collect();
    let landed = repository.landed("main..coditect/integration")?;
    let keys: Vec<&str> =
        landed.iter().map(|task| task.split_once('/').map_or(task.as_str(), |(_, key)| key)).collect();
    let once: BTreeSet<&str> = keys.iter().copied().collect();

    let path = repository.root.join(NAME);
    let after = fs::read_to_string(&path).map_err(at("read", &path))?;
    let parsed = coditect_plan::parse(NAME, &after);
    let done = parsed.tasks.iter().filter(|task| task.status == MarkerStatus::Completed).count();
    let ticks: Vec<_> = plan.tasks.iter().map(|task| (task.key.as_str(), MarkerStatus::Completed)).collect();
    let expected = coditect_plan::set_statuses(original, &ticks).map_err(|error| Failure::wrong(error.to_string()))?;

    let points = [
        (done == wanted.len(), format!("{done} of {} tasks completed, every step box ticked", wanted.len())),
        (
            after == expected.text,
            "acceptance and legend boxes untouched, the plan otherwise identical byte for byte".to_owned(),
        ),
        (
            keys.len() == once.len() && once == wanted,
            format!("{} landed commits, one for each task, by trailer", keys.len()),
        ),
        (
            repository.commit("HEAD")? == repository.commit("main")?,
            "the checkout still on main, its commits untouched".to_owned(),
        ),
    ];
    for (holds, point) in &points {
        line(format_args!("{} {point}", if *holds { "✓" } else { "✗" }))?;
    }
    Ok(points.iter().all(|(holds, _)| *holds))
}
