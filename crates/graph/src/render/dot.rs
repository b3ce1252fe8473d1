//! A drawing as a Graphviz digraph.

use super::drawing::{CRITICAL, Drawing, Group, Look, Task, one_line};
use crate::model::EdgeKind;

impl Drawing {
    /// The drawing as a Graphviz digraph.
    #[must_use]
    pub fn dot(&self) -> String {
        let numbers = self.numbers();
        let mut text = String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\"];\n");
        for (at, Group { title, tasks }) in self.groups.iter().enumerate() {
            let indent = if title.is_some() { "    " } else { "  " };
            if let Some(title) = title {
                text += &format!("  subgraph cluster_{at} {{\n    label={};\n", quote(&one_line(title)));
            }
            for task in tasks {
                text += &format!("{indent}n{} [label={}, {}];\n", numbers[&*task.id], quote(&task.label()), look(task));
            }
            if title.is_some() {
                text += "  }\n";
            }
        }
        for edge in &self.edges {
            let look = match edge.kind {
                EdgeKind::Blocks if edge.critical => format!(" [color=\"{CRITICAL}\", penwidth=3]"),
                EdgeKind::Blocks => String::new(),
                EdgeKind::Informs => String::from(" [style=dashed, constraint=false]"),
                EdgeKind::Relates => String::from(" [style=dotted, dir=none, constraint=false]"),
            };
            text += &format!("  n{} -> n{}{look};\n", numbers[&*edge.from], numbers[&*edge.to]);
        }
        text + "}\n"
    }
}

fn look(task: &Task) -> String {
    let Look { fill, line, text, .. } = task.state.look();
    let (line, width) = if task.critical { (CRITICAL, 3) } else { (line, 1) };
    format!("fillcolor=\"{fill}\", color=\"{line}\", fontcolor=\"{text}\", penwidth={width}")
}

/// A quoted string: a backslash would begin an escape, a quote would end it, an ampersand would begin an entity.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_cannot_end_a_label() {
        assert_eq!(quote(r#"a "b" \N & c\"#), r#""a \"b\" \\N &amp; c\\""#);
    }
}
