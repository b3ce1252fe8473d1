//! The count from the history: from the rows of `task_events` and from nothing else. What became of executors is in the
//! rows of `attempts`.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use sqlx::{AnyConnection, Connection, Row};

/// A row of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The task's key.
    pub key: String,
    /// The state it left.
    pub from: String,
    /// The state it came to.
    pub to: String,
    /// Who moved it.
    pub actor: String,
    /// When.
    pub at_ms: i64,
}

/// Reads the history, in order.
///
/// # Errors
/// The database cannot be opened or read.
pub async fn read(url: &str) -> anyhow::Result<Vec<Event>> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.context("cannot open the database")?;
    let rows = sqlx::query("SELECT task_id, from_state, to_state, actor, at_ms FROM task_events ORDER BY at_ms, id")
        .fetch_all(&mut connection)
        .await
        .context("cannot read task_events")?;
    let events = rows.iter().map(|row| {
        Ok(Event {
            key: key(row.try_get("task_id")?),
            from: row.try_get("from_state")?,
            to: row.try_get("to_state")?,
            actor: row.try_get("actor")?,
            at_ms: row.try_get("at_ms")?,
        })
    });
    let events = events.collect::<Result<_, sqlx::Error>>().context("cannot read task_events")?;
    connection.close().await.ok();
    Ok(events)
}

/// A row of the attempts: on which executor it was, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The key of its task.
    pub key: String,
    /// Its number.
    pub number: i64,
    /// The executor that claimed it.
    pub executor: Option<String>,
    /// `running`, `landed`, …
    pub state: String,
    /// Whether its executor was not heard of any more.
    pub lost: bool,
}

/// Reads the attempts.
///
/// # Errors
/// The database cannot be opened or read.
pub async fn attempts(url: &str) -> anyhow::Result<Vec<Attempt>> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.context("cannot open the database")?;
    let rows = sqlx::query("SELECT task_id, number, executor, state, failure FROM attempts ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .context("cannot read attempts")?;
    let attempts = rows.iter().map(|row| {
        let failure: Option<String> = row.try_get("failure")?;
        Ok(Attempt {
            key: key(row.try_get("task_id")?),
            number: row.try_get("number")?,
            executor: row.try_get("executor")?,
            state: row.try_get("state")?,
            lost: failure.as_deref() == Some("executor_lost"),
        })
    });
    let attempts = attempts.collect::<Result<_, sqlx::Error>>().context("cannot read attempts")?;
    connection.close().await.ok();
    Ok(attempts)
}

/// The task's key, without the plan's.
fn key(task: &str) -> String {
    task.split_once('/').map_or(task, |(_, key)| key).to_owned()
}

/// What the history comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Count {
    /// Tasks that landed and are completed, in the order of the plan's keys, with the number of the attempt that did.
    pub landed: HashMap<String, i64>,
    /// Tasks that need a person or were given up.
    pub stopped: Vec<String>,
    /// Tasks that were attempted and do not move any more.
    pub settled: usize,
    /// Of the landed, those that no person had a hand in.
    pub alone: usize,
    /// How long each assignment took from the moment at which it could be made, in milliseconds, in ascending order:
    /// the task was ready, and fewer attempts were open than may be.
    pub dispatch_ms: Vec<i64>,
    /// How long each task was ready before it was assigned, its turn awaited included.
    pub wait_ms: Vec<i64>,
    /// How many attempts were claimed.
    pub claimed: usize,
    /// For how long at least one attempt was open, in milliseconds.
    pub active_ms: i64,
}

/// The states of an attempt that is under way, which are those of its task.
pub const OPEN: [&str; 4] = ["assigned", "running", "verifying", "landing"];

impl Count {
    /// Counts a history in which at most `slots` attempts may be open.
    #[must_use]
    pub fn of(events: &[Event], slots: usize) -> Self {
        let mut count = Self::default();
        count.tasks(events);
        count.turns(events, slots);
        count
    }

    /// What became of each task.
    fn tasks(&mut self, events: &[Event]) {
        let count = self;
        let mut by_task: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in events {
            by_task.entry(&event.key).or_default().push(event);
        }
        for (key, events) in &by_task {
            let assigned = events.iter().filter(|event| event.to == "assigned").count();
            count.claimed += events.iter().filter(|event| event.to == "running").count();
            let person = events.iter().any(|event| event.actor.starts_with("person:"));
            let attempts = i64::try_from(assigned).unwrap_or(i64::MAX);
            let Some(last) = events.last().filter(|_| attempts > 0) else { continue };
            match last.to.as_str() {
                "completed" if last.from == "landing" => {
                    count.landed.insert((*key).to_owned(), attempts);
                    count.alone += usize::from(!person);
                    count.settled += 1;
                }
                "needs_human" | "failed" => {
                    count.stopped.push((*key).to_owned());
                    count.settled += 1;
                }
                "completed" | "cancelled" | "skipped" => count.settled += 1,
                _ => {}
            }
        }
    }

    /// What happened over time: how many attempts were open, and how long assignments took.
    fn turns(&mut self, events: &[Event], slots: usize) {
        let (mut open, mut busy_since) = (0_usize, 0);
        // Since when there is room for another attempt.
        let mut room_since = i64::MIN;
        let mut ready: HashMap<&str, i64> = HashMap::new();
        let is_open = |state: &str| OPEN.contains(&state);
        let mut events: Vec<&Event> = events.iter().collect();
        // What is closed makes room for what is opened in the same millisecond.
        events.sort_by_key(|event| (event.at_ms, !is_open(&event.from) || is_open(&event.to)));
        for event in events {
            let Event { key, from, to, at_ms, .. } = event;
            if to == "ready" {
                ready.insert(key, *at_ms);
            }
            match (is_open(from), is_open(to)) {
                (false, true) => {
                    if let Some(ready_ms) = ready.remove(key.as_str()) {
                        self.wait_ms.push(at_ms - ready_ms);
                        self.dispatch_ms.push((at_ms - ready_ms.max(room_since)).max(0));
                    }
                    if open == 0 {
                        busy_since = *at_ms;
                    }
                    open += 1;
                }
                (true, false) => {
                    if open >= slots {
                        room_since = *at_ms;
                    }
                    open = open.saturating_sub(1);
                    if open == 0 {
                        self.active_ms += at_ms - busy_since;
                    }
                }
                _ => {}
            }
        }
        self.dispatch_ms.sort_unstable();
        self.wait_ms.sort_unstable();
    }

    /// Of the tasks that landed or were stopped, the share that landed.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        share(self.landed.len(), self.landed.len() + self.stopped.len())
    }

    /// Of the attempted tasks that do not move any more, the share that landed without a person.
    #[must_use]
    pub fn autonomy(&self) -> Option<f64> {
        share(self.alone, self.settled)
    }

    /// What 95 of 100 assignments did not exceed (nearest rank), from the moment at which they could be made.
    #[must_use]
    pub fn dispatch_p95_ms(&self) -> Option<i64> {
        percentile_95(&self.dispatch_ms)
    }

    /// The same from the moment at which the task was ready.
    #[must_use]
    pub fn wait_p95_ms(&self) -> Option<i64> {
        percentile_95(&self.wait_ms)
    }

    /// Landed tasks per hour of the time in which an attempt was open.
    #[must_use]
    pub fn throughput_per_hour(&self) -> Option<f64> {
        (self.active_ms > 0).then(|| float(self.landed.len()) * 3_600_000.0 / self.active_ms as f64)
    }
}

fn percentile_95(sorted: &[i64]) -> Option<i64> {
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(moves: &[(&'static str, &'static str, i64)]) -> Vec<Event> {
        let mut at: HashMap<&str, &str> = HashMap::new();
        let event = |&(key, to, at_ms): &(&'static str, &'static str, i64)| {
            let from = at.insert(key, to).unwrap_or("pending");
            let actor = if to == "skipped" { "person:ada" } else { "orchestrator" };
            Event { key: key.into(), from: from.into(), to: to.into(), actor: actor.into(), at_ms }
        };
        moves.iter().map(event).collect()
    }

    #[test]
    fn a_task_that_lands_at_its_second_attempt_is_one_success_of_two_assignments() {
        let events = history(&[
            ("1", "ready", 0),
            ("1", "assigned", 10),
            ("1", "running", 11),
            ("1", "waiting_retry", 20),
            ("1", "pending", 30),
            ("1", "ready", 31),
            ("1", "assigned", 131),
            ("1", "running", 132),
            ("1", "verifying", 133),
            ("1", "landing", 134),
            ("1", "completed", 140),
        ]);
        let count = Count::of(&events, 5);
        assert_eq!(count.landed, HashMap::from([("1".to_owned(), 2)]));
        assert_eq!((count.dispatch_ms.clone(), count.claimed, count.active_ms), (vec![10, 100], 2, 19));
        assert_eq!((count.success(), count.autonomy(), count.dispatch_p95_ms()), (Some(1.0), Some(1.0), Some(100)));
    }

    #[test]
    fn waiting_for_a_slot_is_not_dispatching() {
        let events = history(&[
            ("1", "ready", 0),
            ("2", "ready", 0),
            ("1", "assigned", 4),
            ("1", "running", 5),
            ("1", "waiting_retry", 1_000),
            ("2", "assigned", 1_003),
            ("2", "running", 1_004),
        ]);
        let count = Count::of(&events, 1);
        assert_eq!((count.dispatch_ms.clone(), count.wait_ms.clone()), (vec![3, 4], vec![4, 1_003]));
        assert_eq!(Count::of(&events, 2).dispatch_ms, [4, 1_003]);
    }

    #[test]
    fn who_needs_a_person_is_neither_a_success_nor_autonomous() {
        let events = history(&[
            ("1", "ready", 0),
            ("1", "assigned", 1),
            ("1", "running", 2),
            ("1", "needs_human", 3),
            ("2", "ready", 0),
            ("2", "assigned", 1),
            ("2", "running", 2),
            ("2", "needs_human", 3),
            ("2", "skipped", 9),
            ("3", "ready", 9),
        ]);
        let count = Count::of(&events, 5);
        assert_eq!((count.stopped.clone(), count.settled), (vec!["1".to_owned()], 2));
        assert_eq!((count.success(), count.autonomy()), (Some(0.0), Some(0.0)));
        assert_eq!(Count::of(&[], 5).success(), None);
    }
}
