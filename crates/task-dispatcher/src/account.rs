//! An account: what it has in use, and what keeps it from taking an attempt. Pure.

use coditect_core::{Admission, Breaker};
use coditect_store::AccountPause;

use crate::words::{dollars, span};

/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Until when nothing starts once a task has been placed as a probe: its attempt has no name yet.
pub const PROBED: i64 = i64::MAX;

/// When the day of `now_ms` began, in UTC.
#[must_use]
pub const fn day_began(now_ms: i64) -> i64 {
    now_ms - now_ms.rem_euclid(DAY_MS)
}

/// What an account may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts at once.
    pub max_concurrent: usize,
    /// A day, in millionths of a dollar.
    pub daily_micros: i64,
    /// What is set aside for a new attempt.
    pub reserve_micros: i64,
}

/// An account and what it has in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What it may use up; `None` where attempts use no account.
    pub limits: Option<Limits>,
    /// Its open attempts.
    pub active: usize,
    /// What was spent today, with what is set aside for open attempts.
    pub spent_micros: i64,
    /// Whether a person paused it.
    pub paused_by_person: bool,
    /// Why it was stopped.
    pub pause: Option<AccountPause>,
    /// Its circuit breaker.
    pub breaker: Breaker,
    /// What the breaker lets start.
    pub admission: Admission,
}

impl Account {
    /// What keeps it from taking an attempt now, in sentences.
    #[must_use]
    pub fn held(&self, now_ms: i64) -> Vec<String> {
        let name = &self.name;
        let mut held = Vec::new();
        if self.paused_by_person {
            held.push(format!("The account {name} is paused by a person; `coditect resume` resumes it."));
        }
        if let Some(pause) = self.pause.as_ref().filter(|pause| pause.holds(now_ms)) {
            held.push(match pause.until_ms {
                Some(until) => {
                    format!("The account {name} is paused for another {}: {}", span(until - now_ms), pause.reason)
                }
                None => format!("The account {name} is stopped: {}", pause.reason),
            });
        }
        held.extend(breaker_holds(&format!("The account {name}"), &self.breaker, self.admission, now_ms));
        if let Some(limits) = self.limits {
            if self.active >= limits.max_concurrent {
                held.push(format!("The account {name} has all of its {} attempts under way.", limits.max_concurrent));
            }
            if self.over_budget() {
                held.push(format!(
                    "The account {name} has used or set aside {} of its {} for today, and another attempt may cost {}; \
                     the next day begins in {}.",
                    dollars(self.spent_micros),
                    dollars(limits.daily_micros),
                    dollars(limits.reserve_micros),
                    span(day_began(now_ms) + DAY_MS - now_ms),
                ));
            }
        }
        held
    }

    /// When something that holds it ends by itself.
    #[must_use]
    pub fn due_ms(&self, now_ms: i64) -> Option<i64> {
        let pause = self.pause.as_ref().and_then(|pause| pause.until_ms);
        let breaker = match self.admission {
            Admission::Until(until) => Some(until),
            Admission::Free | Admission::Probe | Admission::Probing(_) => None,
        };
        let day = self.over_budget().then(|| day_began(now_ms) + DAY_MS);
        [pause, breaker, day].into_iter().flatten().filter(|at| *at > now_ms).min()
    }

    /// How full it is, in thousandths.
    #[must_use]
    pub fn load(&self) -> usize {
        self.limits.map_or(0, |limits| 1_000 * self.active / limits.max_concurrent.max(1))
    }

    fn over_budget(&self) -> bool {
        self.limits.is_some_and(|limits| self.spent_micros.saturating_add(limits.reserve_micros) > limits.daily_micros)
    }
}

/// What a breaker holds, in a sentence that begins with `whose`.
#[must_use]
pub fn breaker_holds(whose: &str, breaker: &Breaker, admission: Admission, now_ms: i64) -> Option<String> {
    match admission {
        Admission::Free | Admission::Probe => None,
        Admission::Until(PROBED) => Some(format!(
            "{whose} failed {} times in a row; a task before this one will try whether it works again.",
            breaker.failures,
        )),
        Admission::Until(until) => Some(format!(
            "{whose} failed {} times in a row and is left alone for another {}; then a single attempt decides.",
            breaker.failures,
            span(until - now_ms),
        )),
        Admission::Probing(attempt) => Some(format!(
            "{whose} failed {} times in a row; attempt {attempt} is trying whether it works again.",
            breaker.failures,
        )),
    }
}
