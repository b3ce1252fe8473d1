//! From the rows of the database to the graph, and from its answers to words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use coditect_core::TaskState;
use coditect_graph::{Cause, Cycle, Dependency, Edge, EdgeKind, Graph, Node, NodeState};
use coditect_store::{GraphEdge, GraphTask};

/// The graph of these tasks, which are in the order of the plan, without the dependencies that are set aside.
#[must_use]
pub fn graph(tasks: &[GraphTask], edges: &[GraphEdge]) -> Graph {
    build(tasks, edges.iter().filter(|edge| !edge.set_aside))
}

/// The graph as it is planned, with every dependency.
#[must_use]
pub fn planned(tasks: &[GraphTask], edges: &[GraphEdge]) -> Graph {
    build(tasks, edges)
}

fn build<'e>(tasks: &[GraphTask], edges: impl IntoIterator<Item = &'e GraphEdge>) -> Graph {
    let documents = documents(tasks);
    let nodes = tasks.iter().filter_map(|task| node(&documents, task));
    Graph::build(nodes, edges.into_iter().map(edge))
}

/// The documents of these tasks, in order.
#[must_use]
pub fn documents(tasks: &[GraphTask]) -> BTreeMap<String, u64> {
    let names: BTreeSet<&str> = tasks.iter().map(|task| task.id.document()).collect();
    names.into_iter().map(str::to_owned).zip(0..).collect()
}

/// Brings `graph`, whose tasks are of `documents`, up to date with tasks that were planned anew and all they depend on.
/// False: a task is of another document, and nothing was changed.
pub fn patch(graph: &mut Graph, documents: &BTreeMap<String, u64>, tasks: &[GraphTask], edges: &[GraphEdge]) -> bool {
    let nodes: Option<Vec<Node>> = tasks.iter().map(|task| node(documents, task)).collect();
    let Some(nodes) = nodes else { return false };
    let mut dependencies: HashMap<&str, Vec<Dependency>> = HashMap::new();
    for edge in edges.iter().filter(|edge| !edge.set_aside) {
        let Edge { dependency: id, kind, added, .. } = self::edge(edge);
        dependencies.entry(edge.task.as_str()).or_default().push(Dependency { id, kind, added });
    }
    for node in nodes {
        graph.upsert(node);
    }
    for task in tasks {
        // The task has just been put there.
        let _ = graph.set_dependencies(task.id.as_str(), dependencies.remove(task.id.as_str()).unwrap_or_default());
    }
    true
}

/// What a task's state means to those that wait for it.
#[must_use]
pub const fn node_state(state: TaskState) -> NodeState {
    match state {
        TaskState::Completed | TaskState::Skipped => NodeState::Met,
        TaskState::Failed | TaskState::Cancelled | TaskState::Retired => NodeState::Blocking,
        TaskState::Pending
        | TaskState::Ready
        | TaskState::Assigned
        | TaskState::Running
        | TaskState::Verifying
        | TaskState::Landing
        | TaskState::WaitingRetry
        | TaskState::AwaitingMerge
        | TaskState::NeedsHuman => NodeState::Open,
    }
}

/// Whether a person's mark in the plan holds a task. What is under way goes on to its end.
#[must_use]
pub const fn is_held(task: &GraphTask) -> bool {
    let state = task.life.state;
    task.blocked && matches!(state, TaskState::Pending | TaskState::Ready | TaskState::WaitingRetry)
}

/// What is said of a task that a mark in the plan holds.
#[must_use]
pub fn held(line: i64) -> String {
    format!("marked blocked in the plan (line {line})")
}

/// Where a chain of waiting ends, given the state that the task there is in: `ready`, `running`, `retrying`, `merge`,
/// `person`, `blocking`, `dangling`, `cycle` or `held`.
#[must_use]
pub const fn cause(cause: Cause, state: Option<TaskState>) -> &'static str {
    match (cause, state) {
        // To the graph, a task is ready when nothing is in its way: what it is doing there, its state says.
        (Cause::Ready, Some(TaskState::NeedsHuman)) => "person",
        (Cause::Ready, Some(TaskState::AwaitingMerge)) => "merge",
        (Cause::Ready, Some(TaskState::WaitingRetry)) => "retrying",
        (Cause::Ready, Some(TaskState::Assigned | TaskState::Running | TaskState::Verifying | TaskState::Landing)) => {
            "running"
        }
        (Cause::Ready, _) => "ready",
        (Cause::Blocking, _) => "blocking",
        (Cause::Dangling, _) => "dangling",
        (Cause::Cycle, _) => "cycle",
        (Cause::Held, _) => "held",
    }
}

/// A cycle in a sentence: the way round with its places, and what to doubt first.
#[must_use]
pub fn sentence(graph: &Graph, cycle: &Cycle) -> String {
    let place = |id: &String| match graph.node(id) {
        Some(node) if node.title.is_empty() => format!("{id} ({}:{})", node.path, node.line),
        Some(node) => format!("{id} \"{}\" ({}:{})", node.title, node.path, node.line),
        None => id.clone(),
    };
    let path = cycle.path.iter().map(place).collect::<Vec<_>>().join(" → ");
    let (dependent, dependency) = (&cycle.suggestion.dependent, &cycle.suggestion.dependency);
    format!(
        "these tasks wait for each other and none of them can start: {path}; take out one of the dependencies, perhaps \
         that of {dependent} on {dependency}"
    )
}

/// A task as a node; its order is that of its document, then its place in it. None: its document is another one.
fn node(documents: &BTreeMap<String, u64>, task: &GraphTask) -> Option<Node> {
    let document = documents.get(task.id.document())?;
    let order = (document << 32) | u64::try_from(task.position).unwrap_or_default();
    Some(Node {
        id: task.id.to_string(),
        title: task.title.clone(),
        section: task.section.clone(),
        priority: task.priority,
        estimate_minutes: task.estimate_minutes,
        order,
        path: task.path.clone(),
        line: u32::try_from(task.line).unwrap_or(u32::MAX),
        state: node_state(task.life.state),
        held: is_held(task),
        dangling: task.dangling.clone(),
    })
}

fn edge(edge: &GraphEdge) -> Edge {
    let kind = match edge.kind.as_str() {
        "informs" => EdgeKind::Informs,
        "relates" => EdgeKind::Relates,
        // What is not known holds, rather than letting a task start too early.
        _ => EdgeKind::Blocks,
    };
    Edge { dependent: edge.task.to_string(), dependency: edge.depends_on.to_string(), kind, added: edge.added_at_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_ends_at_a_task_which_needs_a_person_says_so() {
        assert_eq!(cause(Cause::Ready, Some(TaskState::NeedsHuman)), "person");
        assert_eq!(cause(Cause::Ready, Some(TaskState::Landing)), "running");
        assert_eq!(cause(Cause::Ready, Some(TaskState::Ready)), "ready");
        assert_eq!(cause(Cause::Blocking, Some(TaskState::Failed)), "blocking");
    }

    #[test]
    fn a_state_meets_a_dependency_in_the_graph_exactly_if_it_does_by_the_state_machine() {
        for state in TaskState::ALL {
            assert_eq!(node_state(state) == NodeState::Met, state.meets_dependency(), "{state}");
        }
    }
}
