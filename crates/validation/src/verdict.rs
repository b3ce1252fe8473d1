//! Go or no-go: the figures of the system beside those that were counted here, and everything that must hold.

use std::fmt::Write as _;

use serde_json::Value;

use crate::history::{Attempt, Count};
use crate::ledger::Ledger;

/// How many more tasks have to be completed.
const MORE: usize = 80;

/// What success and autonomy have to reach.
const RATIO: f64 = 0.95;

/// What dispatch has to keep within, in milliseconds.
const DISPATCH_MS: f64 = 5_000.0;

/// The share of attempts that have to have gone wrong, or nothing was tried.
const WRONG: f64 = 0.10;

/// What was counted.
#[derive(Debug)]
pub struct Counted<'a> {
    /// How many tasks the plan has.
    pub planned: usize,
    /// How many of them were done before.
    pub before: usize,
    /// From the history.
    pub count: &'a Count,
    /// Each attempt, by the system.
    pub attempts: &'a [Attempt],
    /// From the agents.
    pub ledger: &'a Ledger,
}

/// A figure.
#[derive(Debug)]
struct Row {
    name: &'static str,
    /// Its name in the system's status; empty where that has none.
    figure: &'static str,
    system: Option<f64>,
    counted: Option<f64>,
    target: String,
    met: bool,
    unit: Unit,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Tasks(usize),
    Ratio,
    Milliseconds,
    PerHour,
}

/// The decision, and what it rests on.
#[derive(Debug)]
pub struct Verdict {
    rows: Vec<Row>,
    checks: Vec<(String, Vec<String>)>,
    no_figures: bool,
}

impl Verdict {
    /// Puts the system's own status beside what was counted.
    #[must_use]
    pub fn new(status: &Value, of: &Counted<'_>) -> Self {
        let Counted { planned, before, count, attempts: began, ledger } = *of;
        let figures = status["figures"].as_array().filter(|figures| !figures.is_empty());
        let figure = |name: &str| {
            let found = figures?.iter().find(|figure| figure["name"] == name)?;
            found["value"].as_f64()
        };
        let row = |name, figure_name: &'static str, counted: Option<f64>, target: String, met: bool, unit| Row {
            name,
            figure: figure_name,
            system: figure(figure_name),
            counted,
            target,
            met,
            unit,
        };
        let at_least = |value: Option<f64>| value.is_some_and(|value| value >= RATIO);
        let (completed, p95) = (count.landed.len(), count.dispatch_p95_ms().map(milliseconds));
        let mut rows = vec![
            row(
                "tasks completed",
                "tasks_completed",
                Some(float(before + completed)),
                format!("{before} + at least {MORE}"),
                completed >= MORE,
                Unit::Tasks(planned),
            ),
            row("success", "success_ratio", count.success(), "≥ 95 %".into(), at_least(count.success()), Unit::Ratio),
            row(
                "autonomy",
                "autonomy_ratio",
                count.autonomy(),
                "≥ 95 %".into(),
                at_least(count.autonomy()),
                Unit::Ratio,
            ),
            row(
                "dispatch, 95th percentile",
                "dispatch_p95_ms",
                p95,
                "≤ 5 s".into(),
                p95.is_some_and(|ms| ms <= DISPATCH_MS),
                Unit::Milliseconds,
            ),
            row(
                "  from ready, turns awaited",
                "",
                count.wait_p95_ms().map(milliseconds),
                "told, not judged".into(),
                true,
                Unit::Milliseconds,
            ),
            row(
                "throughput",
                "throughput_per_hour",
                count.throughput_per_hour(),
                "told, not judged".into(),
                true,
                Unit::PerHour,
            ),
        ];
        // The state of every task is in the status with or without figures.
        if let Some(tasks) = rows.first_mut().filter(|row| row.system.is_none()) {
            tasks.system = status["by_state"]["completed"].as_f64();
        }
        let wrong: usize = ledger.wrong().values().sum();
        let attempts = ledger.attempts();
        let share = if attempts > 0 { float(wrong) / float(attempts) } else { 0.0 };
        let ways: Vec<String> = ledger.wrong().iter().map(|(how, count)| format!("{how} {count}")).collect();
        let told = format!(
            "{wrong} of {attempts} attempts went wrong by the agents' own ledger ({:.1} %, at least 10 % wanted): {}",
            share * 100.0,
            ways.join(", ")
        );
        let few = (share < WRONG).then(|| "too few to have tried anything: choose another --seed".to_owned());
        let mut verdict = Self { rows, checks: Vec::new(), no_figures: figures.is_none() };
        verdict.check("the system's figures are those that were counted", verdict.differences(figures.is_some()));
        verdict.check(&told, few.into_iter().collect());
        // What died with its executor may have died before its agent wrote a line.
        let silent = began.iter().filter(|attempt| attempt.lost && !ledger.knows(&attempt.key, attempt.number));
        let (claimed, silent) = (count.claimed, silent.count());
        let unknown = (claimed != attempts + silent).then(|| {
            format!("the history has {claimed} attempts that began, {silent} of them dead before their agent began")
        });
        verdict.check("every attempt of the history is in the ledger, once", unknown.into_iter().collect());
        verdict.check("no attempt that went wrong has landed", ledger.landed_wrong(&count.landed));
        verdict
    }

    /// Adds something that must hold, with what speaks against it.
    pub fn check(&mut self, what: &str, faults: Vec<String>) {
        self.checks.push((what.to_owned(), faults));
    }

    /// Whether everything holds.
    #[must_use]
    pub fn go(&self) -> bool {
        self.rows.iter().all(|row| row.met) && self.checks.iter().all(|(_, faults)| faults.is_empty())
    }

    /// As people read it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{:<26} {:>14} {:>14}   {:<18}\n", "", "system", "counted", "target");
        for row in &self.rows {
            let (system, counted) = (row.unit.show(row.system), row.unit.show(row.counted));
            let mark = if row.met { "ok" } else { "MISSED" };
            let _ = writeln!(text, "{:<26} {system:>14} {counted:>14}   {:<18} {mark}", row.name, row.target);
        }
        if self.no_figures {
            text.push_str("\nThe system's status has no figures: only the tasks could be compared with it.\n");
        }
        text.push('\n');
        for (what, faults) in &self.checks {
            let _ = writeln!(text, "{} {what}", if faults.is_empty() { "ok   " } else { "WRONG" });
            for fault in faults.iter().take(10) {
                let _ = writeln!(text, "        {fault}");
            }
            if faults.len() > 10 {
                let _ = writeln!(text, "        and {} more", faults.len() - 10);
            }
        }
        let _ = write!(text, "\n{}", if self.go() { "GO" } else { "NO-GO" });
        text
    }

    fn differences(&self, all: bool) -> Vec<String> {
        let differ = |row: &&Row| match (row.system, row.counted) {
            // A thousandth, for what has been divided and rounded.
            (Some(system), Some(counted)) => (system - counted).abs() > counted.abs() / 1_000.0,
            (None, None) => false,
            _ => all && !row.figure.is_empty(),
        };
        let told = |row: &Row| {
            let (system, counted) = (row.unit.show(row.system), row.unit.show(row.counted));
            format!("{}: the system says {system}, the count {counted}", row.name)
        };
        self.rows.iter().filter(differ).map(told).collect()
    }
}

impl Unit {
    fn show(self, value: Option<f64>) -> String {
        let Some(value) = value else { return "-".to_owned() };
        match self {
            Self::Tasks(planned) => format!("{value:.0} of {planned}"),
            Self::Ratio => format!("{:.1} %", value * 100.0),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::PerHour => format!("{value:.0} an hour"),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^52")]
fn milliseconds(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    fn count() -> Count {
        let landed: HashMap<_, _> = (0..93).map(|at| (at.to_string(), 1)).collect();
        Count {
            alone: 93,
            settled: 93,
            claimed: 100,
            dispatch_ms: vec![7; 100],
            active_ms: 3_600_000,
            landed,
            ..Count::default()
        }
    }

    fn ledger(wrong: usize) -> Ledger {
        Ledger::read(
            &(0..100).map(|at| format!("x 1 {}\n", if at < wrong { "hangs" } else { "well" })).collect::<String>(),
        )
    }

    fn verdict(status: &Value, wrong: usize) -> Verdict {
        let (count, ledger) = (count(), ledger(wrong));
        Verdict::new(status, &Counted { planned: 122, before: 29, count: &count, attempts: &[], ledger: &ledger })
    }

    fn status(success: f64) -> Value {
        json!({"figures": [
            {"name": "tasks_completed", "value": 122.0}, {"name": "success_ratio", "value": success},
            {"name": "autonomy_ratio", "value": 1.0}, {"name": "dispatch_p95_ms", "value": 7.0},
            {"name": "throughput_per_hour", "value": 93.0}
        ]})
    }

    #[test]
    fn it_is_go_where_both_counts_agree_and_meet_the_targets() {
        let verdict = verdict(&status(1.0), 10);
        assert!(verdict.go(), "{}", verdict.text());
        assert!(verdict.text().ends_with("\nGO"));
    }

    #[test]
    fn it_is_no_go_where_the_counts_differ() {
        assert!(!verdict(&status(0.97), 10).go());
    }

    #[test]
    fn it_is_no_go_where_hardly_anything_went_wrong() {
        assert!(!verdict(&status(1.0), 9).go());
    }

    #[test]
    fn without_figures_the_tasks_are_compared_and_it_is_said() {
        let with = |completed| verdict(&json!({"by_state": {"completed": completed}}), 10);
        assert!(with(122).go() && with(122).text().contains("has no figures"));
        assert!(!with(121).go());
    }
}
