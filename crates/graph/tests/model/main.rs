//! The incremental graph against a slow and obvious one, under random plans and random changes.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod slow;

use coditect_core::Priority;
use coditect_graph::{Cycle, Dependency, Edge, EdgeKind, Graph, Node, NodeState};
use proptest::prelude::*;
use proptest::sample::select;
use slow::Slow;

#[derive(Debug, Clone)]
enum Change {
    Upsert(Node),
    Remove(String),
    SetState(String, NodeState),
    SetDependencies(String, Vec<Dependency>),
}

fn id() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "c", "d", "e", "f", "g", "h"]).prop_map(str::to_owned)
}

fn state() -> impl Strategy<Value = NodeState> {
    prop_oneof![4 => Just(NodeState::Open), 3 => Just(NodeState::Met), 1 => Just(NodeState::Blocking)]
}

fn kind() -> impl Strategy<Value = EdgeKind> {
    prop_oneof![6 => Just(EdgeKind::Blocks), 1 => Just(EdgeKind::Informs), 1 => Just(EdgeKind::Relates)]
}

fn node() -> impl Strategy<Value = Node> {
    let estimate = prop_oneof![Just(None), (-1_i64..4).prop_map(|quarters| Some(quarters * 15))];
    let dangling = prop_oneof![9 => Just(vec![]), 1 => Just(vec!["nowhere".to_owned()])];
    let held = prop::bool::weighted(0.1);
    (id(), state(), select(Priority::ALL.to_vec()), estimate, 0_u64..6, dangling, held).prop_map(
        |(id, state, priority, estimate_minutes, order, dangling, held)| Node {
            held,
            state,
            priority,
            estimate_minutes,
            order,
            dangling,
            ..Node::new(id)
        },
    )
}

fn edge() -> impl Strategy<Value = Edge> {
    (id(), id(), kind()).prop_map(|(dependent, dependency, kind)| Edge { dependent, dependency, kind, added: 0 })
}

fn change() -> impl Strategy<Value = Change> {
    let dependency = (id(), kind()).prop_map(|(id, kind)| Dependency { id, kind, added: 0 });
    prop_oneof![
        3 => node().prop_map(Change::Upsert),
        1 => id().prop_map(Change::Remove),
        6 => (id(), state()).prop_map(|(id, state)| Change::SetState(id, state)),
        3 => (id(), prop::collection::vec(dependency, 0..4)).prop_map(|(id, to)| Change::SetDependencies(id, to)),
    ]
}

/// Makes the change on both, and compares what it is said to have made ready.
fn apply(graph: &mut Graph, slow: &mut Slow, change: Change) {
    let before = slow.ready();
    let became = match change {
        Change::Upsert(node) => {
            slow.nodes.insert(node.id.clone(), node.clone());
            graph.upsert(node)
        }
        Change::Remove(id) => {
            assert_eq!(graph.remove(&id), slow.remove(&id));
            Vec::new()
        }
        Change::SetState(id, state) => match slow.nodes.get_mut(&id) {
            Some(node) => {
                node.state = state;
                graph.set_state(&id, state).unwrap()
            }
            None => graph.set_state(&id, state).map(|_| panic!("`{id}` is unknown")).unwrap_or_else(|_| Vec::new()),
        },
        Change::SetDependencies(id, to) if slow.nodes.contains_key(&id) => {
            slow.set_dependencies(&id, to.clone());
            graph.set_dependencies(&id, to).unwrap()
        }
        Change::SetDependencies(id, to) => {
            assert!(graph.set_dependencies(&id, to).is_err());
            Vec::new()
        }
    };
    let expected: Vec<String> = slow.ready().into_iter().filter(|id| !before.contains(id)).collect();
    assert_eq!(became, expected, "became ready");
}

fn compare(graph: &Graph, slow: &Slow) {
    assert_eq!(graph.len(), slow.nodes.len());
    assert_eq!(graph.ready(), slow.ready());
    assert_eq!(graph.summary(), slow.summary());
    assert_eq!(graph.critical_path(), slow.critical_path());
    assert_eq!(graph.order(slow.nodes.keys()), slow.order());
    let ranks = slow.nodes.keys().filter_map(|id| Some((id.clone(), slow.rank(id)?))).collect();
    assert_eq!(graph.ranks(), ranks);

    let (mut edges, mut expected) = (graph.edges(), slow.edges.clone());
    edges.sort();
    expected.sort();
    assert_eq!(edges, expected);

    let cycles = graph.cycles();
    let members: Vec<Vec<String>> = cycles.iter().map(|cycle| cycle.members.clone()).collect();
    assert_eq!(members, slow.cycles());
    for cycle in &cycles {
        let shortest = cycle.members.iter().filter_map(|id| slow.distance(id, id)).min();
        check_path(cycle, slow, shortest);
    }
    for id in slow.nodes.keys() {
        compare_task(graph, slow, id);
    }
}

fn compare_task(graph: &Graph, slow: &Slow, id: &str) {
    let why = graph.why(id).unwrap();
    let open = slow.state(id) == Some(NodeState::Open);
    let unmet = if open { slow.unmet(id) } else { Vec::new() };
    assert_eq!(graph.standing(id), slow.standing(id));
    assert_eq!(graph.node(id), slow.nodes.get(id));
    assert_eq!((Some(why.state), why.ready), (slow.state(id), graph.is_ready(id)));
    assert_eq!(why.ready, slow.is_ready(id));
    assert_eq!(why.unmet.iter().map(|unmet| unmet.id.clone()).collect::<Vec<_>>(), unmet);
    assert!(why.unmet.iter().all(|unmet| Some(unmet.state) == slow.state(&unmet.id)));
    assert_eq!(why.roots, slow.roots(id), "roots of {id}");
    assert_eq!(why.dangling, slow.dangling(id));
    assert_eq!(why.held, slow.nodes[id].held);
    assert_eq!(why.holds_up, slow.holds_up(id), "held up by {id}");
    assert_eq!(graph.holds_up(id).unwrap(), why.holds_up);
    let met = slow.state(id) == Some(NodeState::Met);
    assert_eq!(why.dependents, if met { Vec::new() } else { slow.dependents(id) });
    assert_eq!(why.cycle.is_some(), slow.in_cycle(id));
    if let Some(cycle) = why.cycle {
        assert_eq!(cycle.path[0], id);
        assert_eq!(cycle.members, slow.cycle_members(id));
        check_path(&cycle, slow, slow.distance(id, id));
    }
    // A task that waits always has something to wait for: nothing hangs without a reason.
    if open && !why.ready {
        assert!(
            !why.roots.is_empty() || why.held || !why.dangling.is_empty() || slow.in_cycle(id),
            "no reason for {id}"
        );
    }
}

fn check_path(cycle: &Cycle, slow: &Slow, length: Option<usize>) {
    assert_eq!(Some(cycle.path.len() - 1), length, "length of {:?}", cycle.path);
    assert_eq!(cycle.path.first(), cycle.path.last());
    let edges: Vec<Edge> = cycle.path.windows(2).map(|pair| Edge::blocks(&pair[0], &pair[1])).collect();
    assert!(edges.iter().all(|edge| slow.edges.contains(edge)));
    let doubt = |edge: &Edge| {
        let node = &slow.nodes[&edge.dependent];
        (node.priority, node.order, node.id.clone())
    };
    assert_eq!(edges.iter().max_by_key(|edge| doubt(edge)), Some(&cycle.suggestion));
}

/// Without the edges that are to be set aside, nothing waits for itself; each of them was needed for some way round.
fn check_breaking(graph: &Graph, slow: &Slow) {
    let aside = graph.breaking();
    let mut rest = slow.clone();
    rest.edges.retain(|edge| !aside.contains(edge));
    assert!(rest.cycles().is_empty(), "{aside:?}");
    assert_eq!(slow.edges.len() - rest.edges.len(), aside.len());
    for edge in &aside {
        assert_eq!(edge.kind, EdgeKind::Blocks);
        assert!(slow.distance(&edge.dependency, &edge.dependent).is_some() || edge.dependency == edge.dependent);
    }
    assert!(aside.is_empty() == slow.cycles().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_what_computing_it_anew_would_give(
        nodes in prop::collection::vec(node(), 0..9),
        edges in prop::collection::vec(edge(), 0..14),
        changes in prop::collection::vec(change(), 0..24),
    ) {
        let mut graph = Graph::build(nodes.clone(), edges.clone());
        let mut slow = Slow::build(nodes, edges);
        compare(&graph, &slow);
        for change in changes {
            apply(&mut graph, &mut slow, change);
            compare(&graph, &slow);
            check_breaking(&graph, &slow);
        }
        let again = Graph::build(slow.nodes.values().cloned(), slow.edges.clone());
        compare(&again, &slow);
    }
}
