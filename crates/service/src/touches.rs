//! The paths a task has to do with: what the plan declares, what its text speaks of, what its attempts changed.

use std::collections::BTreeSet;

use coditect_core::TaskId;
use coditect_plan::paths_in;
use coditect_proto::v1;
use coditect_store::{Store, StoreError};

/// The touch-set of a task. `None`: there is no such task.
///
/// # Errors
/// The database failed.
pub async fn touches(store: &Store, task: &TaskId) -> Result<Option<v1::TouchesResponse>, StoreError> {
    let Some(row) = store.task(task).await? else { return Ok(None) };
    let declared = store.declared_touches(task).await?;
    let text = [&[row.title, row.description], row.steps.as_slice(), row.acceptance.as_slice()].concat().join("\n");
    let mentioned = paths_in(&text).into_iter().filter(|path| !declared.contains(path)).collect();
    let mut changed = BTreeSet::new();
    for evidence in store.evidence_of(task).await? {
        changed.extend(files(&evidence));
    }
    Ok(Some(v1::TouchesResponse { declared, mentioned, changed: changed.into_iter().collect() }))
}

/// The changed files that an attempt's evidence names.
fn files(evidence: &str) -> Vec<String> {
    let evidence: serde_json::Value = serde_json::from_str(evidence).unwrap_or_default();
    let files = evidence["files"].as_array().into_iter().flatten();
    files.filter_map(|file| file.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_files_come_from_the_evidence_and_bad_evidence_names_none() {
        assert_eq!(files(r#"{"files":["a.rs","b/c.rs"],"diff_stat":"2 files"}"#), ["a.rs", "b/c.rs"]);
        assert!(files("{").is_empty() && files("{}").is_empty());
    }
}
