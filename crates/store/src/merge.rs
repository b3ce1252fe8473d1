//! The three-way merge of a task's status: the marker last synced, the marker in the file, and the database.
//!
//! The table in `docs/plan-sync.md` is made from [`table`]; a test holds the two together.

use std::fmt;

use coditect_core::TaskState;
use coditect_plan::MarkerStatus;

use crate::wishes::Wish;

/// What file and database have to agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Says {
    /// There is something to do, whatever is being done about it.
    Open,
    /// It is done.
    Completed,
    /// It will not be done.
    Cancelled,
}

impl Says {
    /// Everything that can be said, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Open, Self::Completed, Self::Cancelled];

    /// The name used in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// What a marker says.
    #[must_use]
    pub const fn marker(marker: MarkerStatus) -> Self {
        match marker {
            MarkerStatus::Completed => Self::Completed,
            MarkerStatus::Cancelled => Self::Cancelled,
            MarkerStatus::Pending | MarkerStatus::InProgress | MarkerStatus::Blocked => Self::Open,
        }
    }

    /// The state in which a task begins that the plan brings so.
    #[must_use]
    pub const fn begins(self) -> TaskState {
        match self {
            Self::Open => TaskState::Pending,
            Self::Completed => TaskState::Completed,
            Self::Cancelled => TaskState::Cancelled,
        }
    }

    /// What the database decided.
    #[must_use]
    pub const fn state(state: TaskState) -> Self {
        match state {
            TaskState::Completed => Self::Completed,
            TaskState::Cancelled | TaskState::Skipped => Self::Cancelled,
            _ => Self::Open,
        }
    }
}

impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is to be done about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: file and database say the same.
    InStep,
    /// The file is to say what the database decided.
    Write(Says),
    /// A person asks the database for this, in this order.
    Wish(&'static [Wish]),
    /// Both were changed, to different things.
    Conflict,
}

/// What follows from the marker last synced (`base`), the marker in the file, and what the database decided.
#[must_use]
pub fn merge(base: Says, file: Says, database: Says) -> Outcome {
    if file == database {
        Outcome::InStep
    } else if file == base {
        Outcome::Write(database)
    } else if database == base {
        Outcome::Wish(wishes(database, file))
    } else {
        Outcome::Conflict
    }
}

/// What leads the database from one decision to another.
#[must_use]
pub const fn wishes(from: Says, to: Says) -> &'static [Wish] {
    match (from, to) {
        (Says::Open | Says::Cancelled, Says::Completed) => &[Wish::Complete],
        (Says::Open, Says::Cancelled) => &[Wish::Cancel],
        (Says::Completed, Says::Open) => &[Wish::Reopen],
        (Says::Completed, Says::Cancelled) => &[Wish::Reopen, Wish::Cancel],
        (Says::Cancelled, Says::Open) => &[Wish::Retry],
        (Says::Open, Says::Open) | (Says::Completed, Says::Completed) | (Says::Cancelled, Says::Cancelled) => &[],
    }
}

/// The marker that a task's line should have and has not. `own`: the daemon itself wrote the one that is there.
/// `in_progress`: whether tasks that are worked on are marked as such.
#[must_use]
pub fn due(marker: MarkerStatus, own: bool, state: TaskState, in_progress: bool) -> Option<MarkerStatus> {
    let (file, database) = (Says::marker(marker), Says::state(state));
    match database {
        Says::Completed if file != database => Some(MarkerStatus::Completed),
        Says::Cancelled if file != database => Some(MarkerStatus::Cancelled),
        Says::Open if file != database => Some(MarkerStatus::Pending),
        Says::Completed | Says::Cancelled => None,
        Says::Open => match marker {
            MarkerStatus::Pending if in_progress && state.is_active() => Some(MarkerStatus::InProgress),
            MarkerStatus::InProgress if own && !(in_progress && state.is_active()) => Some(MarkerStatus::Pending),
            _ => None,
        },
    }
}

/// The table as the documentation has it: base, file, database, what follows.
#[must_use]
pub fn table() -> String {
    let mut table = String::from("| last synced | in the file | in the database | what follows |\n|---|---|---|---|\n");
    for base in Says::ALL {
        for file in Says::ALL {
            for database in Says::ALL {
                let follows = match merge(base, file, database) {
                    Outcome::InStep => "nothing".to_owned(),
                    Outcome::Write(says) => format!("the file is marked {says}"),
                    Outcome::Wish(wishes) => {
                        let names: Vec<_> = wishes.iter().map(|wish| format!("`{}`", wish.trigger())).collect();
                        format!("wish: {}", names.join(", then "))
                    }
                    Outcome::Conflict => "**conflict**".to_owned(),
                };
                table += &format!("| {base} | {file} | {database} | {follows} |\n");
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_table_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plan-sync.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (begin, end) = ("<!-- table:begin -->\n", "<!-- table:end -->");
        let from = text.find(begin).unwrap() + begin.len();
        let to = from + text[from..].find(end).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, format!("{}{}{}", &text[..from], table(), &text[to..])).unwrap();
        } else {
            assert_eq!(&text[from..to], table(), "run with UPDATE_DOCS=1 to write it");
        }
    }

    #[test]
    fn whatever_is_wished_leads_from_the_databases_side_to_the_files() {
        for base in Says::ALL {
            for file in Says::ALL {
                for database in Says::ALL {
                    match merge(base, file, database) {
                        Outcome::InStep => assert_eq!(file, database),
                        Outcome::Write(says) => assert!(says == database && file == base),
                        Outcome::Wish(list) => assert!(!list.is_empty() && database == base && file != base),
                        Outcome::Conflict => assert!(file != base && database != base && file != database),
                    }
                }
            }
        }
    }

    #[test]
    fn a_marker_that_was_written_is_not_due_again() {
        for state in TaskState::ALL {
            for marker in MarkerStatus::ALL {
                for in_progress in [false, true] {
                    let Some(written) = due(marker, true, state, in_progress) else { continue };
                    assert_ne!(written, marker);
                    assert!(matches!(due(written, true, state, in_progress), None | Some(MarkerStatus::InProgress)));
                }
            }
        }
        assert_eq!(due(MarkerStatus::InProgress, false, TaskState::Pending, true), None, "a person's stays");
        assert_eq!(due(MarkerStatus::Blocked, true, TaskState::Pending, true), None);
    }
}
