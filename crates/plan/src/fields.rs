//! `**Key:** value` lines.

use std::ops::Range;

/// What a field is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Agent,
    Owner,
    Dependencies,
    Priority,
    Estimate,
    Acceptance,
    Verify,
    Touches,
    Status,
    Optional,
    Human,
    /// Whether the task changes anything.
    Changes,
    /// A legend: the boxes beneath explain markers.
    Legend,
    Other,
}

impl Key {
    /// Whether the field says something about a task (and so makes one of a heading with a bare id).
    pub(crate) const fn is_of_task(self) -> bool {
        // Prose has headings such as `**Changes:**`, too.
        !matches!(self, Self::Other | Self::Legend | Self::Status | Self::Changes)
    }
}

/// A field and where its value stands in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub key: Key,
    pub value: Range<usize>,
}

/// The fields of the text at `range`; none unless it begins with one.
pub(crate) fn fields(document: &str, range: &Range<usize>) -> Vec<Field> {
    let text = document.get(range.clone()).unwrap_or_default();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((key, value, end)) = text.get(at..).and_then(emphasised) {
        let start = range.start + at + value.start;
        found.push(Field { key, value: start..range.start + at + value.end });
        at += end;
    }
    if found.is_empty()
        && let Some((key, value)) = plain(text)
    {
        found.push(Field { key, value: range.start + value.start..range.start + value.end });
    }
    found
}

/// The field `text` begins with, its value, and where the next one begins.
fn emphasised(text: &str) -> Option<(Key, Range<usize>, usize)> {
    let lead = text.len() - text.trim_start().len();
    let body = text.get(lead..)?;
    let mark = match body.as_bytes() {
        [b'*', b'*', ..] => "**",
        [b'_', b'_', ..] => "__",
        _ => return None,
    };
    let inner = body.get(2..)?;
    let close = inner.find(mark)?;
    let name = inner.get(..close)?;
    let after = inner.get(close + 2..)?;
    let (name, value) = match (name.trim_end().strip_suffix(':'), after.trim_start().strip_prefix(':')) {
        (Some(name), _) => (name, after),
        (None, Some(value)) => (name, value),
        (None, None) if after.trim().is_empty() => (name, after),
        (None, None) => return None,
    };
    let start = text.len() - value.len();
    let (value_len, next) = separator(value).unwrap_or((value.len(), value.len()));
    let value = value.get(..value_len)?;
    let head = value.len() - value.trim_start().len();
    let from = start + head.min(value.trim_end().len().max(head));
    Some((key(name), from..from.max(start + value.trim_end().len()), start + next))
}

/// Where ` | **Next:**` begins in a value, and where its field does.
fn separator(value: &str) -> Option<(usize, usize)> {
    value.match_indices('|').find_map(|(at, _)| {
        let rest = value.get(at + 1..)?;
        let field = rest.trim_start();
        field.starts_with(['*', '_']).then(|| (at, value.len() - field.len()))
    })
}

/// `Agent: x` without emphasis: only a few names, exactly so written, for prose has colons too.
fn plain(text: &str) -> Option<(Key, Range<usize>)> {
    let colon = text.find(':')?;
    let (name, rest) = (text.get(..colon)?, text.get(colon + 1..)?);
    let value = rest.trim();
    let start = text.len() - rest.trim_start().len();
    let known = matches!(
        name,
        "Agent"
            | "Owner"
            | "Dependencies"
            | "Depends on"
            | "Priority"
            | "Estimate"
            | "Time Estimate"
            | "Effort"
            | "Verify"
            | "Touches"
            | "Files"
    );
    let list = value.is_empty() && matches!(key(name), Key::Acceptance | Key::Verify | Key::Legend);
    ((known && (rest.is_empty() || rest.starts_with(' '))) || list).then(|| (key(name), start..start + value.len()))
}

fn key(name: &str) -> Key {
    let name = name.trim_start_matches(|c: char| !c.is_alphanumeric());
    let name = name.split('(').next().unwrap_or_default().trim().to_lowercase();
    match name.as_str() {
        "agent" | "agents" | "assigned agent" | "primary agent" | "suggested agent" => Key::Agent,
        "owner" | "assignee" | "assigned to" | "responsible" => Key::Owner,
        "dependencies" | "dependency" | "depends on" | "depends" | "blocked by" => Key::Dependencies,
        "priority" => Key::Priority,
        "time" | "time estimate" | "estimate" | "estimated time" | "estimated effort" | "estimated duration"
        | "duration" | "effort" => Key::Estimate,
        "acceptance"
        | "acceptance criteria"
        | "success criteria"
        | "completion criteria"
        | "exit criteria"
        | "definition of done"
        | "done when" => Key::Acceptance,
        "verify"
        | "verification"
        | "validation"
        | "validate"
        | "validation commands"
        | "verification commands"
        | "verify commands" => Key::Verify,
        "touches" | "files" | "file" | "files to modify" | "files to change" | "files affected" | "paths" => {
            Key::Touches
        }
        "status" => Key::Status,
        "optional" => Key::Optional,
        "human" | "manual" => Key::Human,
        "changes" | "change" => Key::Changes,
        "legend" | "status legend" | "task legend" | "checkbox legend" | "markers" => Key::Legend,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Key, &str)> {
        fields(text, &(0..text.len())).into_iter().map(|f| (f.key, &text[f.value])).collect()
    }

    #[test]
    fn the_colon_may_stand_inside_or_outside_the_emphasis() {
        assert_eq!(read("**Agent:** `a`"), [(Key::Agent, "`a`")]);
        assert_eq!(read("**Agent**: `a` "), [(Key::Agent, "`a`")]);
        assert_eq!(read("__Time Estimate:__ 4 hours"), [(Key::Estimate, "4 hours")]);
        assert_eq!(read("**Success Criteria**"), [(Key::Acceptance, "")]);
        assert_eq!(read("**Verify:**"), [(Key::Verify, "")]);
    }

    #[test]
    fn fields_may_share_a_line() {
        assert_eq!(
            read("**Agent:** a b | **Priority**: P0 | **Time:** 2h"),
            [(Key::Agent, "a b"), (Key::Priority, "P0"), (Key::Estimate, "2h")]
        );
        assert_eq!(read("**Verify:** `a | b`"), [(Key::Verify, "`a | b`")]);
    }

    #[test]
    fn prose_is_no_field() {
        assert!(read("**Bold** words begin it").is_empty());
        assert!(read("Note: Agent: x").is_empty());
        assert!(read("Agent:x").is_empty());
        assert_eq!(read("Agent: x"), [(Key::Agent, "x")]);
        assert_eq!(read("**Note:** x"), [(Key::Other, "x")]);
    }
}
