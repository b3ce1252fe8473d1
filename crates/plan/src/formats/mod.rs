//! The dialects plans are written in: which one a document speaks, and one module for each that reads it.
//!
//! All of them end in the same [`Plan`](crate::Plan); they differ in what a task is, in how its status is spelt
//! ([`spelling`]) and in what their structure implies.

mod backlog_md;
mod coditect;
mod front;
mod github;
mod ids;
mod json;
mod kiro;
mod obsidian;
mod openspec;
mod order;
mod prose;
mod ralph;
mod ralphex;
mod sniff;
mod spec_kit;
mod spelling;
mod task_master;

use serde::Serialize;

use crate::headings::Role;
use crate::model::Plan;

pub(crate) use spelling::Words;

/// The dialect a plan is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// Headings or boxes with ids, and `**Key:** value` fields.
    Coditect,
    /// GitHub's spec-kit: `- [ ] T012 [P] [US1] Title`, phases as barriers.
    SpecKit,
    /// Kiro's specs: `- [ ] 1. Title` with nested `1.1`.
    Kiro,
    /// OpenSpec changes: `## 1. Group`, `- [ ] 1.1 Title`.
    #[serde(rename = "openspec")]
    OpenSpec,
    /// Backlog.md: one task a file, its status in the front matter.
    BacklogMd,
    /// Obsidian's Tasks plugin: ids and dependencies as emoji.
    Obsidian,
    /// GitHub task lists, without ids.
    #[serde(rename = "github")]
    GitHub,
    /// ralphex plans: `### Task 1: Title` with boxes, done one after the other.
    Ralphex,
    /// Task Master's `tasks.json`.
    TaskMaster,
    /// ralph's `prd.json`: user stories that pass or do not.
    Ralph,
}

impl Format {
    /// All of them, the most telling first: the order in which a document is tried.
    pub const ALL: [Self; 10] = [
        Self::Ralph,
        Self::TaskMaster,
        Self::BacklogMd,
        Self::Kiro,
        Self::SpecKit,
        Self::OpenSpec,
        Self::Obsidian,
        Self::Ralphex,
        Self::GitHub,
        Self::Coditect,
    ];

    /// The name as it is written in configurations and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coditect => "coditect",
            Self::SpecKit => "spec-kit",
            Self::Kiro => "kiro",
            Self::OpenSpec => "openspec",
            Self::BacklogMd => "backlog-md",
            Self::Obsidian => "obsidian",
            Self::GitHub => "github",
            Self::Ralphex => "ralphex",
            Self::TaskMaster => "task-master",
            Self::Ralph => "ralph",
        }
    }

    /// The dialect of the document: what its path and its text tell. What tells nothing is [`Format::Coditect`].
    #[must_use]
    pub fn detect(path: &str, text: &str) -> Self {
        Self::ALL.into_iter().find(|format| format.recognises(path, text)).unwrap_or(Self::Coditect)
    }

    /// Whether a document is surely written in this dialect.
    fn recognises(self, path: &str, text: &str) -> bool {
        match self {
            Self::Kiro => kiro::recognises(path, text),
            Self::SpecKit => spec_kit::recognises(path, text),
            Self::OpenSpec => openspec::recognises(path, text),
            Self::Ralphex => ralphex::recognises(path, text),
            Self::Ralph => ralph::recognises(path, text),
            Self::TaskMaster => task_master::recognises(path, text),
            Self::BacklogMd => backlog_md::recognises(path, text),
            Self::Obsidian => obsidian::recognises(text),
            Self::GitHub => github::recognises(text),
            Self::Coditect => true,
        }
    }

    /// Whether a heading holds work in this dialect, although its title alone would say something else.
    pub(crate) fn is_work(self, level: usize, title: &str, role: Role) -> bool {
        match self {
            Self::OpenSpec => role == Role::NotTasks && openspec::is_group(level, title),
            Self::Ralphex => ralphex::is_task(level, title),
            Self::SpecKit => spec_kit::is_phase(title),
            _ => false,
        }
    }

    /// Reads a document in this dialect.
    pub(crate) fn read(self, path: &str, text: &str) -> Plan {
        match self {
            Self::Kiro => kiro::parse(path, text),
            Self::SpecKit => spec_kit::parse(path, text),
            Self::OpenSpec => openspec::parse(path, text),
            Self::Ralphex => ralphex::parse(path, text),
            Self::Ralph => ralph::parse(path, text),
            Self::TaskMaster => task_master::parse(path, text),
            Self::BacklogMd => backlog_md::parse(path, text),
            Self::Obsidian => obsidian::parse(path, text),
            Self::GitHub => github::parse(path, text),
            _ => coditect::parse(path, text),
        }
    }
}

/// The texts of the lines that look like boxes, wherever they stand: a cheap first look at a document.
fn boxes(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|line| {
        let line = line.trim_start();
        let bullet = line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '*' | '+'));
        let parts = line.split_once(']').filter(|(head, _)| bullet && head.len() < 16 && head.contains('['));
        parts.map(|(_, text)| crate::note::without(text))
    })
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no plan format: expected {known}", known = Format::ALL.map(Format::as_str).join(", "))]
pub struct UnknownFormat(String);

impl std::str::FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_serialised_as_it_is_printed_and_read() {
        for format in Format::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("markdown".parse::<Format>().unwrap_err().to_string().contains("task-master"));
    }
}
