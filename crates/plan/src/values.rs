//! The values of fields: agents, commands, paths.

use crate::model::Changes;
use crate::text::{code_spans, strip_prefix_ci};

/// The agent a field names: backticked or bare, without what stands behind it.
pub(crate) fn agent(value: &str) -> Option<String> {
    let name = match code_spans(value).next() {
        Some(span) => span,
        None => value.split(['(', ',', ';', '|']).next().unwrap_or_default(),
    };
    let name = name.split(" - ").next().unwrap_or_default();
    let name = name.trim_matches(|c: char| c.is_whitespace() || "*_`@".contains(c));
    let nobody = ["", "-", "none", "tbd", "n/a", "unassigned", "any"].iter().any(|n| name.eq_ignore_ascii_case(n));
    (!nobody).then(|| name.to_owned())
}

/// Whether an agent's name means a person.
pub(crate) fn is_person(name: &str) -> bool {
    ["human", "person", "manual", "a person", "a human"].iter().any(|n| name.eq_ignore_ascii_case(n))
}

/// Whether a title says that a person is needed: `[human]`, `(manual)`.
pub(crate) fn is_for_person(title: &str) -> bool {
    title.contains('👤') || tagged(title, &["human", "manual"])
}

/// Whether a title says that it can be left out: `(optional)`, `[optional]`.
pub(crate) fn is_optional(title: &str) -> bool {
    tagged(title, &["optional"])
}

/// Whether one of the words stands in brackets of its own.
fn tagged(title: &str, words: &[&str]) -> bool {
    title.match_indices(['[', '(']).any(|(at, open)| {
        let inner = title.get(at + 1..).unwrap_or_default();
        let close = if open == "[" { ']' } else { ')' };
        words.iter().any(|word| strip_prefix_ci(inner, word).is_some_and(|rest| rest.starts_with(close)))
    })
}

/// What a field says about whether a task changes anything; anything else is prose.
pub(crate) fn changes(value: &str) -> Option<Changes> {
    let word = value.trim_matches(|c: char| c.is_whitespace() || "*_`.".contains(c));
    let is = |words: &[&str]| words.iter().any(|w| word.eq_ignore_ascii_case(w));
    match () {
        () if is(&["none", "no", "nothing"]) => Some(Changes::None),
        () if is(&["optional", "none or some", "maybe"]) => Some(Changes::Optional),
        () if is(&["required", "yes"]) => Some(Changes::Required),
        () => None,
    }
}

/// Whether a field is a plain yes (an empty value is one).
pub(crate) fn is_yes(value: &str) -> bool {
    !["no", "false", "none"].iter().any(|n| value.trim().eq_ignore_ascii_case(n))
}

/// The commands in a value or a bullet: what is between backticks.
pub(crate) fn commands(value: &str) -> impl Iterator<Item = String> {
    code_spans(value).map(str::to_owned)
}

/// The commands of a fenced block: one a line, or all of it where lines belong together.
pub(crate) fn commands_of_block(block: &str) -> Vec<String> {
    let belongs = |line: &str| {
        let first = line.split([' ', ';', '(']).next().unwrap_or_default();
        line.starts_with([' ', '\t', '}', '{'])
            || line.ends_with(['\\', '{', '|', '&'])
            || line.contains("<<")
            || matches!(
                first,
                "for"
                    | "while"
                    | "until"
                    | "if"
                    | "case"
                    | "do"
                    | "done"
                    | "then"
                    | "fi"
                    | "else"
                    | "esac"
                    | "function"
                    | "cd"
                    | "export"
                    | "set"
            )
            || line.split_once('=').is_some_and(|(name, value)| is_name(name) && !value.contains(' '))
    };
    let block = block.trim_end();
    if block.lines().any(belongs) {
        return vec![block.to_owned()];
    }
    block.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The paths in a value or a bullet: what is between backticks, else the words between commas.
pub(crate) fn paths(value: &str) -> Vec<String> {
    let spans: Vec<String> = code_spans(value).map(str::to_owned).collect();
    if !spans.is_empty() {
        return spans;
    }
    let verbs = ["create:", "modify:", "update:", "delete:", "remove:", "test:", "add:"];
    let bare = verbs.into_iter().find_map(|v| strip_prefix_ci(value, v)).unwrap_or(value);
    bare.split([',', ';'])
        .map(|p| p.split(" (").next().unwrap_or_default().trim())
        .filter(|p| {
            !p.is_empty() && !p.contains(' ') && !["none", "tbd", "-", "n/a"].iter().any(|n| p.eq_ignore_ascii_case(n))
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_taken_out_of_its_decoration() {
        for (value, name) in [
            ("`rust-expert-developer` (Python)", "rust-expert-developer"),
            ("devops-engineer (lead)", "devops-engineer"),
            ("Backend Team", "Backend Team"),
            ("@alice", "alice"),
        ] {
            assert_eq!(agent(value).as_deref(), Some(name));
        }
        assert_eq!(agent("None"), None);
        assert_eq!(agent(" - "), None);
    }

    #[test]
    fn a_block_is_one_command_a_line_unless_its_lines_belong_together() {
        assert_eq!(commands_of_block("make test\n# why\n\nmake lint\n"), ["make test", "make lint"]);
        assert_eq!(commands_of_block("cd x\nmake\n"), ["cd x\nmake"]);
        assert_eq!(commands_of_block("a \\\n  b"), ["a \\\n  b"]);
    }

    #[test]
    fn paths_are_backticked_or_listed() {
        assert_eq!(paths("Modify: `a/b.rs`, `c.rs` (new)"), ["a/b.rs", "c.rs"]);
        assert_eq!(paths("src/a.rs, src/b.rs (new)"), ["src/a.rs", "src/b.rs"]);
        assert!(paths("None").is_empty() && paths("to be found out").is_empty());
    }
}
