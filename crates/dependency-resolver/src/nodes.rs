//! From the rows of the database to the graph.

use coditect_core::TaskState;
use coditect_graph::{Edge, EdgeKind, Graph, Node, NodeState};
use coditect_store::{GraphEdge, GraphTask};

/// The graph of these tasks, which are in the order of the plan.
#[must_use]
pub fn graph(tasks: &[GraphTask], edges: &[GraphEdge]) -> Graph {
    let nodes = (0u64..).zip(tasks).map(|(order, task)| node(order, task));
    Graph::build(nodes, edges.iter().map(edge))
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
    Edge { dependent: edge.task.to_string(), dependency: edge.depends_on.to_string(), kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_meets_a_dependency_in_the_graph_exactly_if_it_does_by_the_state_machine() {
        for state in TaskState::ALL {
            assert_eq!(node_state(state) == NodeState::Met, state.meets_dependency(), "{state}");
        }
    }
}
