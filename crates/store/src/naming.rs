//! Which task of a plan is which row, and what new ones are called for ever.

use std::collections::HashSet;

use coditect_core::TaskId;
use coditect_plan::identity::{self, Origin, Seen};

use crate::known::Known;
use crate::planned::PlannedDocument;

/// For each planned task, which of the known ones it is.
pub(crate) fn origins(known: &[Known], planned: &PlannedDocument) -> Vec<Option<usize>> {
    let pick = |gone: bool| -> (Vec<usize>, Vec<Seen<'_>>) {
        known.iter().enumerate().filter(|(_, known)| known.gone == gone).map(|(at, known)| (at, known.seen())).unzip()
    };
    let ((old_at, old), (gone_at, gone)) = (pick(false), pick(true));
    let new: Vec<_> = planned
        .tasks
        .iter()
        .map(|task| Seen { key: &task.key, id: task.plan_id.as_deref(), title: &task.title, section: &task.section })
        .collect();
    let found = identity::matched(&old, &gone, &new).into_iter();
    found
        .map(|origin| match origin {
            Origin::Same(at) => old_at.get(at).copied(),
            Origin::Back(at) => gone_at.get(at).copied(),
            Origin::New => None,
        })
        .collect()
}

/// The id of each planned task: its own since it was first seen, or a new one that is like its key.
pub(crate) fn ids(known: &[Known], planned: &PlannedDocument, origins: &[Option<usize>]) -> Vec<TaskId> {
    // Ids are names of files and refs as well, where `a` may be `A`.
    let mut used: HashSet<String> = known.iter().map(|known| known.id.as_str().to_ascii_lowercase()).collect();
    let fresh = |key: &str, used: &mut HashSet<String>| {
        let mut id = TaskId::new(&planned.id, key);
        let mut again = 2;
        while !used.insert(id.as_str().to_ascii_lowercase()) {
            id = TaskId::new(&planned.id, &format!("{key}@{again}"));
            again += 1;
        }
        id
    };
    let tasks = planned.tasks.iter().zip(origins);
    tasks
        .map(|(task, origin)| match origin.and_then(|at| known.get(at)) {
            Some(known) => known.id.clone(),
            None => fresh(&task.key, &mut used),
        })
        .collect()
}
