//! What a plan would take: slack and forecasts.

#![allow(missing_docs)]

use coditect_core::Priority;
use coditect_graph::{Edge, Expected, Graph, Node, NodeState};
use proptest::prelude::*;

fn plan(tasks: &[(&str, i64)], edges: &[(&str, &str)]) -> Graph {
    let nodes = (0..).zip(tasks).map(|(order, (id, minutes))| Node {
        order,
        estimate_minutes: Some(*minutes),
        ..Node::new(*id)
    });
    Graph::build(nodes, edges.iter().map(|(dependent, dependency)| Edge::blocks(*dependent, *dependency)))
}

fn minutes(node: &Node) -> Expected {
    Expected { length: node.estimate_minutes.unwrap_or(60), begun: false }
}

fn order(graph: &Graph, slots: usize) -> Vec<(String, i64, i64)> {
    graph.forecast(slots, minutes).tasks.into_iter().map(|t| (t.task, t.start, t.finish)).collect()
}

fn at(task: &str, start: i64, finish: i64) -> (String, i64, i64) {
    (task.to_owned(), start, finish)
}

#[test]
fn slack_is_nothing_on_the_critical_path_and_the_rest_of_the_time_beside_it() {
    let graph = plan(&[("a", 10), ("b", 30), ("c", 5), ("d", 10)], &[("b", "a"), ("c", "a"), ("d", "b"), ("d", "c")]);
    let slack = graph.slack();
    assert_eq!((slack["a"], slack["b"], slack["c"], slack["d"]), (0, 0, 25, 0));
}

#[test]
fn what_is_in_a_cycle_or_waits_for_one_has_no_slack_and_never_starts() {
    let graph = plan(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)], &[("a", "b"), ("b", "a"), ("c", "a")]);
    assert_eq!(graph.slack().keys().collect::<Vec<_>>(), ["d"]);
    let forecast = graph.forecast(2, minutes);
    assert_eq!(forecast.held, ["a", "b", "c"]);
    assert_eq!(forecast.length, 1);
}

#[test]
fn one_slot_works_one_task_after_the_other_and_two_work_side_by_side() {
    let graph = plan(&[("a", 10), ("b", 20), ("c", 5)], &[("c", "a")]);
    assert_eq!(order(&graph, 1), [at("b", 0, 20), at("a", 20, 30), at("c", 30, 35)]);
    assert_eq!(order(&graph, 2), [at("b", 0, 20), at("a", 0, 10), at("c", 10, 15)]);
}

#[test]
fn finished_tasks_take_no_time_and_what_waits_for_a_failed_one_is_held() {
    let mut graph = plan(&[("a", 10), ("b", 20), ("c", 5), ("d", 7)], &[("b", "a"), ("d", "c")]);
    graph.set_state("a", NodeState::Met).unwrap();
    graph.set_state("c", NodeState::Blocking).unwrap();
    assert_eq!(order(&graph, 3), [at("b", 0, 20)]);
    assert_eq!(graph.forecast(3, minutes).held, ["d"]);
}

#[test]
fn what_is_being_worked_on_keeps_its_slot() {
    let graph = plan(&[("a", 10), ("b", 20)], &[]);
    let expected = |node: &Node| Expected { begun: node.id == "a", ..minutes(node) };
    let first = graph.forecast(1, expected).tasks.into_iter().next().map(|task| task.task);
    assert_eq!(first.as_deref(), Some("a"));
}

#[test]
fn no_slots_at_all_are_counted_as_one_and_an_empty_plan_takes_no_time() {
    assert_eq!(order(&plan(&[("a", 1)], &[]), 0).len(), 1);
    let nothing = Graph::default().forecast(4, minutes);
    assert_eq!((nothing.length, nothing.tasks.len()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_forecast_keeps_dependencies_and_slots_and_is_no_longer_than_one_by_one(
        tasks in prop::collection::vec((0..50_i64, prop::sample::select(Priority::ALL.to_vec())), 1..30),
        edges in prop::collection::vec((0..30_usize, 0..30_usize), 0..60),
        slots in 1..5_usize,
    ) {
        let name = |at: usize| format!("t{at}");
        let nodes = tasks.iter().enumerate().map(|(at, (minutes, priority))| Node {
            order: at as u64, estimate_minutes: Some(*minutes), priority: *priority, ..Node::new(name(at))
        });
        // From later to earlier tasks only, so that all can be done.
        let edges: Vec<_> = edges.into_iter().filter(|(a, b)| a > b && *a < tasks.len()).collect();
        let graph = Graph::build(nodes, edges.iter().map(|(a, b)| Edge::blocks(name(*a), name(*b))));
        let forecast = graph.forecast(slots, minutes);
        prop_assert!(forecast.held.is_empty());
        prop_assert_eq!(forecast.tasks.len(), tasks.len());
        let of = |id: &str| forecast.tasks.iter().find(|t| t.task == id).unwrap();
        for (a, b) in &edges {
            prop_assert!(of(&name(*a)).start >= of(&name(*b)).finish);
        }
        for one in &forecast.tasks {
            let other = forecast.tasks.iter().filter(|t| t.slot == one.slot && t.task != one.task);
            prop_assert!(one.slot < slots);
            for other in other {
                prop_assert!(other.finish <= one.start || one.finish <= other.start);
            }
        }
        let work: i64 = tasks.iter().map(|(minutes, _)| minutes).sum();
        let longest = graph.ranks().into_values().max().unwrap();
        prop_assert!(forecast.length <= work && forecast.length >= longest);
        if slots >= tasks.len() {
            prop_assert_eq!(forecast.length, longest);
        }
        // Slack: the critical path has none, and nobody slips beyond the end.
        let slack = graph.slack();
        prop_assert!(graph.critical_path().iter().all(|id| slack[id] == 0));
        prop_assert!(slack.values().all(|minutes| (0..=longest).contains(minutes)));
        prop_assert_eq!(slack.len(), tasks.len());
    }
}
