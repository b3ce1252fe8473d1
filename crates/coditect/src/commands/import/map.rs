//! What stands where in the database that is imported: tables, columns, and what its status words mean.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use coditect_plan::MarkerStatus;
use coditect_store::adoption::source::{Columns, Shape, SourceRow, Tables};
use serde::Deserialize;

use crate::failure::{Failure, at};

/// The file that `--map` names.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Map {
    tables: Tables,
    columns: Columns,
    statuses: BTreeMap<String, MarkerStatus>,
}

/// What status words usually mean.
const WORDS: [(MarkerStatus, &[&str]); 5] = [
    (MarkerStatus::Completed, &["completed", "complete", "done", "finished", "closed", "resolved", "x"]),
    (MarkerStatus::Cancelled, &["cancelled", "canceled", "dropped", "abandoned", "skipped", "obsolete", "wont do"]),
    (
        MarkerStatus::InProgress,
        &["in progress", "inprogress", "active", "started", "doing", "wip", "review", "running"],
    ),
    (MarkerStatus::Blocked, &["blocked", "on hold", "waiting", "paused"]),
    (
        MarkerStatus::Pending,
        &["pending", "todo", "to do", "not started", "open", "new", "planned", "backlog", "ready", ""],
    ),
];

impl Map {
    /// The file, or what is usual.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self::default()) };
        let text = fs::read_to_string(file).map_err(at("read", file))?;
        let mut json = serde_json::Deserializer::from_str(&text);
        let map: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let place = error.path().to_string();
            let place = if place == "." { String::new() } else { format!(" `{place}`:") };
            Failure::usage(format!("{}:{place} {}", file.display(), error.inner()))
                .help("docs/adoption.md says what a map may hold, with an example")
        })?;
        let statuses = map.statuses.into_iter().map(|(word, means)| (plain(&word), means)).collect();
        Ok(Self { statuses, ..map })
    }

    /// Where tables and columns are.
    pub(super) fn shape(&self) -> Shape {
        Shape { tables: self.tables.clone(), columns: self.columns.clone() }
    }

    /// What each row's status means.
    pub(super) fn statuses(&self, rows: &[SourceRow]) -> Result<Vec<MarkerStatus>, Failure> {
        let mut unknown: BTreeMap<&str, usize> = BTreeMap::new();
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            match self.status(&row.status) {
                Some(status) => all.push(status),
                None => *unknown.entry(&row.status).or_default() += 1,
            }
        }
        if unknown.is_empty() {
            return Ok(all);
        }
        let words: Vec<_> = unknown.iter().map(|(word, count)| format!("`{word}` ({count})")).collect();
        let word = unknown.keys().next().copied().unwrap_or_default();
        let example = serde_json::json!({ "statuses": { word: "completed" } });
        Err(Failure::usage(format!("it is not known what these statuses mean: {}", words.join(", "))).help(format!(
            "say it in a file like {example} and name that with --map; there are: pending, in_progress, completed, \
             blocked, cancelled"
        )))
    }

    fn status(&self, word: &str) -> Option<MarkerStatus> {
        let word = plain(word);
        let usual = || WORDS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(status, _)| *status);
        self.statuses.get(&word).copied().or_else(usual)
    }
}

/// A word without case, and with one blank where people write `_`, `-` or several.
fn plain(word: &str) -> String {
    let lower = word.to_lowercase().replace('\'', "");
    lower.split(['_', '-', ' ', '\t']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Map, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Map::read(Some(file.path())).map_err(|failure| failure.message.replace(&file.path().display().to_string(), "F"))
    }

    #[test]
    fn a_map_names_tables_columns_and_words() {
        let map = read(
            r#"{"tables": {"tasks": "todo", "epics": null}, "columns": {"tasks": {"title": "what"}},
                "statuses": {"Shipped": "completed"}}"#,
        )
        .unwrap();
        let shape = map.shape();
        assert_eq!((shape.tables.tasks.as_str(), shape.tables.epics), ("todo", None));
        assert_eq!(shape.tables.features.as_deref(), Some("v2_features"));
        assert_eq!(shape.columns.tasks.title.as_deref(), Some("what"));
        assert_eq!(map.status("SHIPPED"), Some(MarkerStatus::Completed));
        assert_eq!(map.status("in_progress"), Some(MarkerStatus::InProgress));
        assert_eq!(map.status("Won't-do"), Some(MarkerStatus::Cancelled));
        assert_eq!(map.status("half"), None);
    }

    #[test]
    fn what_a_map_does_not_know_is_refused_with_its_place_and_what_may_be_there() {
        let refused = read(r#"{"columns": {"tasks": {"titel": "what"}}}"#).unwrap_err();
        assert!(refused.starts_with("F: `columns.tasks.titel`: unknown field `titel`, expected one of"), "{refused}");
        let refused = read(r#"{"statuses": {"shipped": "finished"}}"#).unwrap_err();
        assert!(refused.contains("`statuses.shipped`: unknown variant `finished`, expected one of"), "{refused}");
        assert!(read("{").unwrap_err().contains("EOF"));
    }

    #[test]
    fn statuses_that_mean_nothing_are_named_with_how_many_there_are() {
        let row = |status: &str| SourceRow { status: status.to_owned(), ..SourceRow::default() };
        let failure = Map::default().statuses(&[row("done"), row("odd"), row("odd"), row("strange")]).unwrap_err();
        assert!(failure.message.ends_with("`odd` (2), `strange` (1)"), "{}", failure.message);
        assert!(failure.help.unwrap().contains(r#"{"statuses":{"odd":"completed"}}"#));
    }
}
