//! How fast the graph answers, in shapes that others publish figures for, and at a hundred thousand tasks.
//!
//! `cargo bench -p coditect-graph`; docs/benchmarks/graph.md has a table of results.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a benchmark stops where something is wrong")]

use coditect_graph::{Edge, Expected, Graph, Node, NodeState};
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn name(at: usize) -> String {
    format!("plan/{}.{}", at / 50, at % 50)
}

fn nodes(count: usize) -> Vec<Node> {
    let node = |at: usize| Node { order: at as u64, title: format!("Task number {at}"), ..Node::new(name(at)) };
    (0..count).map(node).collect()
}

/// Each task depends on up to `fan` of those before it, spread by a fixed pseudo-random walk.
fn web(count: usize, fan: usize) -> Vec<Edge> {
    let mut seed = 0x9e37_79b9_u64;
    let mut next = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    (1..count)
        .flat_map(|at| (0..fan.min(at)).map(|_| (at, next(at.min(1_000)))).collect::<Vec<_>>())
        .map(|(at, back)| Edge::blocks(name(at), name(at - 1 - back)))
        .collect()
}

fn chain(count: usize) -> Vec<Edge> {
    (1..count).map(|at| Edge::blocks(name(at), name(at - 1))).collect()
}

fn complete(graph: &mut Graph, ids: &[String]) -> usize {
    ids.iter().map(|id| graph.set_state(id, NodeState::Met).unwrap().len()).sum()
}

mod published {
    use super::*;

    #[divan::bench]
    fn ready_set_of_10_000_tasks(bencher: Bencher<'_, '_>) {
        let mut graph = Graph::build(nodes(10_000), web(10_000, 3));
        let done: Vec<String> = (0..2_000).map(name).collect();
        complete(&mut graph, &done);
        bencher.bench_local(|| graph.order(graph.ready()));
    }

    #[divan::bench]
    fn ready_set_of_10_000_tasks_built_from_nothing(bencher: Bencher<'_, '_>) {
        bencher.with_inputs(|| (nodes(10_000), web(10_000, 3))).bench_local_values(|(nodes, edges)| {
            let graph = Graph::build(nodes, edges);
            (graph.ready(), graph)
        });
    }

    #[divan::bench]
    fn cycle_check_of_a_chain_of_5_000(bencher: Bencher<'_, '_>) {
        let graph = Graph::build(nodes(5_000), chain(5_000));
        bencher.bench_local(|| graph.cycles());
    }

    #[divan::bench]
    fn diamond_of_1_000(bencher: Bencher<'_, '_>) {
        let sides = 1..999;
        let edges = sides.flat_map(|at| [Edge::blocks(name(at), name(0)), Edge::blocks(name(999), name(at))]);
        let graph = Graph::build(nodes(1_000), edges);
        bencher.with_inputs(|| graph.clone()).bench_local_values(|mut graph| {
            complete(&mut graph, &[name(0)]);
            (graph.ready(), graph.cycles().len(), graph)
        });
    }

    #[divan::bench]
    fn ready_100_beside_2_500_blocked_pairs(bencher: Bencher<'_, '_>) {
        let pairs = (0..2_500).map(|at| Edge::blocks(name(100 + 2 * at), name(101 + 2 * at)));
        let back = (0..2_500).map(|at| Edge::blocks(name(101 + 2 * at), name(at % 100)));
        let graph = Graph::build(nodes(5_100), pairs.chain(back));
        bencher.bench_local(|| graph.order(graph.ready()));
    }

    #[divan::bench]
    fn completing_100_at_once(bencher: Bencher<'_, '_>) {
        let graph = Graph::build(nodes(10_000), web(10_000, 3));
        let done: Vec<String> = (0..100).map(name).collect();
        bencher.with_inputs(|| graph.clone()).bench_local_values(|mut graph| (complete(&mut graph, &done), graph));
    }
}

mod tasks_100_000_edges_300_000 {
    use super::*;

    fn large() -> Graph {
        Graph::build(nodes(100_000), web(100_000, 3))
    }

    #[divan::bench(sample_count = 10)]
    fn build(bencher: Bencher<'_, '_>) {
        bencher
            .with_inputs(|| (nodes(100_000), web(100_000, 3)))
            .bench_local_values(|(nodes, edges)| Graph::build(nodes, edges));
    }

    #[divan::bench]
    fn complete_one(bencher: Bencher<'_, '_>) {
        let mut graph = large();
        let mut at = 0;
        bencher.bench_local(|| {
            let done = complete(&mut graph, &[name(at)]);
            at += 1;
            done
        });
    }

    #[divan::bench(sample_count = 10)]
    fn complete_all(bencher: Bencher<'_, '_>) {
        let graph = large();
        let all: Vec<String> = (0..100_000).map(name).collect();
        bencher.with_inputs(|| graph.clone()).bench_local_values(|mut graph| (complete(&mut graph, &all), graph));
    }

    #[divan::bench(sample_count = 10)]
    fn ranks(bencher: Bencher<'_, '_>) {
        let graph = large();
        bencher.bench_local(|| graph.ranks());
    }

    #[divan::bench(sample_count = 10)]
    fn forecast_for_100_slots(bencher: Bencher<'_, '_>) {
        let graph = large();
        bencher.bench_local(|| {
            let expected = |node: &Node| Expected { length: node.estimate_minutes.unwrap_or(60), begun: false };
            graph.forecast(100, expected).length
        });
    }

    #[divan::bench(sample_count = 10)]
    fn cycle_check(bencher: Bencher<'_, '_>) {
        let graph = large();
        bencher.bench_local(|| graph.cycles());
    }
}
