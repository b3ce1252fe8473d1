//! Plan files as the offline commands see them: read, resolved against each other, and laid out as one graph.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use coditect_core::{TaskId, document_slug};
use coditect_graph::{Edge, Graph, Node, NodeState, render};
use coditect_plan::{MarkerStatus, Plan, PlanTask, Severity};
use serde::Serialize;

use crate::failure::Failure;

/// The code of a diagnostic about tasks that wait for each other.
const CYCLE: &str = "dependency-cycle";

/// One or more plans, with the graph of their tasks.
#[derive(Debug)]
pub(crate) struct Plans {
    /// The plans, in the order they were named.
    pub(crate) documents: Vec<Plan>,
    /// All their tasks.
    pub(crate) graph: Graph,
    places: HashMap<String, (usize, usize)>,
}

/// One remark about the plans.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it is about, in kebab-case.
    pub(crate) code: &'static str,
    /// The document.
    pub(crate) path: String,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
    /// What is the matter.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

/// How many tasks stand where. `tasks` is `completed` + `cancelled` + `ready` + `waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) tasks: usize,
    pub(crate) completed: usize,
    pub(crate) cancelled: usize,
    pub(crate) ready: usize,
    pub(crate) waiting: usize,
    pub(crate) cycles: usize,
    pub(crate) dangling: usize,
}

impl Plans {
    /// Reads these files.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut documents = Vec::with_capacity(paths.len());
        for path in paths {
            documents.push(coditect_plan::parse(&path.display().to_string(), &text(path)?));
        }
        Ok(Self::of(documents))
    }

    fn of(documents: Vec<Plan>) -> Self {
        let (mut nodes, mut edges, mut places) = (Vec::new(), Vec::new(), HashMap::new());
        let single = documents.len() == 1;
        for (document, plan) in documents.iter().enumerate() {
            for (at, task) in plan.tasks.iter().enumerate() {
                let id = name(single, plan, &task.key);
                let order = u64::try_from(nodes.len()).unwrap_or(u64::MAX);
                edges.extend(task.dependencies.iter().map(|to| Edge::blocks(&id, name(single, plan, &to.key))));
                nodes.push(node(&id, plan, task, order));
                places.insert(id, (document, at));
            }
        }
        Self { graph: Graph::build(nodes, edges), documents, places }
    }

    /// The task a node of the graph stands for, and its document.
    pub(crate) fn task(&self, id: &str) -> Option<(&Plan, &PlanTask)> {
        let &(document, at) = self.places.get(id)?;
        let plan = self.documents.get(document)?;
        Some((plan, plan.tasks.get(at)?))
    }

    /// Every task, with what it is called among all of them.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (String, &PlanTask)> {
        let single = self.documents.len() == 1;
        self.documents
            .iter()
            .flat_map(move |plan| plan.tasks.iter().map(move |task| (name(single, plan, &task.key), task)))
    }

    /// Everything odd about the plans, by document and line; cycles included.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut found: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
        for plan in &self.documents {
            let own = plan.diagnostics.iter().map(|d| Finding {
                severity: d.severity,
                code: d.code.as_str(),
                path: d.path.clone(),
                line: d.line,
                column: d.column,
                message: d.message.clone(),
                help: d.help.clone(),
            });
            found.entry(&plan.path).or_default().extend(own);
        }
        for cycle in self.graph.cycles() {
            if let Some(finding) = self.cycle(&cycle)
                && let Some(list) = found.get_mut(finding.path.as_str())
            {
                list.push(finding);
            }
        }
        let mut all = Vec::new();
        for plan in &self.documents {
            let mut list = found.remove(plan.path.as_str()).unwrap_or_default();
            list.sort_by_key(|finding| (finding.line, finding.column));
            all.append(&mut list);
        }
        all
    }

    /// A cycle, told at the reference to doubt first.
    fn cycle(&self, cycle: &coditect_graph::Cycle) -> Option<Finding> {
        let Edge { dependent, dependency, .. } = &cycle.suggestion;
        let (plan, task) = self.task(dependent)?;
        let wanted = self.task(dependency).map(|(_, task)| task.key.as_str())?;
        let reference = task.dependencies.iter().find(|to| to.key == wanted);
        let (line, column) = reference.map_or((task.line, task.column), |to| (to.line, to.column));
        Some(Finding {
            severity: Severity::Error,
            code: CYCLE,
            path: plan.path.clone(),
            line,
            column,
            message: format!("these tasks wait for each other, so none can start: {}", cycle.path.join(" → ")),
            help: format!("if `{dependent}` can do without `{dependency}`, remove that dependency"),
        })
    }

    /// How many tasks stand where.
    pub(crate) fn summary(&self) -> Summary {
        let graph = self.graph.summary();
        let statuses = || self.documents.iter().flat_map(|plan| &plan.tasks).map(|task| task.status);
        let count = |wanted| statuses().filter(|status| *status == wanted).count();
        let (completed, cancelled) = (count(MarkerStatus::Completed), count(MarkerStatus::Cancelled));
        Summary {
            tasks: graph.total,
            completed,
            cancelled,
            ready: graph.ready,
            waiting: graph.total.saturating_sub(completed + cancelled + graph.ready),
            cycles: graph.cycles,
            dangling: graph.dangling,
        }
    }

    /// The ready tasks in the order of dispatch.
    pub(crate) fn next(&self) -> Vec<String> {
        self.graph.order(self.graph.ready())
    }

    /// The graph as a picture in text.
    pub(crate) fn picture(&self, format: render::Format) -> String {
        render::render(&self.graph, format)
    }
}

/// The text of a plan file.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.to_string(),
        };
        Failure::usage(format!("cannot read the plan {shown}: {why}"))
            .help("name a markdown file that can be read; `coditect init` writes an example")
    })?;
    match coditect_plan::decode(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(Failure::wrong(format!("{shown}: {error}"))),
    }
}

/// What a task is called: its key, and where there are several documents, the document before it.
fn name(single: bool, plan: &Plan, key: &str) -> String {
    if single { key.to_owned() } else { TaskId::new(&document_slug(&plan.path), key).to_string() }
}

fn node(id: &str, plan: &Plan, task: &PlanTask, order: u64) -> Node {
    let state = match task.status {
        MarkerStatus::Completed => NodeState::Met,
        MarkerStatus::Pending | MarkerStatus::InProgress => NodeState::Open,
        MarkerStatus::Blocked | MarkerStatus::Cancelled => NodeState::Blocking,
    };
    Node {
        title: task.title.clone(),
        section: task.section.clone(),
        priority: task.priority.unwrap_or_default(),
        estimate_minutes: task.estimate_minutes,
        order,
        path: plan.path.clone(),
        line: u32::try_from(task.line).unwrap_or(u32::MAX),
        state,
        dangling: task.unresolved.iter().map(|reference| reference.text.clone()).collect(),
        ..Node::new(id)
    }
}
