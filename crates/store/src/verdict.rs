//! What follows from an edit for one task: the merge, with what came before it counted in.

use std::collections::HashSet;

use coditect_core::{TaskId, TaskState};
use coditect_plan::identity::similar;

use crate::StoreError;
use crate::conflicts::{AGENT, STATUS};
use crate::documents::marker;
use crate::known::{Known, Mark};
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

/// How a task's marker comes to be what the file now says. `old`: the file is older than the mark, which stands and will
/// be written again. `written_ms`: the daemon wrote the marker, though it could not say so before the file was changed.
pub(crate) fn marked(
    known: &Known,
    task: &PlannedTask,
    old: bool,
    written_ms: Option<i64>,
    revision: i64,
) -> Result<Option<Mark>, StoreError> {
    let (from, to) = (known.marker()?, marker(&known.id, &task.marker)?);
    if from == to {
        return Ok(known.mark);
    }
    let made = Mark { revision, written_ms, from };
    let Some((mark, says)) = known.mark_says()? else {
        return Ok((written_ms.is_some() || Says::marker(from) != Says::marker(to)).then_some(made));
    };
    let file = Says::marker(to);
    let stands = (old && file == Says::marker(mark.from)) || (Says::marker(from) != says && file == says);
    if stands {
        return Ok(Some(Mark { written_ms: written_ms.or(mark.written_ms), ..mark }));
    }
    Ok((written_ms.is_some() || Says::marker(from) != file).then_some(made))
}

/// A mark, held against a file.
struct Held<'a> {
    mark: Mark,
    /// The file has it.
    there: bool,
    /// It is in the file, and cannot be from before.
    carried: bool,
    /// The task, if its marker in the file is as it was before.
    unmade: Option<&'a TaskId>,
}

/// The tasks whose markers in the file are older than their marks.
///
/// The file has no tick since some revision. Of the daemon's marks since then several are missing, or the only one is
/// young: the file was read before that revision. Then it has the marks that people made since as they were before, too;
/// those alone prove nothing, for who made them knows them.
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
        let Some((mark, says)) = known.mark_says()?.filter(|_| !known.gone || task.is_some()) else { continue };
        let file = task.map(|task| marker(&known.id, &task.marker)).transpose()?.map(Says::marker);
        // Told by its place alone, it may be something else altogether.
        let other = |task: &PlannedTask| task.plan_id.is_none() && !similar(&task.title, &known.planned.title);
        let as_before = file == Some(Says::marker(mark.from)) && !task.is_some_and(other);
        // A box that is open may have been open all along.
        let there = file == Some(says);
        let carried = there && says != Says::Open;
        marks.push(Held { mark, there, carried, unmade: as_before.then_some(&known.id) });
    }
    let carried = marks.iter().filter(|held| held.carried).map(|held| held.mark.revision).max();
    let since = carried.map_or(i64::MIN, |carried| carried + 1);
    let missing = |held: &&Held<'_>| held.mark.revision >= since && held.unmade.is_some();
    let gone = |held: &&Held<'_>| held.mark.revision >= since && !held.there && held.mark.written_ms.is_some();
    let several = marks.iter().filter(gone).count() >= 2;
    let old = |held: &&Held<'_>| held.mark.written_ms.is_some_and(|at| several || now_ms.saturating_sub(at) < YOUNG_MS);
    let daemons: Vec<_> = marks.iter().filter(missing).filter(old).collect();
    let last = daemons.iter().map(|held| held.mark.revision).max();
    let people = marks.iter().filter(missing);
    let people = people.filter(|held| held.mark.written_ms.is_none() && Some(held.mark.revision) <= last);
    Ok(daemons.iter().copied().chain(people).filter_map(|held| held.unmade.cloned()).collect())
}
