//! What an import found: which row is which task, and what will come of it.

use std::collections::HashMap;

use coditect_plan::{MarkerStatus, Place, Plan, PlanTask, Tying};
use coditect_store::adoption::source::SourceRow;
use coditect_store::adoption::{AdoptedRow, AdoptedTie, Effect};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;

/// More lines than this of one kind are counted, not shown.
const SHOWN: usize = 20;

/// An import, before anything has been written.
#[derive(Debug)]
pub(super) struct Report {
    /// The file, as it is remembered.
    pub(super) source: String,
    /// Its rows.
    pub(super) rows: Vec<SourceRow>,
    /// What the status of each means.
    pub(super) statuses: Vec<MarkerStatus>,
    /// The plans, with the ids of their documents.
    pub(super) plans: Vec<(String, Plan)>,
    /// Which row is which task.
    pub(super) tying: Tying,
}

/// A row that was tied.
struct Matched<'a> {
    row: &'a SourceRow,
    status: MarkerStatus,
    task: &'a PlanTask,
    document: &'a str,
    by: String,
    effect: Effect,
}

impl Report {
    fn task(&self, place: Place) -> Option<(&str, &PlanTask)> {
        let (document, plan) = self.plans.get(place.document)?;
        Some((document, plan.tasks.get(place.task)?))
    }

    fn matched(&self) -> impl Iterator<Item = Matched<'_>> {
        self.tying.ties.iter().filter_map(|tie| {
            let (row, status) = (self.rows.get(tie.row)?, *self.statuses.get(tie.row)?);
            let (document, task) = self.task(tie.task)?;
            let effect = Effect::of(status.as_str(), task.status.as_str(), None);
            Some(Matched { row, status, task, document, by: tie.by.to_string(), effect })
        })
    }

    /// Every row as it is to be kept.
    pub(super) fn adopted(&self) -> Vec<AdoptedRow> {
        let ties: HashMap<usize, _> = self.tying.ties.iter().map(|tie| (tie.row, tie)).collect();
        let rows = self.rows.iter().zip(&self.statuses).enumerate();
        rows.map(|(at, (row, status))| {
            let tie = ties.get(&at).and_then(|tie| Some((self.task(tie.task)?, tie.by)));
            AdoptedRow {
                source: self.source.clone(),
                id: row.id.clone(),
                title: row.title.clone(),
                description: row.description.clone(),
                word: row.status.clone(),
                status: status.as_str().to_owned(),
                priority: row.priority.clone(),
                created_at: row.created_at.clone(),
                updated_at: row.updated_at.clone(),
                tie: tie.map(|((document, task), by)| AdoptedTie {
                    document: document.to_owned(),
                    key: task.key.clone(),
                    by: by.to_string(),
                }),
            }
        })
        .collect()
    }

    /// Shows it to programs.
    pub(super) fn json(&self, stored: bool) -> Result<(), Failure> {
        let row = |at: &usize| self.rows.get(*at).map(|row| json!({ "id": row.id, "title": named(row) }));
        let place = |place: &Place| {
            self.task(*place)
                .map(|(document, task)| json!({ "document": document, "key": task.key, "title": task.title }))
        };
        let matched = self.matched().map(|Matched { row, status, task, document, by, effect }| {
            json!({ "row": row.id, "document": document, "key": task.key, "title": task.title, "by": by,
                "row_status": status, "plan_status": task.status, "effect": effect.as_str() })
        });
        let ambiguous = self.tying.ambiguous.iter().filter_map(|(at, places)| {
            let mut value = row(at)?;
            value["candidates"] = places.iter().filter_map(place).collect();
            Some(value)
        });
        output::json(&json!({
            "source": self.source, "rows": self.rows.len(), "stored": stored,
            "matched": matched.collect::<Vec<_>>(),
            "ambiguous": ambiguous.collect::<Vec<Value>>(),
            "rows_without_task": self.tying.unknown.iter().filter_map(row).collect::<Vec<_>>(),
            "tasks_without_row": self.tying.free.iter().filter_map(place).collect::<Vec<_>>(),
        }))
    }

    /// Shows it to people.
    pub(super) fn show(&self) -> Result<(), Failure> {
        let (ties, rows) = (self.tying.ties.len(), self.rows.len());
        output::line(format_args!("{}: {ties} of {} matched", self.source, output::count(rows, "row")))?;
        for (by, count) in self.reasons() {
            output::line(format_args!("  {count} by {by}"))?;
        }
        let differs = self.matched().filter(|matched| matched.effect != Effect::Agrees).map(|matched| {
            let Matched { row, status, task, effect, .. } = matched;
            let what = match effect {
                Effect::Completes => "will be completed",
                Effect::Cancels => "will be cancelled",
                Effect::PlanStands | Effect::Agrees => "stays as the plan has it",
            };
            format!(
                "{} {}: {} there ({}), {} in the plan: {what}",
                task.key,
                short(&task.title),
                status,
                row.id,
                task.status
            )
        });
        list("the two disagree about", differs.collect())?;
        let ambiguous = self.tying.ambiguous.iter().filter_map(|(at, places)| {
            let keys: Vec<_> = places.iter().filter_map(|place| Some(self.task(*place)?.1.key.as_str())).collect();
            let row = self.rows.get(*at)?;
            Some(format!("{} {}: may be {}", row.id, short(named(row)), keys.join(", ")))
        });
        list("not matched, as it is not clear which task is meant", ambiguous.collect())?;
        let unknown = self.tying.unknown.iter().filter_map(|at| self.rows.get(*at));
        list("rows without a task", unknown.map(|row| format!("{} {}", row.id, short(named(row)))).collect())?;
        let free = self.tying.free.iter().filter_map(|place| self.task(*place));
        list("tasks without a row", free.map(|(_, task)| format!("{} {}", task.key, short(&task.title))).collect())
    }

    /// How many rows were tied by what, in the order of the rounds.
    fn reasons(&self) -> Vec<(&'static str, usize)> {
        use coditect_plan::TiedBy;
        let count = |wanted: fn(&TiedBy) -> bool| self.tying.ties.iter().filter(|tie| wanted(&tie.by)).count();
        let counts = [
            ("the same id", count(|by| matches!(by, TiedBy::Id))),
            ("the same words in the section of the same name", count(|by| matches!(by, TiedBy::Section))),
            ("the same title, or nearly", count(|by| matches!(by, TiedBy::Title(_)))),
        ];
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

/// What a row is called: its title, or what else there is.
fn named(row: &SourceRow) -> &str {
    if row.title.is_empty() { &row.description } else { &row.title }
}

fn short(text: &str) -> String {
    output::short(text, 60)
}

fn list(what: &str, lines: Vec<String>) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    output::line(format_args!("\n{what} ({}):", lines.len()))?;
    for line in lines.iter().take(SHOWN) {
        output::line(format_args!("  {line}"))?;
    }
    match lines.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => output::line(format_args!("  and {more} more, which --json lists")),
    }
}
