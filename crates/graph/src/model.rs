//! What a graph is made of: tasks, their states, and the edges between them.

use coditect_core::Priority;
use serde::{Deserialize, Serialize};

/// The text that names a task everywhere.
pub type TaskId = String;

/// What a task's state means to the tasks that depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Not finished: dependents wait for it.
    #[default]
    Open,
    /// Completed or skipped: dependents need not wait for it.
    Met,
    /// Failed, cancelled or retired: dependents wait until somebody acts.
    Blocking,
}

/// A task as the graph sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its name, unique in a graph.
    pub id: TaskId,
    /// What people read.
    pub title: String,
    /// The headings it stands under, outermost first.
    pub section: Vec<String>,
    /// Its urgency.
    pub priority: Priority,
    /// How long it is thought to take; [`DEFAULT_ESTIMATE_MINUTES`](crate::DEFAULT_ESTIMATE_MINUTES) when unknown.
    pub estimate_minutes: Option<i64>,
    /// Its place in the plan, or its age: smaller comes first.
    pub order: u64,
    /// The file it is written in.
    pub path: String,
    /// The line it is written on, from 1.
    pub line: u32,
    /// Where it stands.
    pub state: NodeState,
    /// Whether a person holds it: it does not become ready until they let go.
    pub held: bool,
    /// References that resolved to nothing; while there are any, the task is held.
    pub dangling: Vec<String>,
}

impl Node {
    /// An open task with nothing but a name.
    #[must_use]
    pub fn new(id: impl Into<TaskId>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

/// What a dependency means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// The dependent must wait. The only kind that gates.
    #[default]
    Blocks,
    /// The dependent profits from the dependency's result.
    Informs,
    /// The two have to do with each other.
    Relates,
}

/// `dependent` refers to `dependency`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The task that refers.
    pub dependent: TaskId,
    /// The task referred to.
    pub dependency: TaskId,
    /// What the reference means.
    #[serde(default)]
    pub kind: EdgeKind,
    /// When the reference came into the plan, as any number that grows; of the edges of a cycle the latest is doubted
    /// first. 0 where it is not known.
    #[serde(default)]
    pub added: i64,
}

impl Edge {
    /// `dependent` must wait for `dependency`.
    #[must_use]
    pub fn blocks(dependent: impl Into<TaskId>, dependency: impl Into<TaskId>) -> Self {
        Self { dependent: dependent.into(), dependency: dependency.into(), kind: EdgeKind::Blocks, added: 0 }
    }
}

/// One reference of a task whose name is clear from the context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dependency {
    /// The task referred to.
    pub id: TaskId,
    /// What the reference means.
    #[serde(default)]
    pub kind: EdgeKind,
    /// As [`Edge::added`].
    #[serde(default)]
    pub added: i64,
}

impl Dependency {
    /// A dependency that gates.
    #[must_use]
    pub fn blocks(id: impl Into<TaskId>) -> Self {
        Self { id: id.into(), kind: EdgeKind::Blocks, added: 0 }
    }
}

/// The graph has no task of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no task `{0}` in the graph")]
pub struct UnknownTask(pub TaskId);
