//! Tasks that wait for each other: telling people of them, once each, and setting dependencies aside where that is the
//! policy.

use std::collections::HashSet;

use coditect_graph::{Edge, Graph};
use coditect_service::config::CyclePolicy;
use coditect_service::graph::{planned, sentence};
use coditect_store::{GraphEdge, GraphTask, Store};
use tracing::{info, warn};

/// Sets aside what the policy says, of the whole planned graph, and lets gate again what it does not; notes it in
/// `edges`. What is set aside follows from the plan, the tasks' states and the policy alone.
///
/// # Errors
/// The database failed; nothing has changed.
pub async fn apply(
    policy: CyclePolicy,
    store: &Store,
    tasks: &[GraphTask],
    edges: &mut [GraphEdge],
    now_ms: i64,
) -> anyhow::Result<()> {
    let before: HashSet<(String, String)> = store
        .dependencies_set_aside()
        .await?
        .into_iter()
        .map(|s| (s.task.to_string(), s.depends_on.to_string()))
        .collect();
    let broken = match policy {
        CyclePolicy::Hold => Vec::new(),
        CyclePolicy::BreakLowestPriority => planned(tasks, edges).breaking(),
    };
    let after: HashSet<(String, String)> =
        broken.into_iter().map(|Edge { dependent, dependency, .. }| (dependent, dependency)).collect();
    for edge in &mut *edges {
        edge.set_aside = edge.kind == "blocks" && after.contains(&(edge.task.to_string(), edge.depends_on.to_string()));
    }
    if before == after {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    for (task, depends_on) in after.difference(&before) {
        tx.set_aside(&task.parse()?, &depends_on.parse()?, now_ms).await?;
    }
    for (task, depends_on) in before.difference(&after) {
        tx.restore_dependency(&task.parse()?, &depends_on.parse()?).await?;
    }
    tx.commit().await?;
    for (task, depends_on) in after.difference(&before) {
        warn!(task, depends_on, "set aside: these tasks wait for each other, and cycles.policy says to go on");
    }
    for (task, depends_on) in before.difference(&after) {
        info!(task, depends_on, "holds again: the tasks wait for each other no more, or cycles.policy says to hold");
    }
    Ok(())
}

/// The cycles people have been told of.
#[derive(Debug, Default)]
pub struct Told {
    members: HashSet<Vec<String>>,
}

impl Told {
    /// Tells of the cycles that are new, and forgets those that are gone. Returns what was told.
    pub fn tell(&mut self, graph: &Graph) -> Vec<String> {
        let cycles = graph.cycles();
        let new: Vec<_> =
            cycles.iter().filter(|c| !self.members.contains(&c.members)).map(|c| sentence(graph, c)).collect();
        for sentence in &new {
            warn!("{sentence}");
        }
        if cycles.is_empty() && !self.members.is_empty() {
            info!("no tasks wait for each other in a circle any more");
        }
        self.members = cycles.into_iter().map(|cycle| cycle.members).collect();
        new
    }
}

#[cfg(test)]
mod tests {
    use coditect_graph::{Edge, Node, NodeState};

    use super::*;

    #[test]
    fn a_cycle_is_told_once_with_its_places_and_again_only_if_it_comes_back() {
        let node = |id: &str, line| Node { path: "PLAN.md".into(), line, ..Node::new(id) };
        let mut graph = Graph::build([node("a", 3), node("b", 7)], [Edge::blocks("a", "b"), Edge::blocks("b", "a")]);
        let mut told = Told::default();
        let said = told.tell(&graph);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("a (PLAN.md:3) → b (PLAN.md:7) → a (PLAN.md:3)"), "{}", said[0]);
        assert!(told.tell(&graph).is_empty());
        graph.set_state("a", NodeState::Met).unwrap();
        assert!(told.tell(&graph).is_empty());
        graph.set_state("a", NodeState::Open).unwrap();
        assert_eq!(told.tell(&graph).len(), 1);
    }
}
