//! What a person who keeps a plan expects of its graph, case by case.

#![allow(missing_docs)]

use coditect_core::Priority;
use coditect_graph::{Cause, Dependency, Edge, EdgeKind, Graph, Node, NodeState, Root, Standing, UnknownTask};

fn plan(ids: &str, edges: &[(&str, &str)]) -> Graph {
    let nodes = ids.split(' ').enumerate().map(|(at, id)| Node { order: at as u64, ..Node::new(id) });
    Graph::build(nodes, edges.iter().map(|(dependent, dependency)| Edge::blocks(*dependent, *dependency)))
}

fn root(id: &str, cause: Cause) -> Root {
    Root { id: id.to_owned(), cause }
}

#[test]
fn a_task_is_ready_only_when_all_it_depends_on_is_met() {
    let mut graph = plan("a b c", &[("c", "a"), ("c", "b")]);
    assert_eq!(graph.ready(), ["a", "b"]);
    assert!(graph.set_state("a", NodeState::Met).unwrap().is_empty());
    assert_eq!(graph.set_state("b", NodeState::Met).unwrap(), ["c"]);
    assert_eq!(graph.ready(), ["c"]);
}

#[test]
fn saying_the_same_twice_changes_nothing() {
    let mut graph = plan("a b", &[("b", "a"), ("b", "a")]);
    assert_eq!(graph.set_state("a", NodeState::Met).unwrap(), ["b"]);
    assert!(graph.set_state("a", NodeState::Met).unwrap().is_empty());
    assert_eq!(graph.ready(), ["b"]);
}

#[test]
fn reopening_a_task_holds_its_dependents_again() {
    let mut graph = plan("a b", &[("b", "a")]);
    graph.set_state("a", NodeState::Met).unwrap();
    assert_eq!(graph.set_state("a", NodeState::Open).unwrap(), ["a"]);
    assert_eq!(graph.ready(), ["a"]);
    assert_eq!(graph.standing("b"), Some(Standing::Waiting));
}

#[test]
fn only_blocks_edges_gate() {
    let edge = |kind| Edge { kind, ..Edge::blocks("b", "a") };
    let nodes = || [Node::new("a"), Node::new("b")];
    assert!(Graph::build(nodes(), [edge(EdgeKind::Informs), edge(EdgeKind::Relates)]).is_ready("b"));
    assert!(!Graph::build(nodes(), [edge(EdgeKind::Informs), edge(EdgeKind::Blocks)]).is_ready("b"));
}

#[test]
fn a_failed_dependency_blocks_and_is_named_as_the_root() {
    let mut graph = plan("a b c", &[("b", "a"), ("c", "b")]);
    graph.set_state("a", NodeState::Blocking).unwrap();
    let why = graph.why("c").unwrap();
    assert!(!why.ready);
    assert_eq!(why.unmet[0].id, "b");
    assert_eq!(why.roots, [root("a", Cause::Blocking)]);
    assert_eq!(graph.why("a").unwrap().holds_up, 2);
    assert_eq!(graph.why("a").unwrap().dependents, ["b"]);
}

#[test]
fn a_reference_to_nothing_holds_until_the_task_appears() {
    let mut graph = plan("a", &[("a", "ghost")]);
    assert_eq!(graph.why("a").unwrap().dangling, ["ghost"]);
    assert_eq!(graph.summary().dangling, 1);
    assert_eq!(graph.upsert(Node { state: NodeState::Met, ..Node::new("ghost") }), ["a"]);
    assert!(graph.why("a").unwrap().dangling.is_empty());
}

#[test]
fn removing_a_task_holds_those_that_depend_on_it() {
    let mut graph = plan("a b", &[("b", "a")]);
    graph.set_state("a", NodeState::Met).unwrap();
    assert!(graph.is_ready("b"));
    graph.remove("a");
    assert!(!graph.is_ready("b"));
    assert_eq!(graph.set_dependencies("b", []).unwrap(), ["b"]);
}

#[test]
fn a_cycle_is_shown_by_its_shortest_way_round_and_its_least_urgent_edge() {
    let mut graph = plan("a b c d e", &[("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("c", "a"), ("e", "a")]);
    graph.upsert(Node { priority: Priority::P3, order: 1, ..Node::new("b") });
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1);
    assert_eq!(cycles[0].members, ["a", "b", "c", "d"]);
    assert_eq!(cycles[0].path, ["a", "b", "c", "a"]);
    assert_eq!(cycles[0].suggestion, Edge::blocks("b", "c"));
    assert_eq!(graph.why("d").unwrap().cycle.unwrap().path, ["d", "a", "b", "c", "d"]);
    assert_eq!(graph.why("e").unwrap().roots, [root("a", Cause::Cycle)]);
    assert!(graph.ready().is_empty());
}

#[test]
fn of_equally_urgent_edges_of_a_cycle_the_one_added_last_is_doubted() {
    let edge = |from: &str, to: &str, added| Edge { added, ..Edge::blocks(from, to) };
    let nodes = (0..).zip(["a", "b", "c"]).map(|(order, id)| Node { order, ..Node::new(id) });
    let graph = Graph::build(nodes, [edge("a", "b", 1), edge("b", "c", 7), edge("c", "a", 2)]);
    assert_eq!(graph.cycles()[0].suggestion, edge("b", "c", 7));
    assert_eq!(graph.breaking(), [edge("b", "c", 7)]);
}

#[test]
fn every_way_round_is_broken_and_not_more_than_that() {
    let graph = plan("a b c d e", &[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("d", "d"), ("e", "a")]);
    let aside = graph.breaking();
    assert_eq!(aside, [Edge::blocks("b", "a"), Edge::blocks("c", "b"), Edge::blocks("d", "d")]);
}

#[test]
fn a_task_that_depends_on_itself_is_a_cycle_of_one() {
    let graph = plan("a", &[("a", "a")]);
    assert_eq!(graph.cycles()[0].path, ["a", "a"]);
    assert!(graph.ready().is_empty());
    assert_eq!(graph.why("a").unwrap().holds_up, 0);
}

#[test]
fn finishing_a_member_breaks_a_cycle_and_reopening_it_brings_it_back() {
    let mut graph = plan("a b", &[("a", "b"), ("b", "a")]);
    assert_eq!(graph.set_state("a", NodeState::Met).unwrap(), ["b"]);
    assert!(graph.cycles().is_empty());
    graph.set_state("a", NodeState::Open).unwrap();
    assert_eq!(graph.cycles().len(), 1);
    assert!(graph.ready().is_empty());
}

#[test]
fn dispatch_goes_by_priority_then_by_what_hangs_on_a_task_then_by_age() {
    let mut graph = plan("a b c d e", &[("e", "c")]);
    graph.upsert(Node { priority: Priority::P0, order: 9, ..Node::new("d") });
    assert_eq!(graph.order(graph.ready()), ["d", "c", "a", "b"]);
    assert_eq!(graph.order(["b", "nobody", "a"]), ["a", "b"]);
}

#[test]
fn the_critical_path_is_the_longest_in_minutes_and_ends_with_what_is_open() {
    let mut graph = plan("a b c d", &[("b", "a"), ("d", "c")]);
    graph.upsert(Node { estimate_minutes: Some(500), ..Node::new("d") });
    assert_eq!(graph.critical_path(), ["c", "d"]);
    assert_eq!((graph.rank("c"), graph.rank("a")), (Some(560), Some(120)));
    graph.set_state("c", NodeState::Met).unwrap();
    graph.set_state("d", NodeState::Met).unwrap();
    assert_eq!(graph.critical_path(), ["a", "b"]);
    assert_eq!(graph.rank("d"), None);
}

#[test]
fn changes_to_an_unknown_task_are_errors_and_leave_the_graph_as_it_was() {
    let mut graph = plan("a", &[("a", "ghost")]);
    for id in ["nobody", "ghost"] {
        assert_eq!(graph.set_state(id, NodeState::Met), Err(UnknownTask(id.to_owned())));
        assert_eq!(graph.set_dependencies(id, [Dependency::blocks("a")]), Err(UnknownTask(id.to_owned())));
        assert_eq!(graph.remove(id), None);
        assert!(graph.why(id).is_err());
    }
    assert_eq!(graph.summary().total, 1);
}

#[test]
fn an_empty_graph_answers_with_nothing() {
    let graph = Graph::default();
    assert!(graph.is_empty() && graph.ready().is_empty() && graph.cycles().is_empty());
    assert!(graph.critical_path().is_empty() && graph.ranks().is_empty());
    assert_eq!(graph.summary(), coditect_graph::Summary::default());
}
