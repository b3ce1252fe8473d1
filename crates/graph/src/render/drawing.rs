//! What every picture of a graph shows, before it is put into words.

use std::collections::{HashMap, HashSet};

use coditect_core::Priority;
use serde::Serialize;

use crate::cycles::Cycle;
use crate::graph::Graph;
use crate::model::{EdgeKind, Node, TaskId};
use crate::query::{Standing, Summary};

/// A graph laid out for people: its tasks by section, its edges in the direction of work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drawing {
    /// The sections, in plan order of their first tasks.
    pub groups: Vec<Group>,
    /// The edges between tasks; references to nothing are told by their task.
    pub edges: Vec<Arrow>,
    /// The longest chain of open work.
    pub critical_path: Vec<TaskId>,
    /// The groups of tasks that wait for each other.
    pub cycles: Vec<Cycle>,
    /// How many tasks stand where.
    pub summary: Summary,
}

/// The tasks of one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The outermost heading, if the tasks have one.
    pub title: Option<String>,
    /// The tasks in plan order.
    pub tasks: Vec<Task>,
}

/// A task with what a picture says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// What people read.
    pub title: String,
    /// The headings it stands under, outermost first.
    pub section: Vec<String>,
    /// Its urgency.
    pub priority: Priority,
    /// Its estimate, if it has one.
    pub estimate_minutes: Option<i64>,
    /// The file it is written in.
    pub path: String,
    /// The line it is written on.
    pub line: u32,
    /// Where it stands; decides the colour.
    pub state: Standing,
    /// The minutes of open work that hang on it, itself included.
    pub rank: Option<i64>,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// Whether it is in a cycle.
    pub in_cycle: bool,
    /// Its references that resolve to nothing.
    pub dangling: Vec<String>,
}

/// An edge; it points from the dependency to the dependent, as work flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arrow {
    /// The dependency.
    pub from: TaskId,
    /// The dependent.
    pub to: TaskId,
    /// What the reference means.
    pub kind: EdgeKind,
    /// Whether it is on the critical path.
    pub critical: bool,
}

impl Drawing {
    /// The drawing of a graph.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let critical_path = graph.critical_path();
        let cycles = graph.cycles();
        let ranks = graph.ranks();
        let critical: HashSet<&TaskId> = critical_path.iter().collect();
        let in_cycle: HashSet<&TaskId> = cycles.iter().flat_map(|cycle| &cycle.members).collect();

        let mut groups: Vec<Group> = Vec::new();
        let mut position: HashMap<Option<&String>, usize> = HashMap::new();
        for node in graph.nodes() {
            let title = node.section.first();
            let at = *position.entry(title).or_insert_with(|| {
                groups.push(Group { title: title.cloned(), tasks: Vec::new() });
                groups.len() - 1
            });
            groups[at].tasks.push(Task {
                rank: ranks.get(&node.id).copied(),
                critical: critical.contains(&node.id),
                in_cycle: in_cycle.contains(&node.id),
                ..Task::of(graph, node)
            });
        }
        let edges = arrows(graph, &critical_path);
        Self { groups, edges, critical_path, cycles, summary: graph.summary() }
    }

    /// A number for each task, safe as a name in any notation.
    pub(crate) fn numbers(&self) -> HashMap<&str, usize> {
        let tasks = self.groups.iter().flat_map(|group| &group.tasks);
        tasks.enumerate().map(|(number, task)| (task.id.as_str(), number)).collect()
    }
}

impl Task {
    fn of(graph: &Graph, node: &Node) -> Self {
        Self {
            id: node.id.clone(),
            title: node.title.clone(),
            section: node.section.clone(),
            priority: node.priority,
            estimate_minutes: node.estimate_minutes,
            path: node.path.clone(),
            line: node.line,
            state: graph.standing(&node.id).unwrap_or(Standing::Waiting),
            rank: None,
            critical: false,
            in_cycle: false,
            dangling: graph.find(&node.id).map(|at| graph.dangling(at)).unwrap_or_default(),
        }
    }

    /// What stands in its box: one line, not yet escaped.
    pub(crate) fn label(&self) -> String {
        let mut label = match self.title.is_empty() {
            true => self.id.clone(),
            false => format!("{}: {}", self.id, self.title),
        };
        if self.in_cycle {
            label += " (in a cycle)";
        }
        if !self.dangling.is_empty() {
            label += &format!(" (missing: {})", self.dangling.join(", "));
        }
        one_line(&label)
    }
}

/// Control characters, line breaks among them, become spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A standing's name and its fill, line and text colours. They differ in lightness too, for print and for the
/// colour-blind.
pub(crate) struct Look {
    pub(crate) name: &'static str,
    pub(crate) fill: &'static str,
    pub(crate) line: &'static str,
    pub(crate) text: &'static str,
}

impl Standing {
    pub(crate) const ALL: [Self; 4] = [Self::Met, Self::Ready, Self::Waiting, Self::Blocking];

    pub(crate) const fn look(self) -> Look {
        match self {
            Self::Met => Look { name: "met", fill: "#d7f0dd", line: "#2e7d32", text: "#12391a" },
            Self::Ready => Look { name: "ready", fill: "#1e6fd9", line: "#0b3d82", text: "#ffffff" },
            Self::Waiting => Look { name: "waiting", fill: "#f2f2f2", line: "#8a8a8a", text: "#333333" },
            Self::Blocking => Look { name: "blocking", fill: "#a61b1b", line: "#5c0d0d", text: "#ffffff" },
        }
    }
}

/// What marks the critical path.
pub(crate) const CRITICAL: &str = "#d97706";

fn arrows(graph: &Graph, critical_path: &[TaskId]) -> Vec<Arrow> {
    let steps: HashSet<(&str, &str)> = critical_path.windows(2).map(|pair| (&*pair[0], &*pair[1])).collect();
    let edges = graph.edges().into_iter().filter(|edge| graph.node(&edge.dependency).is_some());
    edges
        .map(|edge| Arrow {
            critical: edge.kind == EdgeKind::Blocks && steps.contains(&(&*edge.dependency, &*edge.dependent)),
            from: edge.dependency,
            to: edge.dependent,
            kind: edge.kind,
        })
        .collect()
}
