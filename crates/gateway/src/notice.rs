//! What a session has to tell, each thing once. Nothing of a request's or an answer's content, and no key, is in it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::quota::Standing;

/// How many notices wait to be read; an agent that asks for ever more hosts does not make it more.
const WAITING: usize = 256;

/// How many different hosts, or models, are told of.
const MOST: usize = 50;

/// Resets that are nearer to each other than this are the same.
const SAME_MS: i64 = 2_000;

/// Something that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The account's quota is used up.
    RateLimited {
        /// When it is there again, in milliseconds since 1970.
        reset_at_ms: i64,
    },
    /// The API refuses the account, with this status.
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The account works again.
    Ok,
    /// A model that has no price is charged as the dearest.
    UnknownModel {
        /// Its name; empty where the API does not say which it was.
        model: String,
    },
    /// An answer did not say what it used, and is charged by its length.
    NotCounted,
    /// The budget is spent.
    BudgetSpent {
        /// What was spent, in millionths of a US dollar.
        spent_micros: i64,
        /// What could be spent.
        budget_micros: i64,
    },
    /// A host is not allowed.
    HostRefused {
        /// The host and port.
        host: String,
        /// Why.
        why: &'static str,
    },
    /// More hosts than are told of were refused.
    MoreHostsRefused,
    /// A request to the API is not one that agents may make.
    PathRefused {
        /// The method, and the path without its query.
        what: String,
    },
    /// Requests wait, because the account is paused.
    Held,
    /// They wait no more.
    Released,
    /// The API cannot be reached.
    Unreachable {
        /// Why, as far as it is known.
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited { .. } => f.write_str("the account's limit is reached, the API says"),
            Self::Refused { status } => write!(f, "the API refuses the account (status {status})"),
            Self::Ok => f.write_str("the API answers again"),
            Self::UnknownModel { model } if model.is_empty() => {
                f.write_str("the API does not say which model answers: it is charged as the dearest there is")
            }
            Self::UnknownModel { model } => {
                write!(
                    f,
                    "the model {model:?} has no price and is charged as the dearest there is; set pricing.{model}"
                )
            }
            Self::NotCounted => {
                f.write_str("an answer did not say how many tokens it used; it is charged by its length")
            }
            Self::BudgetSpent { spent_micros, budget_micros } => write!(
                f,
                "the attempt's budget of ${} is spent (${}): the model is not asked any more",
                dollars(*budget_micros),
                dollars(*spent_micros)
            ),
            Self::HostRefused { host, why } => write!(f, "{host} was refused: {why}"),
            Self::MoreHostsRefused => f.write_str("other hosts were refused too, and are not told of any more"),
            Self::PathRefused { what } => {
                write!(f, "{what} was refused: agents may ask models, and nothing else of the account")
            }
            Self::Held => f.write_str("the account is paused: requests to the model wait until it is resumed"),
            Self::Released => f.write_str("the account is resumed: requests to the model go on"),
            Self::Unreachable { why } => write!(f, "the model's service cannot be reached: {why}"),
        }
    }
}

/// Millionths of a dollar as `0.0123`.
fn dollars(micros: i64) -> String {
    format!("{}.{:04}", micros / 1_000_000, micros % 1_000_000 / 100)
}

/// Tells notices to whoever opened the session.
#[derive(Debug)]
pub(crate) struct Teller {
    sender: mpsc::Sender<Notice>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    standing: Option<Standing>,
    /// What is told once, or once for each of its kind.
    once: BTreeSet<String>,
    hosts: usize,
    held: bool,
}

impl Teller {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Notice>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self { sender, told: Mutex::default() }, receiver)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, notice: Notice) {
        // Whoever listens so slowly has missed worse.
        let _ = self.sender.try_send(notice);
    }

    /// How the account stands; told when it changes.
    pub(crate) fn standing(&self, standing: Standing, status: u16) {
        let mut told = self.lock();
        let news = match (standing, told.standing) {
            (Standing::Unknown, _) | (Standing::Ok, None | Some(Standing::Ok)) => return,
            (Standing::Limited { reset_at_ms }, Some(Standing::Limited { reset_at_ms: before })) => {
                (reset_at_ms - before).abs() > SAME_MS
            }
            (now, before) => Some(now) != before,
        };
        told.standing = Some(standing);
        drop(told);
        if news {
            self.send(match standing {
                Standing::Limited { reset_at_ms } => Notice::RateLimited { reset_at_ms },
                Standing::Refused => Notice::Refused { status },
                Standing::Ok | Standing::Unknown => Notice::Ok,
            });
        }
    }

    /// When the quota is there again, if it is used up.
    pub(crate) fn reset_at_ms(&self) -> Option<i64> {
        match self.lock().standing {
            Some(Standing::Limited { reset_at_ms }) => Some(reset_at_ms),
            _ => None,
        }
    }

    /// Tells something, unless the same was told.
    pub(crate) fn once(&self, notice: Notice) {
        let mut told = self.lock();
        let key = match &notice {
            Notice::HostRefused { host, .. } => {
                if told.once.contains(host) {
                    return;
                }
                told.hosts += 1;
                if told.hosts > MOST {
                    drop(told);
                    self.once(Notice::MoreHostsRefused);
                    return;
                }
                host.clone()
            }
            Notice::UnknownModel { model } => format!("model {model}"),
            Notice::PathRefused { what } => format!("path {what}"),
            Notice::BudgetSpent { .. } => "budget".to_owned(),
            other => format!("{other:?}"),
        };
        if told.once.len() < 4 * MOST && told.once.insert(key) {
            drop(told);
            self.send(notice);
        }
    }

    /// Requests begin to wait, or wait no more.
    pub(crate) fn held(&self, held: bool) {
        let mut told = self.lock();
        if told.held != held {
            told.held = held;
            drop(told);
            self.send(if held { Notice::Held } else { Notice::Released });
        }
    }
}
