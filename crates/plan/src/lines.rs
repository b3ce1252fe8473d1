//! A document as lines, each known for what it is: heading, list item, box, code, prose.

use std::ops::Range;

use crate::blocks::{self, Block};
use crate::fences::{self, Role};
use crate::formats::Format;
use crate::marker::MarkerStatus;
use crate::note;
use crate::text::{self, BOM};

/// One line and where it stands. All ranges are bytes of the document.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    /// The line without its ending (and without a byte order mark).
    pub text: &'a str,
    /// Where `text` begins.
    pub start: usize,
    /// Columns of leading blanks.
    pub indent: usize,
    /// What the line is.
    pub kind: Kind,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Blank,
    Heading {
        level: usize,
        text: Range<usize>,
    },
    Item {
        checkbox: Option<Checkbox>,
        text: Range<usize>,
    },
    FenceOpen,
    Code,
    FenceClose,
    Rule,
    /// Comments and front matter: nothing a plan says.
    Hidden,
    Prose {
        text: Range<usize>,
    },
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkbox {
    /// What is between the brackets.
    pub marker: Range<usize>,
    /// What it means; `None` for a marker that is not known.
    pub status: Option<MarkerStatus>,
    /// Whether a star follows: the task is optional.
    pub optional: bool,
}

impl Line<'_> {
    /// Where `byte` of the document is in this line: column in characters, from 1.
    pub(crate) fn column(&self, byte: usize) -> usize {
        let head = self.text.get(..byte.saturating_sub(self.start)).unwrap_or(self.text);
        head.chars().count() + 1
    }
}

/// The lines of a document, and the numbers (from 0) of those that open a fence nobody closes.
pub(crate) fn scan(document: &str, format: Format) -> (Vec<Line<'_>>, Vec<usize>) {
    let mut spans = Vec::new();
    let mut start = 0;
    for piece in document.split_inclusive('\n') {
        let mut text = piece.strip_suffix('\n').unwrap_or(piece);
        text = text.strip_suffix('\r').unwrap_or(text);
        let bom = if start == 0 { text.len() - text.trim_start_matches(BOM).len() } else { 0 };
        spans.push((start + bom, text.get(bom..).unwrap_or_default()));
        start += piece.len();
    }
    let texts: Vec<&str> = spans.iter().map(|(_, text)| *text).collect();
    let hidden = hidden(&texts);
    // Hidden lines neither open nor close a fence.
    let visible: Vec<&str> = texts.iter().zip(&hidden).map(|(t, hide)| if *hide { "" } else { *t }).collect();
    let roles = fences::roles(&visible);
    let outside = |i: usize| matches!(roles.get(i), Some(Role::Outside | Role::Unbalanced));
    let shown: Vec<Option<&str>> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| (outside(i) && !hidden.get(i).copied().unwrap_or_default()).then_some(*text))
        .collect();
    let blocks = blocks::blocks(&shown);
    let mut lines: Vec<Line<'_>> = Vec::with_capacity(spans.len());
    let mut unbalanced = Vec::new();
    for (i, (((start, text), role), block)) in spans.into_iter().zip(roles).zip(blocks).enumerate() {
        let (indent, bytes) = text::indent(text);
        let kind = match role {
            _ if hidden.get(i).copied().unwrap_or_default() => Kind::Hidden,
            Role::Open => Kind::FenceOpen,
            Role::Inside => Kind::Code,
            Role::Close => Kind::FenceClose,
            Role::Outside | Role::Unbalanced => classify(text, start, bytes, block, format),
        };
        if role == Role::Unbalanced {
            unbalanced.push(i);
        }
        lines.push(Line { text, start, indent, kind });
    }
    (lines, unbalanced)
}

/// Whether a line is a heading below the document's title (`##` and deeper).
pub(crate) fn is_heading(line: &str) -> bool {
    heading(line, 0).is_some_and(|(level, _)| level > 1)
}

/// Whether a line is a box.
pub(crate) fn is_checkbox(line: &str) -> bool {
    let (_, bytes) = text::indent(line);
    item(line, 0, bytes, Format::Coditect).is_some_and(|(checkbox, _)| checkbox.is_some())
}

/// What a line is, given what it begins by CommonMark.
///
/// In one thing CommonMark has not the last word: a box is one also where it counts as part of the paragraph above (`2. [ ] x`
/// does not interrupt text), or as code within a list, for it was indented by hand. A task must not vanish for a blank.
fn classify(line: &str, start: usize, bytes: usize, block: Block, format: Format) -> Kind {
    let body = line.get(bytes..).unwrap_or_default();
    if body.trim().is_empty() {
        return Kind::Blank;
    }
    let prose = Kind::Prose { text: trimmed(line, start, bytes) };
    let item = || item(line, start, bytes, format);
    match block {
        Block::Heading => heading(line, start).map_or(prose, |(level, text)| Kind::Heading { level, text }),
        Block::Underlined(level) if item().is_none() && !body.starts_with("**") => {
            Kind::Heading { level, text: trimmed(line, start, bytes) }
        }
        // A field or a box above a line of dashes was meant as what it is, and the line as a rule.
        Block::Underlined(_) => prose,
        Block::Underline | Block::Rule => Kind::Rule,
        Block::Item => item().map_or(prose, |(checkbox, text)| Kind::Item { checkbox, text }),
        Block::Code => prose,
        Block::None => match item() {
            Some((checkbox @ Some(_), text)) => Kind::Item { checkbox, text },
            _ => prose,
        },
    }
}

fn trimmed(line: &str, start: usize, from: usize) -> Range<usize> {
    let end = note::text_end(line).max(from);
    start + from..start + end
}

fn heading(line: &str, start: usize) -> Option<(usize, Range<usize>)> {
    let line = line.get(..note::text_end(line)).unwrap_or(line);
    let (indent, bytes) = text::indent(line);
    let body = line.get(bytes..)?;
    let after = body.trim_start_matches('#');
    let level = body.len() - after.len();
    if indent > 3 || !(1..=6).contains(&level) || !(after.is_empty() || after.starts_with([' ', '\t'])) {
        return None;
    }
    let from = line.len() - after.trim_start().len();
    let mut inner = after.trim();
    let open = inner.trim_end_matches('#');
    if open.is_empty() || open.ends_with([' ', '\t']) {
        inner = open.trim_end();
    }
    inner = note::without(inner);
    Some((level, start + from..start + from + inner.len()))
}

fn item(line: &str, start: usize, bytes: usize, format: Format) -> Option<(Option<Checkbox>, Range<usize>)> {
    let body = line.get(bytes..)?;
    let bullet = match body.as_bytes().first()? {
        b'-' | b'*' | b'+' => 1,
        b'0'..=b'9' => {
            let digits = body.len() - body.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits > 9 || !matches!(body.as_bytes().get(digits), Some(b'.' | b')')) {
                return None;
            }
            digits + 1
        }
        _ => return None,
    };
    let after = body.get(bullet..)?;
    if !after.is_empty() && !after.starts_with([' ', '\t']) {
        return None;
    }
    let at = line.len() - after.trim_start().len();
    if let Some((marker, len, optional)) = line.get(at..).and_then(checkbox) {
        let status = line.get(at + marker.start..at + marker.end).and_then(|m| format.status_of(m));
        let marker = start + at + marker.start..start + at + marker.end;
        let rest = line.get(at + len..)?;
        let text = trimmed(line, start, line.len() - rest.trim_start().len());
        return Some((Some(Checkbox { marker, status, optional }), text));
    }
    Some((None, trimmed(line, start, at)))
}

/// The box that `text` begins with: its marker, the length of all of it, whether a star follows.
fn checkbox(text: &str) -> Option<(Range<usize>, usize, bool)> {
    let inner = text.strip_prefix('[')?;
    let close = inner.find(']')?;
    let marker = inner.get(..close)?;
    let known = MarkerStatus::of_marker(marker).is_some() && marker.len() <= 3;
    let single = marker.trim_end_matches('\u{fe0f}').chars().count() == 1;
    if !known && !single {
        return None;
    }
    let rest = inner.get(close + 1..)?;
    let starred = rest.strip_prefix('*').filter(|r| r.is_empty() || r.starts_with([' ', '\t']));
    if starred.is_none() && !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    Some((1..1 + close, close + 2 + usize::from(starred.is_some()), starred.is_some()))
}

/// Which lines are front matter or comments. What is never closed hides nothing; a note on a task closes no comment.
fn hidden(lines: &[&str]) -> Vec<bool> {
    let mut hidden = vec![false; lines.len()];
    let mut hide = |range: std::ops::RangeInclusive<usize>| {
        let len = range.end() + 1 - range.start();
        hidden.iter_mut().skip(*range.start()).take(len).for_each(|h| *h = true);
    };
    let mut at = 0;
    if lines.first().is_some_and(|l| l.trim_end() == "---")
        && let Some(end) = lines.iter().skip(1).position(|l| matches!(l.trim_end(), "---" | "..."))
        && !lines.iter().skip(1).take(end).any(|l| is_heading(l) || is_checkbox(l))
    {
        hide(0..=end + 1);
        at = end + 2;
    }
    let closes = |line: &&str| {
        line.contains("-->") && (line.trim_start().starts_with("<!--") || note::without(line).contains("-->"))
    };
    let last_close = lines.iter().rposition(closes);
    let mut fenced = false;
    while at < lines.len() {
        let line = lines.get(at).copied().unwrap_or_default().trim_start();
        fenced ^= line.starts_with("```") || line.starts_with("~~~");
        let open = !fenced && line.starts_with("<!--");
        if open && last_close.is_some_and(|close| close >= at) {
            let end = lines.iter().skip(at).position(closes).map_or(at, |n| at + n);
            hide(at..=end);
            at = end;
        }
        at += 1;
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(text: &str) -> Vec<(String, String)> {
        let (lines, _) = scan(text, Format::Coditect);
        lines
            .iter()
            .filter_map(|line| match &line.kind {
                Kind::Item { checkbox: Some(b), text: t } => {
                    Some((text[b.marker.clone()].to_owned(), text[t.clone()].to_owned()))
                }
                _ => None,
            })
            .collect()
    }

    fn one(text: &str) -> Option<(String, String)> {
        boxes(text).into_iter().next()
    }

    #[test]
    fn every_bullet_can_carry_a_box() {
        for bullet in ["-", "*", "+", "1.", "12)"] {
            assert_eq!(one(&format!("{bullet} [x] a")), Some(("x".into(), "a".into())), "{bullet}");
        }
    }

    #[test]
    fn text_that_begins_with_a_bracket_is_text_of_the_box() {
        assert_eq!(one("- [ ] [OTHER repos] - Verify").unwrap().1, "[OTHER repos] - Verify");
        assert_eq!(one("- [OTHER repos] - Verify"), None);
        assert_eq!(one("- [x](https://example.org) a link"), None);
        assert_eq!(one("- [a]: https://example.org"), None);
    }

    #[test]
    fn slips_an_empty_pair_and_an_optional_star_are_boxes() {
        assert_eq!(one("- [ x] a").unwrap().0, " x");
        assert_eq!(one("- [] a").unwrap().0, "");
        assert_eq!(one("- [ ]* 1.4 a").unwrap().1, "1.4 a");
        assert_eq!(one("- [ ] *a*").unwrap().1, "*a*");
    }

    #[test]
    fn front_matter_and_comments_hide_boxes_but_only_when_closed() {
        assert_eq!(boxes("---\na: 1\n---\n- [ ] b\n<!--\n- [ ] c\n-->\n- [ ] d").len(), 2);
        assert_eq!(boxes("<!-- open\n- [ ] c").len(), 1);
        assert_eq!(boxes("---\n## A\n- [ ] b\n---\n").len(), 1);
        assert_eq!(boxes("<!-- open\n- [ ] c <!-- coditect: agent=a -->").len(), 1);
        assert_eq!(boxes("<!-- coditect: agent=a -->\n- [ ] c\n<!-- d -->\n- [ ] e").len(), 2);
    }

    #[test]
    fn four_columns_without_a_list_are_code() {
        assert_eq!(boxes("text\n\n    - [ ] code\n").len(), 0);
        assert_eq!(boxes("- a\n\n    - [ ] nested\n").len(), 1);
    }

    #[test]
    fn headings_lose_their_closing_marks_and_hash_words_are_no_headings() {
        let text = "## A b ##\n#tag\n####### seven\n";
        let (lines, _) = scan(text, Format::Coditect);
        assert!(matches!(&lines[0].kind, Kind::Heading { level: 2, text: t } if &text[t.clone()] == "A b"));
        assert!(matches!(lines[1].kind, Kind::Prose { .. }));
        assert!(matches!(lines[2].kind, Kind::Prose { .. }));
    }

    #[test]
    fn columns_are_characters_and_the_byte_order_mark_is_none() {
        let text = "\u{feff}- é [ ] x\r\n";
        let (lines, _) = scan(text, Format::Coditect);
        assert_eq!(lines[0].column(text.find('x').unwrap()), 9);
        assert_eq!(lines[0].text, "- é [ ] x");
    }
}
