//! Reads a plan's dependencies and the system's history each in a way of its own, and holds one against the other.

use std::collections::BTreeMap;

use coditect_store::{Durability, Store};

/// Every dependency that the words of a plan of `#### Task 1.2` headings name, read without the system's parser: the ids
/// in the line `**Dependencies:**` below each heading. Ranges give their ends, phrases without an id nothing.
pub fn dependencies_by_words(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut task = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#### Task ") {
            task = rest.split(':').next().map(str::to_owned);
        } else if line.starts_with('#') {
            task = None;
        } else if let (Some(task), Some(value)) = (&task, line.strip_prefix("**Dependencies:**")) {
            let words = value.split(|c: char| !(c.is_ascii_digit() || c == '.'));
            let ids = words.map(|word| word.trim_matches('.')).filter(|word| word.contains('.'));
            found.extend(ids.filter(|id| id != task).map(|id| (task.clone(), id.to_owned())));
        }
    }
    found
}

/// Fails where a task was given to an executor before all it depends on had been completed, by `task_events` alone.
/// Answers how many dependencies were held against it.
pub fn check_starts_follow_completions(database: &str, dependencies: &[(String, String)]) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (started, completed) = runtime.block_on(async {
        let store = Store::open(database, Durability::Normal).await.unwrap();
        let (mut started, mut completed) = (BTreeMap::new(), BTreeMap::new());
        for task in store.tasks().await.unwrap() {
            for event in store.events(&task.id).await.unwrap() {
                match event.to.as_str() {
                    "assigned" => drop(started.entry(task.key.clone()).or_insert(event.at_ms)),
                    "completed" => drop(completed.insert(task.key.clone(), event.at_ms)),
                    _ => {}
                }
            }
        }
        (started, completed)
    });
    for (task, dependency) in dependencies {
        let (start, end) = (started[task], completed[dependency]);
        assert!(end <= start, "{task} was started at {start}, and {dependency} completed at {end}");
    }
    dependencies.len()
}
