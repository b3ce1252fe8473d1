//! What follows from an edit for one task: the merge, with what came before it counted in.

use std::collections::HashSet;

use coditect_core::{TaskId, TaskState};
use coditect_plan::identity::similar;

use crate::StoreError;
use crate::conflicts::{AGENT, STATUS};
use crate::documents::marker;
use crate::known::Known;
use crate::merge::{Outcome, Says, merge, wishes};
use crate::planned::{PlannedDocument, PlannedTask};
use crate::wishes::Wish;

/// A lone mark of the daemon is not unmade by a person within this time after it was written: a copy that was read
/// before it was.
const YOUNG_MS: i64 = 60_000;

/// What follows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) wishes: Vec<Wish>,
    pub(crate) conflict: bool,
    /// A conflict that was open is none any more.
    pub(crate) converged: bool,
    /// The marker is older than the database's decision, and will be written again.
    pub(crate) undone: bool,
}

/// What follows for the status of a task that is known. `stale`: its marker in the file asks for nothing.
pub(crate) fn judge(known: &Known, task: &PlannedTask, stale: bool) -> Result<Verdict, StoreError> {
    let (base, file) = (Says::marker(known.marker()?), Says::marker(marker(&known.id, &task.marker)?));
    let decided = known.decided();
    let mut verdict = Verdict::default();
    if known.retires() {
        // It comes back as something to do; what it was before, or is now, is asked for on top of it.
        let done = known.was_done();
        let now = if done { Says::Completed } else { Says::Open };
        let wanted = if done && (stale || file == base) { Says::Completed } else { file };
        verdict.wishes.push(Wish::Restore);
        verdict.wishes.extend(wishes(Says::Open, now));
        verdict.wishes.extend(wishes(now, wanted));
        return Ok(verdict);
    }
    let disputed = known.conflicts.contains(STATUS);
    if known.life.state == TaskState::Skipped && file == Says::Completed && !stale {
        // A skipped task's box may be open on purpose: a tick disputes nothing.
        return Ok(Verdict { wishes: vec![Wish::Complete], ..verdict });
    }
    match merge(if stale { file } else { base }, file, decided) {
        Outcome::InStep => verdict.converged = disputed,
        Outcome::Write(_) => verdict.undone = stale && file != base && base == decided,
        Outcome::Wish(list) if !disputed => verdict.wishes.extend(list),
        Outcome::Wish(_) | Outcome::Conflict => verdict.conflict = true,
    }
    Ok(verdict)
}

/// What follows for the agent of a task: what a person chose stands over the plan, whose change is then a conflict.
pub(crate) fn judge_agent(known: &Known, task: &PlannedTask, stale: bool) -> Verdict {
    let disputed = known.conflicts.contains(AGENT);
    let agrees = known.agent_override.is_none() || known.agent_override == task.agent;
    let changed = task.agent != known.planned.agent;
    Verdict { conflict: !agrees && changed && !stale, converged: disputed && agrees, ..Verdict::default() }
}

/// The tasks whose markers in the file are older than those that the daemon wrote: the file has none of its marks since
/// some revision, and these are several or the only one is young. A file like that was read before that revision.
pub(crate) fn undo(
    known: &[Known],
    planned: &PlannedDocument,
    origins: &[Option<usize>],
    now_ms: i64,
) -> Result<HashSet<TaskId>, StoreError> {
    let mut in_file: Vec<Option<&PlannedTask>> = vec![None; known.len()];
    for (task, origin) in planned.tasks.iter().zip(origins) {
        if let Some(place) = origin.and_then(|at| in_file.get_mut(at)) {
            *place = Some(task);
        }
    }
    let mut marks = Vec::new();
    for (known, task) in known.iter().zip(in_file) {
        let Some((revision, at_ms, from)) = known.marked.filter(|_| !known.gone) else { continue };
        let file = task.map(|task| marker(&known.id, &task.marker)).transpose()?.map(Says::marker);
        let mark = Says::marker(known.marker()?);
        if mark == Says::marker(from) {
            continue;
        }
        // Told by its place alone, it may be something else altogether.
        let other = |task: &PlannedTask| task.plan_id.is_none() && !similar(&task.title, &known.planned.title);
        let as_before = file == Some(Says::marker(from)) && !task.is_some_and(other);
        marks.push((revision, at_ms, file == Some(mark), as_before.then_some(&known.id)));
    }
    let carried = marks.iter().filter(|(.., carried, _)| *carried).map(|(revision, ..)| *revision).max();
    let since = carried.map_or(i64::MIN, |carried| carried + 1);
    let missing = marks.iter().filter(|(revision, ..)| *revision >= since).count();
    let undone = marks.iter().filter_map(|(revision, at_ms, _, unmade)| {
        let young = now_ms.saturating_sub(*at_ms) < YOUNG_MS;
        let task = unmade.filter(|_| *revision >= since && (missing >= 2 || young))?;
        Some(task.clone())
    });
    Ok(undone.collect())
}
