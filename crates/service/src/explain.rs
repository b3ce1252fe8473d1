//! Why a task is, or is not, worked on: shape and words from the graph, states from the database.

use std::cmp::Reverse;

use coditect_core::{TaskId, TaskState};
use coditect_graph::{Graph, Root};
use coditect_proto::v1;
use coditect_store::{Store, StoreError, Told};

use crate::graph::{cause, held};

/// How many ends of chains are told of.
const ROOTS: usize = 50;

/// The explanation of a task by `graph` and `store`. `None`: one of the two has no such task.
///
/// # Errors
/// The database failed.
pub async fn explain(store: &Store, graph: &Graph, task: &TaskId) -> Result<Option<v1::WhyResponse>, StoreError> {
    let Ok(why) = graph.why(task.as_str()) else { return Ok(None) };
    let Some(told) = store.told(task).await? else { return Ok(None) };
    let dependencies = store.dependencies(task).await?;
    let set_aside = store.dependencies_set_aside().await?;
    let set_aside: Vec<_> = set_aside.into_iter().filter(|aside| aside.task == *task).map(|s| s.depends_on).collect();
    let held = graph.node(task.as_str()).filter(|_| why.held).map(|node| held(i64::from(node.line)));
    let mut answer = v1::WhyResponse {
        task: why.id,
        state: told.state.to_string(),
        ready: why.ready,
        cycle: why.cycle.map(|cycle| cycle.path).unwrap_or_default(),
        dangling: why.dangling,
        held: held.unwrap_or_default(),
        dependents: why.dependents,
        holds_up: count(why.holds_up),
        since_ms: told.since_ms,
        set_aside: set_aside.iter().map(ToString::to_string).collect(),
        ..v1::WhyResponse::default()
    };
    for dependency in dependencies {
        let (id, state) = (dependency.task, dependency.state);
        if dependency.kind != "blocks" {
            let related = v1::Related { task: id.to_string(), kind: dependency.kind, state: state.to_string() };
            answer.related.push(related);
        } else if state == TaskState::Skipped {
            answer.skipped.push(id.to_string());
        } else if !state.meets_dependency()
            && !set_aside.contains(&id)
            && let Some(told) = store.told(&id).await?
        {
            answer.unmet.push(unmet(&id, told));
        }
    }
    let mut roots = Vec::with_capacity(why.roots.len().min(ROOTS));
    for at in why.roots.into_iter().take(ROOTS) {
        roots.push(root(store, graph, at).await?);
    }
    roots.sort_by_key(|root| Reverse(root.holds_up));
    answer.roots = roots;
    Ok(Some(answer))
}

fn unmet(task: &TaskId, told: Told) -> v1::Unmet {
    let Told { title, path, line, state, since_ms, reason, agent } = told;
    v1::Unmet { task: task.to_string(), state: state.to_string(), title, path, line, agent, reason, since_ms }
}

async fn root(store: &Store, graph: &Graph, Root { id, cause: end }: Root) -> Result<v1::Root, StoreError> {
    let told = match id.parse() {
        Ok(id) => store.told(&id).await?,
        Err(_) => None,
    };
    let holds_up = graph.holds_up(&id).map_or(0, count);
    let state = told.as_ref().map(|told| told.state);
    let mut root = v1::Root { task: id, cause: cause(end, state).to_owned(), holds_up, ..v1::Root::default() };
    if let Some(Told { title, path, line, state, since_ms, reason, agent }) = told {
        root = v1::Root { title, path, line, state: state.to_string(), since_ms, reason, agent, ..root };
    }
    Ok(root)
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
