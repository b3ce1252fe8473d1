//! The figures by which people decide whether all goes well: counted from the history, so that another count of the
//! same tables comes to the same.
//!
//! - `tasks_completed`: tasks that are completed or left out. Target: all that are planned, which are those that are
//!   neither cancelled nor gone from the plan.
//! - `success_ratio`: of the tasks that were attempted in their current generation and then landed, need a person or
//!   were given up, the share that landed. A task that a person completed is in neither.
//! - `autonomy_ratio`: of the tasks that were attempted in their current generation and rest (completed, left out,
//!   cancelled, given up, or waiting for a person), the share that landed without any event of a person in that
//!   generation.
//! - `dispatch_p95_ms`: the time that 95 of 100 assignments kept within (nearest rank), from the moment at which they
//!   could be made: the task was ready, and fewer attempts were open than may be. To wait for a slot is no fault of the
//!   dispatcher's, and lasts as long as the work of others does.
//! - `throughput_per_hour`: landed attempts per hour of the time in which at least one attempt was open.

use coditect_proto::v1::Figure;
use coditect_store::Measures;

/// What success and autonomy have to reach.
const RATIO: f64 = 0.95;

/// What dispatch has to keep within.
const DISPATCH_MS: f64 = 5_000.0;

const HOUR_MS: f64 = 3_600_000.0;

/// The five figures, as of `now_ms`, where at most `slots` attempts may be open.
pub(crate) fn figures(measures: &Measures, now_ms: i64, slots: i64) -> Vec<Figure> {
    let Measures { planned, completed, landed, landed_alone, stopped, settled, dispatches, landings, attempts } =
        measures;
    let dispatch_ms = dispatch(dispatches, attempts, slots);
    let ended = landed + stopped;
    let active_ms = active(attempts, now_ms);
    vec![
        figure(
            ("tasks_completed", "Tasks completed", "tasks"),
            (*planned > 0).then(|| float(*completed)),
            (*planned > 0).then(|| float(*planned)),
            ">=",
            format!("{completed} of {planned} planned tasks are completed or skipped"),
        ),
        figure(
            ("success_ratio", "Success", "ratio"),
            ratio(*landed, ended),
            Some(RATIO),
            ">=",
            format!("{landed} of {ended} attempted tasks landed; {stopped} need a person or were given up"),
        ),
        figure(
            ("autonomy_ratio", "Autonomy", "ratio"),
            ratio(*landed_alone, *settled),
            Some(RATIO),
            ">=",
            format!("{landed_alone} of {settled} attempted tasks that rest landed without a person"),
        ),
        figure(
            ("dispatch_p95_ms", "Dispatch, 95th percentile", "ms"),
            percentile_95(&dispatch_ms).map(float),
            Some(DISPATCH_MS),
            "<=",
            format!("of {} assignments, from when the task was ready and a slot free", dispatch_ms.len()),
        ),
        figure(
            ("throughput_per_hour", "Throughput", "tasks/h"),
            (*landings > 0 && active_ms > 0).then(|| float(*landings) * HOUR_MS / float(active_ms)),
            None,
            ">=",
            format!("{landings} landed attempts in {} s in which attempts were open", active_ms / 1000),
        ),
    ]
}

fn figure(
    (name, label, unit): (&str, &str, &str),
    value: Option<f64>,
    target: Option<f64>,
    comparison: &str,
    basis: String,
) -> Figure {
    let met =
        value.zip(target).map(|(value, target)| if comparison == "<=" { value <= target } else { value >= target });
    Figure {
        name: name.to_owned(),
        label: label.to_owned(),
        value,
        unit: unit.to_owned(),
        target,
        comparison: comparison.to_owned(),
        met,
        basis,
    }
}

fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds are far below 2^52")]
fn float(number: i64) -> f64 {
    number as f64
}

/// The smallest of these, which are in ascending order, that at least 95 of 100 do not exceed.
fn percentile_95(sorted: &[i64]) -> Option<i64> {
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// How long each assignment took from the moment at which it could be made, in ascending order.
fn dispatch(dispatches: &[(i64, i64)], attempts: &[(i64, Option<i64>)], slots: i64) -> Vec<i64> {
    // When attempts were closed and opened, and in between, the assignments. What is closed makes room for what is
    // opened in the same millisecond.
    let closed = attempts.iter().filter_map(|(_, ended)| Some(((*ended)?, 0, 0)));
    let opened = attempts.iter().map(|(opened, _)| (*opened, 2, 0));
    let assigned = dispatches.iter().map(|(ready, assigned)| (*assigned, 1, *ready));
    let mut moments: Vec<(i64, u8, i64)> = closed.chain(opened).chain(assigned).collect();
    moments.sort_unstable();
    let (mut open, mut room_since, mut took) = (0, i64::MIN, Vec::with_capacity(dispatches.len()));
    for (at_ms, what, ready_ms) in moments {
        match what {
            0 => {
                if open >= slots {
                    room_since = at_ms;
                }
                open -= 1;
            }
            1 => took.push((at_ms - ready_ms.max(room_since)).max(0)),
            _ => open += 1,
        }
    }
    took.sort_unstable();
    took
}

/// For how long at least one of the attempts, which are in the order in which they were opened, was open.
fn active(attempts: &[(i64, Option<i64>)], now_ms: i64) -> i64 {
    let (mut total, mut until) = (0, i64::MIN);
    for (opened, ended) in attempts {
        let ended = ended.unwrap_or(now_ms);
        total += (ended - (*opened).max(until)).max(0);
        until = until.max(ended);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'f>(figures: &'f [Figure], name: &str) -> &'f Figure {
        figures.iter().find(|figure| figure.name == name).unwrap()
    }

    #[test]
    fn nothing_measured_is_no_value_and_no_verdict() {
        for figure in figures(&Measures::default(), 1, 5) {
            assert_eq!((figure.value, figure.met), (None, None), "{}", figure.name);
        }
    }

    #[test]
    fn ratios_are_of_what_was_attempted() {
        let measures = Measures { landed: 19, landed_alone: 18, stopped: 1, settled: 20, ..Measures::default() };
        let figures = figures(&measures, 1, 5);
        let (success, autonomy) = (of(&figures, "success_ratio"), of(&figures, "autonomy_ratio"));
        assert_eq!((success.value, success.met), (Some(0.95), Some(true)));
        assert_eq!((autonomy.value, autonomy.met), (Some(0.9), Some(false)));
    }

    #[test]
    fn the_percentile_is_a_value_that_was_measured() {
        assert_eq!(percentile_95(&[]), None);
        assert_eq!(percentile_95(&[7]), Some(7));
        assert_eq!(percentile_95(&(1..=20).collect::<Vec<_>>()), Some(19));
        assert_eq!(percentile_95(&(1..=100).collect::<Vec<_>>()), Some(95));
    }

    #[test]
    fn waiting_for_a_slot_is_not_dispatching() {
        let attempts = [(4, Some(1_000)), (1_003, None)];
        let dispatches = [(0, 4), (0, 1_003)];
        assert_eq!(dispatch(&dispatches, &attempts, 1), [3, 4]);
        assert_eq!(dispatch(&dispatches, &attempts, 2), [4, 1_003]);
    }

    #[test]
    fn time_in_which_attempts_overlap_counts_once_and_time_without_any_not_at_all() {
        assert_eq!(active(&[(0, Some(10)), (5, Some(8)), (9, Some(20)), (100, None)], 130), 50);
    }

    #[test]
    fn throughput_is_per_hour_of_activity() {
        let measures = Measures { landings: 2, attempts: vec![(0, Some(1_800_000))], ..Measures::default() };
        let figures = figures(&measures, i64::MAX, 5);
        assert_eq!(of(&figures, "throughput_per_hour").value, Some(4.0));
    }
}
