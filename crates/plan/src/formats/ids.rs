//! Formats whose tasks have explicit ids and name each other by them: keys, and what waits for what.

use std::collections::{HashMap, HashSet};

use crate::diagnostic::{Code, Sink};
use crate::keys::{Used, safe_id};
use crate::model::{Dependency, PlanTask, UnresolvedDependency};

/// A reference as it is written, and where.
#[derive(Debug, Clone)]
pub(crate) struct Mention {
    pub text: String,
    pub place: (usize, usize),
}

/// Gives each task a key: its id, or where it has none `otherwise` and its number.
pub(crate) fn name(tasks: &mut [PlanTask], otherwise: &str, sink: &mut Sink<'_>) {
    let mut used = Used::default();
    for (at, task) in tasks.iter_mut().enumerate() {
        let id = task.id.as_deref().map(safe_id).filter(|id| !id.is_empty());
        let named = id.is_some();
        let (key, again) = used.take(id.unwrap_or_else(|| format!("{otherwise}-{}", at + 1)));
        if again && named {
            let id = task.id.as_deref().unwrap_or_default();
            let message = format!("the id `{id}` is used again; this task is called `{key}` by its order");
            sink.add(Code::DuplicateId, (task.line, task.column), message, "give each task an id of its own".into());
        }
        task.key = key;
    }
}

/// Ties mentions (one list a task) to the tasks that have these ids. What leads nowhere in the document stays as an
/// unresolved reference: an error, unless another document has it.
pub(crate) fn tie(tasks: &mut [PlanTask], mentions: Vec<Vec<Mention>>, sink: &mut Sink<'_>) {
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, task) in tasks.iter().enumerate() {
        by_id.entry(task.id.as_deref().unwrap_or(&task.key).to_lowercase()).or_default().push(at);
    }
    let keys: Vec<String> = tasks.iter().map(|t| t.key.clone()).collect();
    for (at, (task, mentions)) in tasks.iter_mut().zip(mentions).enumerate() {
        let mut seen: HashSet<String> = task.dependencies.iter().map(|d| d.key.clone()).collect();
        for Mention { text, place } in mentions {
            let found = by_id.get(&text.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
            let (code, message, help) = match found {
                [own] if *own == at => (
                    Code::SelfDependency,
                    format!("task `{}` depends on itself", task.key),
                    "remove the reference, or name the task that was meant".to_owned(),
                ),
                [one] => {
                    let Some(key) = keys.get(*one) else { continue };
                    if seen.insert(key.clone()) {
                        task.dependencies.push(Dependency { key: key.clone(), line: place.0, column: place.1 });
                    }
                    continue;
                }
                [] => (
                    Code::UnknownDependency,
                    format!("`{text}` is no task of this document"),
                    "correct the id, or add the task; until then this task is held".to_owned(),
                ),
                several => {
                    let names: Vec<&str> =
                        several.iter().take(5).filter_map(|i| keys.get(*i)).map(String::as_str).collect();
                    (
                        Code::AmbiguousDependency,
                        format!("`{text}` could be {}", names.join(", ")),
                        "give each task an id of its own".to_owned(),
                    )
                }
            };
            sink.add(code, place, message, help);
            task.unresolved.push(UnresolvedDependency { text, line: place.0, column: place.1 });
        }
    }
}
