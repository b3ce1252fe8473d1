//! How urgent a task is, as plans write it: `P0` (most urgent) to `P3`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Urgency of a task. `P0` is dispatched before `P1`, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Priority {
    /// Critical.
    P0,
    /// High.
    P1,
    /// Normal: what a task without a priority has.
    #[default]
    P2,
    /// Low.
    P3,
}

impl Priority {
    /// All priorities, most urgent first.
    pub const ALL: [Self; 4] = [Self::P0, Self::P1, Self::P2, Self::P3];

    /// The number behind the `P`; smaller is more urgent.
    #[must_use]
    pub const fn level(self) -> i64 {
        match self {
            Self::P0 => 0,
            Self::P1 => 1,
            Self::P2 => 2,
            Self::P3 => 3,
        }
    }

    /// The priority of a level; levels outside 0 to 3 are clamped.
    #[must_use]
    pub const fn from_level(level: i64) -> Self {
        match level {
            i64::MIN..=0 => Self::P0,
            1 => Self::P1,
            2 => Self::P2,
            3.. => Self::P3,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}", self.level())
    }
}

/// The text is no priority.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no priority: expected P0, P1, P2 or P3")]
pub struct UnknownPriority(pub String);

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|p| p.to_string().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownPriority(text.to_owned()))
    }
}
