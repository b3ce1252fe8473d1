//! Which lines belong to the list under a label such as `**Acceptance Criteria:**`.

use crate::fields::{self, Key};
use crate::lines::{Kind, Line};

struct Label {
    key: Key,
    indent: usize,
    bullet: bool,
}

/// Per line, the label whose list it is part of (never the label's own line).
pub(crate) fn scopes(document: &str, lines: &[Line<'_>]) -> Vec<Option<Key>> {
    let mut scopes = Vec::with_capacity(lines.len());
    let mut label: Option<Label> = None;
    // Whether nothing but blanks stands between the label and here.
    let mut fresh = false;
    let mut after_blank = false;
    for line in lines {
        let mut scope = label.as_ref().map(|l| l.key);
        match &line.kind {
            Kind::Heading { .. } | Kind::Rule => (label, scope) = (None, None),
            Kind::Item { checkbox, text } => {
                let inside = label
                    .as_ref()
                    .is_some_and(|l| if l.bullet { line.indent > l.indent } else { line.indent >= l.indent });
                if !inside {
                    (label, scope) = (None, None);
                }
                if checkbox.is_none()
                    && let Some(next) = opened(document, line, text, true)
                {
                    (label, scope) = (next, None);
                }
            }
            Kind::Prose { text } => {
                if let Some(next) = opened(document, line, text, false) {
                    (label, scope) = (next, None);
                } else if after_blank && label.as_ref().is_some_and(|l| line.indent <= l.indent) {
                    (label, scope) = (None, None);
                }
            }
            Kind::FenceOpen => {
                let outside = label.as_ref().is_some_and(|l| line.indent <= l.indent && (l.bullet || !fresh));
                if outside {
                    (label, scope) = (None, None);
                }
            }
            Kind::FenceClose => {
                if label.as_ref().is_some_and(|l| line.indent <= l.indent) {
                    label = None;
                }
            }
            Kind::Blank | Kind::Code | Kind::Hidden => {}
        }
        let opens = scope.is_none() && label.is_some();
        fresh = opens || (fresh && line.kind == Kind::Blank);
        after_blank = line.kind == Kind::Blank;
        scopes.push(scope);
    }
    scopes
}

/// `Some` where the line is a field: with the label that a list may follow, or without one where the
/// field has its value already or is of a kind that has no list.
fn opened(document: &str, line: &Line<'_>, text: &std::ops::Range<usize>, bullet: bool) -> Option<Option<Label>> {
    let field = fields::fields(document, text).pop()?;
    let listed = matches!(field.key, Key::Acceptance | Key::Verify | Key::Touches | Key::Dependencies | Key::Legend);
    let open = listed && (bullet || field.value.is_empty());
    Some(open.then_some(Label { key: field.key, indent: line.indent, bullet }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::scan;

    fn shape(text: &str) -> String {
        let (lines, _) = scan(text, crate::Format::Coditect);
        scopes(text, &lines)
            .into_iter()
            .map(|s| match s {
                Some(Key::Acceptance) => 'A',
                Some(Key::Verify) => 'V',
                Some(_) => 'o',
                None => '.',
            })
            .collect()
    }

    #[test]
    fn a_list_under_a_label_ends_with_text_a_heading_or_another_label() {
        assert_eq!(shape("**Acceptance:**\n- a\n\n- [ ] b\n\ntext\n- [ ] c"), ".AAAA..");
        assert_eq!(shape("**Acceptance:**\n- a\n## H\n- b"), ".A..");
        assert_eq!(shape("**Acceptance:**\n- a\n**Verify:**\n- b"), ".A.V");
    }

    #[test]
    fn a_label_that_has_its_value_has_no_list() {
        assert_eq!(shape("**Acceptance:** all good\n\n- [ ] T1"), "...");
    }

    #[test]
    fn a_block_under_a_label_is_part_of_it_unless_a_list_came_before() {
        assert_eq!(shape("**Verify:**\n\n```sh\na\n```\n```sh\nb\n```"), ".VVVV...");
        assert_eq!(shape("**Verify:**\n- a\n\n```sh\nb\n```"), ".VV...");
    }

    #[test]
    fn a_label_in_a_bullet_has_what_is_nested_under_it() {
        assert_eq!(shape("- [ ] t\n  - **Acceptance:** x\n    - [ ] a\n  - [ ] step"), "..A.");
        assert_eq!(shape("- [ ] t\n  **Acceptance:**\n  - [ ] a\n- [ ] step"), "..A.");
    }
}
