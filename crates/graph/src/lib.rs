//! The graph of a plan: what is ready, what waits and for what, which cycles there are, what is critical.
//!
//! A [`Graph`] is built once from nodes and edges and then follows the plan: every change costs as much as it
//! touches and answers with the tasks it made ready. Pure: no I/O, no clock, no randomness.
//!
//! Three rules explain everything else:
//!
//! - **Ready** is an open task whose every `blocks` dependency is met and that has no dangling reference.
//!   `informs` and `relates` never gate.
//! - **A reference to nothing holds.** A dependency that is not in the graph counts as unmet and is shown as
//!   dangling until a task of that id appears.
//! - **Only unfinished tasks form a cycle.** Members of a cycle wait for each other, so none of them can be ready;
//!   finishing one breaks the cycle, reopening it brings the cycle back.
//!
//! ```
//! use coditect_graph::{Edge, Graph, Node, NodeState};
//!
//! let mut graph = Graph::build([Node::new("1"), Node::new("2")], [Edge::blocks("2", "1")]);
//! assert_eq!(graph.ready(), ["1"]);
//! assert_eq!(graph.set_state("1", NodeState::Met).unwrap(), ["2"]);
//! ```

mod breaking;
mod components;
mod cycles;
mod graph;
mod model;
mod query;
mod rank;
pub mod render;
mod schedule;
mod shortest;
mod why;

pub use cycles::Cycle;
pub use graph::Graph;
pub use model::{Dependency, Edge, EdgeKind, Node, NodeState, TaskId, UnknownTask};
pub use query::{Standing, Summary};
pub use rank::DEFAULT_ESTIMATE_MINUTES;
pub use schedule::{Expected, Forecast, Foreseen};
pub use why::{Cause, Root, Unmet, Why};
