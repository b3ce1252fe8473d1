//! What takes a look at everything: figures and cycles. Kept until a task has changed, and then for ten times as long as
//! the look took, so that however often it is asked for, it costs a tenth of one core at most.

use std::time::{Duration, Instant};

use coditect_core::Clock;
use coditect_graph::Graph;
use coditect_proto::v1;
use coditect_service::graph;
use coditect_store::StoreError;

use crate::{Orchestrator, figures};

/// What was seen, and when.
#[derive(Debug, Default)]
pub(crate) struct Insight {
    revision: Option<i64>,
    plans: Vec<(String, i64)>,
    /// Whether the plans, whatever is done already, have a cycle.
    cyclic: bool,
    fresh_until: Option<Instant>,
    figures: Vec<v1::Figure>,
    problems: Vec<v1::PlanProblem>,
}

impl Orchestrator {
    /// The figures, where at most `slots` attempts may be open, and what is wrong with the plans taken together.
    pub(crate) async fn insight(
        &self,
        plans: Vec<(String, i64)>,
        slots: i64,
    ) -> Result<(Vec<v1::Figure>, Vec<v1::PlanProblem>), StoreError> {
        let mut kept = self.insight.lock().await;
        let revision = self.store.revision().await?;
        let fresh = kept.revision == Some(revision) && kept.plans == plans;
        if !fresh && kept.fresh_until.is_none_or(|until| until < Instant::now()) {
            let began = Instant::now();
            let measures = self.store.measures().await?;
            kept.figures = figures::figures(&measures, self.clock.now_ms(), slots);
            // Cycles come from the plans alone; what is done only hides them.
            if kept.plans != plans || kept.cyclic {
                let (tasks, edges) = self.store.graph().await?;
                let mut whole = tasks.clone();
                for task in &mut whole {
                    task.life.state = coditect_core::TaskState::Pending;
                }
                kept.cyclic = !graph::graph(&whole, &edges).cycles().is_empty();
                kept.problems = if kept.cyclic { cycles(&graph::graph(&tasks, &edges)) } else { Vec::new() };
            }
            kept.revision = Some(revision);
            kept.plans = plans;
            kept.fresh_until = Some(Instant::now() + (began.elapsed() * 10).min(Duration::from_secs(30)));
        }
        Ok((kept.figures.clone(), kept.problems.clone()))
    }
}

fn cycles(graph: &Graph) -> Vec<v1::PlanProblem> {
    let cycles = graph.cycles();
    let problem = |cycle: &coditect_graph::Cycle| {
        let first = cycle.path.first().and_then(|id| graph.node(id))?;
        Some(v1::PlanProblem {
            severity: "error".to_owned(),
            code: "dependency-cycle".to_owned(),
            path: first.path.clone(),
            line: i64::from(first.line),
            column: 1,
            message: graph::sentence(graph, cycle),
            help: format!(
                "take out a dependency, perhaps that of {} on {}",
                cycle.suggestion.dependent, cycle.suggestion.dependency
            ),
        })
    };
    cycles.iter().filter_map(problem).collect()
}
