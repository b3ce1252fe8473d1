//! A drawing as a mermaid flowchart.

use super::drawing::{CRITICAL, Drawing, Group, Look, one_line};
use crate::model::EdgeKind;
use crate::query::Standing;

impl Drawing {
    /// The drawing as a mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let numbers = self.numbers();
        let mut text = String::from("flowchart LR\n");
        for (at, Group { title, tasks }) in self.groups.iter().enumerate() {
            let indent = if title.is_some() { "    " } else { "  " };
            if let Some(title) = title {
                text += &format!("  subgraph s{at}[\"{}\"]\n", escape(&one_line(title)));
            }
            for task in tasks {
                text += &format!(
                    "{indent}n{}[\"{}\"]:::{}\n",
                    numbers[&*task.id],
                    escape(&task.label()),
                    task.state.look().name
                );
            }
            if title.is_some() {
                text += "  end\n";
            }
        }
        for edge in &self.edges {
            let line = match edge.kind {
                EdgeKind::Blocks if edge.critical => "==>",
                EdgeKind::Blocks => "-->",
                EdgeKind::Informs => "-.->",
                EdgeKind::Relates => "-.-",
            };
            text += &format!("  n{} {line} n{}\n", numbers[&*edge.from], numbers[&*edge.to]);
        }
        for Look { name, fill, line, text: color } in Standing::ALL.map(Standing::look) {
            text += &format!("  classDef {name} fill:{fill},stroke:{line},color:{color}\n");
        }
        text += &format!("  classDef critical stroke:{CRITICAL},stroke-width:4px\n");
        if !self.critical_path.is_empty() {
            let names: Vec<String> = self.critical_path.iter().map(|id| format!("n{}", numbers[&**id])).collect();
            text += &format!("  class {} critical\n", names.join(","));
        }
        text
    }
}

/// Leaves letters, digits and harmless signs as they are; all else, whatever it may mean to mermaid, markdown or HTML,
/// becomes a numbered entity.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || !c.is_ascii() || " .,:-_/()'+=!?".contains(c) {
            escaped.push(c);
        } else {
            escaped += &format!("#{};", u32::from(c));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_title_can_end_the_label_or_start_a_directive() {
        assert_eq!(escape("say \"hi\"; 50% [x] <b> #1"), "say #34;hi#34;#59; 50#37; #91;x#93; #60;b#62; #35;1");
        assert_eq!(escape("naïve 漢字 (1.2) — ok"), "naïve 漢字 (1.2) — ok");
    }
}
