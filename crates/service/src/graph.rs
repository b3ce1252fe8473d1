//! From the rows of the database to the graph, and from its answers to words.

use coditect_core::TaskState;
use coditect_graph::{Cause, Cycle, Edge, EdgeKind, Graph, Node, NodeState};
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
    let nodes = (0u64..).zip(tasks).map(|(order, task)| node(order, task));
    Graph::build(nodes, edges.into_iter().map(edge))
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
        Some(node) => format!("{id} ({}:{})", node.path, node.line),
        None => id.clone(),
    };
    let path = cycle.path.iter().map(place).collect::<Vec<_>>().join(" → ");
    let (dependent, dependency) = (&cycle.suggestion.dependent, &cycle.suggestion.dependency);
    format!(
        "these tasks wait for each other and none of them can start: {path}; take out one of the dependencies, perhaps \
         that of {dependent} on {dependency}"
    )
}

fn node(order: u64, task: &GraphTask) -> Node {
    Node {
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
    }
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
