//! Telling people of cycles: once each, with the way round and what to doubt first.

use std::collections::HashSet;

use coditect_graph::Graph;
use coditect_service::graph::sentence;
use tracing::{info, warn};

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
