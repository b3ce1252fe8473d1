//! Depth and size: nothing recurses, and nothing that should be linear is more.

#![allow(missing_docs)]

use std::time::{Duration, Instant};

use coditect_graph::{Cause, Edge, Graph, Node, NodeState};

const DEEP: u64 = 100_000;

fn name(at: u64) -> String {
    format!("t{at}")
}

fn nodes() -> impl Iterator<Item = Node> {
    (0..DEEP).map(|at| Node { order: at, ..Node::new(name(at)) })
}

fn chain() -> impl Iterator<Item = Edge> {
    (1..DEEP).map(|at| Edge::blocks(name(at), name(at - 1)))
}

/// Generous, so that it fails for the wrong kind of growth and not for a slow machine.
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let answer = work();
    assert!(start.elapsed() < Duration::from_secs(120), "took {:?}", start.elapsed());
    answer
}

#[test]
fn a_chain_of_100_000_tasks_is_answered_and_walked_without_overflow() {
    in_time(|| {
        let mut graph = Graph::build(nodes(), chain());
        assert!(graph.cycles().is_empty());
        assert_eq!(graph.rank("t0"), Some(60 * DEEP as i64));
        assert_eq!(graph.critical_path().len(), DEEP as usize);
        assert_eq!(graph.why("t0").unwrap().holds_up, DEEP as usize - 1);
        let roots = graph.why(&name(DEEP - 1)).unwrap().roots;
        assert_eq!((roots.len(), roots[0].id.as_str(), roots[0].cause), (1, "t0", Cause::Ready));
        for at in 0..DEEP - 1 {
            assert_eq!(graph.set_state(&name(at), NodeState::Met).unwrap(), [name(at + 1)]);
        }
    });
}

#[test]
fn a_ring_of_100_000_tasks_is_one_cycle() {
    in_time(|| {
        let graph = Graph::build(nodes(), chain().chain([Edge::blocks("t0", name(DEEP - 1))]));
        let cycles = graph.cycles();
        assert_eq!((cycles.len(), cycles[0].path.len()), (1, DEEP as usize + 1));
        assert_eq!(graph.why("t5").unwrap().cycle.map(|cycle| cycle.path[0].clone()).as_deref(), Some("t5"));
        assert!(graph.ready().is_empty() && graph.ranks().is_empty());
    });
}

#[test]
fn a_dense_knot_of_rings_is_searched_within_bounds() {
    in_time(|| {
        let back = (0..DEEP - 700).step_by(3).map(|at| Edge::blocks(name(at), name(at + 700)));
        let graph = Graph::build(nodes(), chain().chain(back));
        let cycles = graph.cycles();
        assert_eq!(cycles.len(), 1);
        assert_eq!(cycles[0].path.first(), cycles[0].path.last());
        let aside: std::collections::HashSet<Edge> = graph.breaking().into_iter().collect();
        let edges = graph.edges().into_iter().filter(|edge| !aside.contains(edge));
        assert!(Graph::build(nodes(), edges).cycles().is_empty());
    });
}

#[test]
fn a_task_everyone_waits_for_frees_them_all_at_once_and_edits_stay_cheap() {
    in_time(|| {
        let mut graph = Graph::build(nodes(), (1..DEEP).map(|at| Edge::blocks(name(at), "t0")));
        for at in 1..DEEP / 2 {
            graph.set_dependencies(&name(at), [coditect_graph::Dependency::blocks("t0")]).unwrap();
        }
        assert_eq!(graph.set_state("t0", NodeState::Met).unwrap().len(), DEEP as usize - 1);
        assert_eq!(graph.set_state("t0", NodeState::Open).unwrap(), ["t0"]);
        assert_eq!(graph.ready().len(), 1);
    });
}
