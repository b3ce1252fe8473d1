//! Changing the status of tasks, and nothing else.
//!
//! A box task changes between its brackets, a task that is data in the value of its status. A task that is a heading changes
//! in its steps, and in the heading and the status field where the document keeps its status there. Every other byte stays.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::formats::Format;
use crate::label;
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Group, Plan, PlanTask, Slot, Step, Tick};
use crate::note::{self, Note};

/// One replaced piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Bytes of the original that are replaced (empty: something is inserted).
    pub range: Range<usize>,
    /// What stands there instead.
    pub text: String,
}

/// A changed document, and how it differs from the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The whole new text.
    pub text: String,
    /// The differences, in order, none overlapping; empty where nothing changed.
    pub splices: Vec<Splice>,
}

impl Edit {
    /// Whether the new text is the old one.
    #[must_use]
    pub const fn is_identity(&self) -> bool {
        self.splices.is_empty()
    }
}

/// Why a status cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No task is called so, or several have this id.
    #[error("no task is called `{0}`; `coditect plan check` lists the keys")]
    UnknownTask(String),
    /// The task is a heading, and headings of this kind have no way to say this.
    #[error(
        "task `{key}` is a heading without a status field, which cannot say `{status}`; add a `**Status:**` line to it"
    )]
    NotExpressible {
        /// The task.
        key: String,
        /// The status asked for.
        status: MarkerStatus,
    },
    /// The format has no marker for the status that its own tools would understand.
    #[error("task `{key}` cannot be marked {status}: the format {format} has no marker for it")]
    NotInFormat {
        /// The task.
        key: String,
        /// The status asked for.
        status: MarkerStatus,
        /// The format.
        format: Format,
    },
}

/// A status that a task is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark<'a> {
    /// The task's key.
    pub key: &'a str,
    /// The status.
    pub status: MarkerStatus,
    /// What is to be said of it, where it is completed and the format has a place for it.
    pub note: Option<&'a Note>,
}

impl Plan {
    /// Sets the status of one task; `text` is what the plan was read from.
    ///
    /// # Errors
    /// [`EditError`] where there is no such task or its form cannot express the status. An in-progress task is no
    /// error: where the document has no place for it, nothing changes.
    pub fn set_status(&self, text: &str, key: &str, status: MarkerStatus) -> Result<Edit, EditError> {
        self.set_statuses(text, &[(key, status)])
    }

    /// Sets the status of several tasks at once; for a task named twice the last one counts.
    ///
    /// # Errors
    /// As [`Plan::set_status`]; then nothing is changed at all.
    pub fn set_statuses(&self, text: &str, wanted: &[(&str, MarkerStatus)]) -> Result<Edit, EditError> {
        let marks: Vec<Mark<'_>> =
            wanted.iter().map(|(key, status)| Mark { key, status: *status, note: None }).collect();
        self.set_marks(text, &marks)
    }

    /// As [`Plan::set_statuses`], with notes. The system's own note behind a task whose status changes is replaced, or goes.
    ///
    /// # Errors
    /// As [`Plan::set_statuses`].
    pub fn set_marks(&self, text: &str, wanted: &[Mark<'_>]) -> Result<Edit, EditError> {
        let by_key: HashMap<&str, &PlanTask> = self.tasks.iter().map(|t| (t.key.as_str(), t)).collect();
        let mut by_task: BTreeMap<usize, (&PlanTask, MarkerStatus)> = BTreeMap::new();
        let mut notes: HashMap<usize, &Note> = HashMap::new();
        for Mark { key, status, note } in wanted {
            let task = by_key
                .get(key)
                .copied()
                .or_else(|| self.find(key))
                .ok_or_else(|| EditError::UnknownTask((*key).to_owned()))?;
            by_task.insert(task.span.start, (task, *status));
            notes.extend(note.map(|note| (task.span.start, note)));
        }
        let mut splices = Vec::new();
        for (at, (task, status)) in &by_task {
            if task.status != *status {
                let before = splices.len();
                task_splices(text, self, task, *status, &mut splices)?;
                // Where nothing says the new status, nothing has changed that a note could be about.
                if splices.len() > before {
                    splices.extend(note::splice(text, self.format, task, *status, notes.get(at).copied()));
                }
            }
        }
        splices.extend(self.groups(&by_task));
        Ok(apply(text, splices))
    }
}

impl Plan {
    /// What becomes of the boxes around the changed tasks: ticked with the last task they wait for, opened with the
    /// first.
    fn groups(&self, changed: &BTreeMap<usize, (&PlanTask, MarkerStatus)>) -> Vec<Splice> {
        let spelt = |status| self.format.marker(status).unwrap_or_default();
        let change = |group: &Group| {
            let settled = |after: bool| {
                group.required.iter().filter_map(|at| self.tasks.get(*at)).all(|task| {
                    let new = changed.get(&task.span.start).filter(|_| after).map(|(_, status)| *status);
                    new.unwrap_or(task.status).is_settled()
                })
            };
            match (settled(false), settled(true), group.status) {
                (false, true, status) if !group.open && status != MarkerStatus::Completed => {
                    Some(marked(&group.marker, spelt(MarkerStatus::Completed)))
                }
                (true, false, MarkerStatus::Completed) => Some(marked(&group.marker, spelt(MarkerStatus::Pending))),
                _ => None,
            }
        };
        self.style.groups.iter().filter_map(change).collect()
    }
}

fn apply(text: &str, mut splices: Vec<Splice>) -> Edit {
    splices.retain(|s| text.get(s.range.clone()) != Some(s.text.as_str()));
    splices.sort_by_key(|s| (s.range.start, s.range.end));
    splices.dedup();
    let mut new = String::with_capacity(text.len() + 16);
    let mut at = 0;
    for splice in &splices {
        new.push_str(text.get(at..splice.range.start).unwrap_or_default());
        new.push_str(&splice.text);
        at = splice.range.end;
    }
    new.push_str(text.get(at..).unwrap_or_default());
    Edit { text: new, splices }
}

fn task_splices(
    text: &str,
    plan: &Plan,
    task: &PlanTask,
    status: MarkerStatus,
    splices: &mut Vec<Splice>,
) -> Result<(), EditError> {
    let not_in_format = || EditError::NotInFormat { key: task.key.clone(), status, format: plan.format };
    match &task.anchor {
        Anchor::Box { marker } => {
            let Some(spelling) = plan.format.marker(status) else {
                return if status == MarkerStatus::InProgress { Ok(()) } else { Err(not_in_format()) };
            };
            splices.push(marked(marker, spelling));
            if status == MarkerStatus::Completed {
                splices.extend(open(&task.steps).map(|s| marked(&s.marker, spelling)));
            }
            Ok(())
        }
        Anchor::Value { own, steps } => {
            let Some(word) = own.words.word(status) else {
                return if status == MarkerStatus::InProgress { Ok(()) } else { Err(not_in_format()) };
            };
            splices.push(filled(own, word));
            if status == MarkerStatus::Completed {
                let open = task.steps.iter().zip(steps).filter(|(step, _)| !step.status.is_settled());
                splices.extend(open.filter_map(|(_, slot)| Some(filled(slot, slot.words.word(status)?))));
            }
            Ok(())
        }
        Anchor::Heading { text: heading, ticks, status_field } => {
            let not_expressible = || {
                let (key, format) = (task.key.clone(), plan.format);
                match format.marker(status) {
                    Some(_) => EditError::NotExpressible { key, status },
                    None => EditError::NotInFormat { key, status, format },
                }
            };
            if !task.steps.is_empty() {
                let changes = step_changes(plan.format, task, status).ok_or_else(not_expressible)?;
                if changes.is_empty() {
                    return Ok(());
                }
                splices.extend(changes);
            } else if let Some(field) = status_field {
                splices.push(Splice { range: field.clone(), text: status.words().to_owned() });
            } else if matches!(status, MarkerStatus::Blocked | MarkerStatus::Cancelled) {
                return Err(not_expressible());
            } else if status == MarkerStatus::InProgress {
                return Ok(());
            }
            let only_place = task.steps.is_empty() && status_field.is_none();
            if status != MarkerStatus::Completed {
                splices.extend(ticks.iter().map(|t| Splice { range: t.clone(), text: String::new() }));
            } else if ticks.is_empty() {
                splices.extend(ticked(text, heading, plan.style.tick.as_ref(), only_place));
            }
            Ok(())
        }
    }
}

/// What changes in the steps of a heading task; `None` where steps cannot say it.
fn step_changes(format: Format, task: &PlanTask, status: MarkerStatus) -> Option<Vec<Splice>> {
    let steps = task.steps.iter();
    let marked = |s: &Step, status| Some(marked(&s.marker, format.marker(status)?));
    Some(match status {
        MarkerStatus::Completed => {
            // Cancelled steps stay so, unless then nothing would have been done at all.
            let all_cancelled = steps.clone().all(|s| s.status == MarkerStatus::Cancelled);
            let changed = steps.filter(|s| all_cancelled || !s.status.is_settled());
            changed.filter_map(|s| marked(s, status)).collect()
        }
        MarkerStatus::Pending if task.status == MarkerStatus::Completed => {
            steps.filter(|s| s.status == MarkerStatus::Completed).filter_map(|s| marked(s, status)).collect()
        }
        MarkerStatus::Pending => steps
            .filter(|s| !matches!(s.status, MarkerStatus::Completed | MarkerStatus::Pending))
            .filter_map(|s| marked(s, status))
            .collect(),
        MarkerStatus::Cancelled => steps.map(|s| marked(s, status)).collect::<Option<_>>()?,
        MarkerStatus::InProgress => Vec::new(),
        MarkerStatus::Blocked => return None,
    })
}

fn open(steps: &[Step]) -> impl Iterator<Item = &Step> {
    steps.iter().filter(|s| !s.status.is_settled())
}

fn filled(slot: &Slot, word: &str) -> Splice {
    Splice { range: slot.range.clone(), text: format!("{}{word}{}", slot.before, slot.after) }
}

fn marked(marker: &Range<usize>, spelling: &str) -> Splice {
    Splice { range: marker.clone(), text: spelling.to_owned() }
}

/// A tick for a heading, as the document has them; where it has none, only if there is no other
/// place for the status.
fn ticked(text: &str, heading: &Range<usize>, style: Option<&Tick>, only_place: bool) -> Option<Splice> {
    match style {
        Some(tick) if tick.leading => {
            Some(Splice { range: heading.start..heading.start, text: format!("{} ", tick.text) })
        }
        style if only_place || style.is_some() => {
            let tick = style.map_or("✅", |t| t.text.as_str());
            let title = text.get(heading.clone()).unwrap_or_default();
            let gap =
                if title.is_empty() && text.get(..heading.end).is_some_and(|t| t.ends_with(' ')) { "" } else { " " };
            Some(Splice { range: heading.end..heading.end, text: format!("{gap}{tick}") })
        }
        _ => None,
    }
}

/// The ticks in a heading: their bytes with the blanks that go with them, and how the last is written.
pub(crate) fn ticks(text: &str, heading: &Range<usize>) -> (Vec<Range<usize>>, Option<Tick>) {
    let title = text.get(heading.clone()).unwrap_or_default();
    let found = label::ticks(title);
    let written = found.last().map(|tick| Tick {
        leading: tick.start == 0,
        text: title.get(tick.clone()).unwrap_or_default().trim().to_owned(),
    });
    let ranges = found.into_iter().map(|t| heading.start + t.start..heading.start + t.end).collect();
    (ranges, written)
}
