//! A graph as text: mermaid, dot and JSON, grouped by first section, coloured by standing, the critical path marked.

mod dot;
mod drawing;
mod mermaid;

use std::fmt;
use std::str::FromStr;

use crate::graph::Graph;

pub use drawing::{Arrow, Drawing, Group, Task};

/// What to draw a graph as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A mermaid flowchart, as code hosts show it in markdown.
    #[default]
    Mermaid,
    /// A Graphviz digraph.
    Dot,
    /// A [`Drawing`] as an indented JSON document.
    Json,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Mermaid, Self::Dot, Self::Json];
}

/// Draws a graph.
#[must_use]
pub fn render(graph: &Graph, format: Format) -> String {
    let drawing = Drawing::of(graph);
    match format {
        Format::Mermaid => drawing.mermaid(),
        Format::Dot => drawing.dot(),
        Format::Json => format!("{:#}\n", serde_json::json!(drawing)),
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mermaid => "mermaid",
            Self::Dot => "dot",
            Self::Json => "json",
        })
    }
}

/// The text is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no graph format: expected mermaid, dot or json")]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |format: &Self| format.to_string().eq_ignore_ascii_case(text.trim());
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}
