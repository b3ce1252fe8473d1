//! Attempts that nobody claims: when to put their entry into the stream once more. Pure.

use std::collections::HashMap;

use coditect_core::{AttemptId, TaskState};
use coditect_store::AttemptRow;

/// How long after the assignment an entry that was not claimed counts as lost.
const PATIENCE_MS: i64 = 5_000;

/// The longest pause between two entries for one attempt.
const LONGEST_MS: i64 = 60_000;

/// What is remembered of the entries of attempts that wait to be claimed. To forget it is harmless.
#[derive(Debug, Default)]
pub struct Offers {
    waiting: HashMap<AttemptId, Offer>,
}

#[derive(Debug)]
struct Offer {
    due_at_ms: i64,
    pause_ms: i64,
}

impl Offers {
    /// The attempts whose entry is to be added again now: those that nobody claimed for long; all that are not claimed
    /// where `lost` says that entries may be gone.
    pub fn due<'a>(&mut self, open: &'a [AttemptRow], lost: bool, now_ms: i64) -> Vec<&'a AttemptRow> {
        let mut before = std::mem::take(&mut self.waiting);
        let mut due = Vec::new();
        for attempt in open.iter().filter(|attempt| attempt.state == TaskState::Assigned.as_str()) {
            let mut offer = before
                .remove(&attempt.id)
                .unwrap_or(Offer { due_at_ms: attempt.assigned_at_ms + PATIENCE_MS, pause_ms: PATIENCE_MS });
            if lost || offer.due_at_ms <= now_ms {
                offer.pause_ms = (2 * offer.pause_ms).min(LONGEST_MS);
                offer.due_at_ms = now_ms + offer.pause_ms;
                due.push(attempt);
            }
            self.waiting.insert(attempt.id, offer);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use coditect_core::TaskId;
    use coditect_store::AttemptEnd;

    use super::*;

    fn attempt(state: TaskState) -> AttemptRow {
        AttemptRow {
            id: AttemptId::from_parts(1, &[1; 10]),
            task: TaskId::new("plan", "a"),
            generation: 1,
            number: 1,
            token: 1,
            agent: String::new(),
            account: String::new(),
            executor: None,
            state: state.as_str().to_owned(),
            lease_until_ms: None,
            assigned_at_ms: 0,
            claimed_at_ms: None,
            ended_at_ms: None,
            end: AttemptEnd::default(),
            because: Vec::new(),
        }
    }

    #[test]
    fn an_entry_is_added_again_after_pauses_that_double_up_to_a_minute() {
        let (mut offers, open) = (Offers::default(), [attempt(TaskState::Assigned)]);
        let mut seconds = (0..200).filter(|second| !offers.due(&open, false, second * 1_000).is_empty());
        assert_eq!(seconds.by_ref().collect::<Vec<_>>(), [5, 15, 35, 75, 135, 195]);
    }

    #[test]
    fn after_an_outage_every_unclaimed_attempt_is_due_at_once() {
        let mut offers = Offers::default();
        let open = [attempt(TaskState::Assigned)];
        assert_eq!(offers.due(&open, true, 1).len(), 1);
        assert!(offers.due(&open, false, 2).is_empty());
    }

    #[test]
    fn a_claimed_attempt_is_forgotten() {
        let mut offers = Offers::default();
        offers.due(&[attempt(TaskState::Assigned)], true, 1);
        assert!(offers.due(&[attempt(TaskState::Running)], true, 99_000).is_empty());
        assert!(offers.waiting.is_empty());
    }
}
