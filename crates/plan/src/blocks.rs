//! The block structure of a document, from a CommonMark parser: headings, list items, rules, indented code.
//!
//! The parser is shown a digest of the document with the same lines. What the plan reader has taken out of the document
//! (fenced code, comments, front matter) is blank in it, and of each line only the marks it begins with are left: one
//! letter stands for the rest. So inline syntax, which decides nothing here, costs nothing (10 MB of brackets are one
//! letter), and a mistake in one paragraph cannot reach the next. Where things stand in the document itself is known from
//! its lines.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// How many bytes of marks at the beginning of a line are looked at: no list or quote that people write is nested deeper.
const MARKS: usize = 200;

/// What a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Block {
    /// Nothing of its own: text, or blank.
    #[default]
    None,
    /// A heading with `#` marks.
    Heading,
    /// The text of a heading that is underlined, of this level.
    Underlined(usize),
    /// The line under such a text.
    Underline,
    /// A list item.
    Item,
    /// A thematic break.
    Rule,
    /// Code by its indentation, outside every list.
    Code,
}

/// What each line begins. `visible` has the lines without their endings, `None` for those that are taken out.
pub(crate) fn blocks(visible: &[Option<&str>]) -> Vec<Block> {
    let mut blocks = vec![Block::None; visible.len()];
    let (digest, starts) = digest(visible);
    let (mut quotes, mut lists) = (0_usize, 0_usize);
    // What begins stands in order, so the line is found by going on from the one before.
    let mut line = 0;
    for (event, range) in Parser::new(&digest).into_offset_iter() {
        match &event {
            Event::Start(Tag::Heading { .. } | Tag::Item | Tag::CodeBlock(_)) | Event::Rule => {
                while starts.get(line + 1).is_some_and(|start| *start <= range.start) {
                    line += 1;
                }
            }
            _ => {}
        }
        let first = line;
        let last = || {
            let below = starts.get(first + 1..).unwrap_or_default();
            first + below.partition_point(|start| *start < range.end)
        };
        let mut mark = |line: usize, block: Block| {
            if let Some(slot) = blocks.get_mut(line).filter(|_| quotes == 0) {
                *slot = block;
            }
        };
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let marks = visible.get(first).copied().flatten().unwrap_or_default();
                // The end of a heading that is underlined lies in a line below.
                if !marks.trim_start().starts_with('#') && last() > first {
                    mark(first, Block::Underlined(level as usize));
                    mark(last(), Block::Underline);
                } else {
                    mark(first, Block::Heading);
                }
            }
            Event::Start(Tag::Item) => {
                lists += 1;
                mark(first, Block::Item);
            }
            Event::End(TagEnd::Item) => lists = lists.saturating_sub(1),
            Event::Rule => mark(first, Block::Rule),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) if lists == 0 => {
                (first..=last()).for_each(|line| mark(line, Block::Code));
            }
            Event::Start(Tag::BlockQuote(_)) => quotes += 1,
            Event::End(TagEnd::BlockQuote(_)) => quotes = quotes.saturating_sub(1),
            _ => {}
        }
    }
    blocks
}

/// What the parser is shown, and where its lines begin.
fn digest(visible: &[Option<&str>]) -> (String, Vec<usize>) {
    let mut digest = String::with_capacity(visible.len() * 8);
    let mut starts = Vec::with_capacity(visible.len());
    for line in visible {
        starts.push(digest.len());
        if let Some(text) = line {
            let kept = marks(text);
            digest.push_str(kept);
            // A line of nothing but marks is none with text behind them, however long it is.
            if !text.bytes().skip(kept.len()).all(is_mark) {
                digest.push('x');
            }
        }
        digest.push('\n');
    }
    (digest, starts)
}

/// The marks that a line begins with, blanks included.
fn marks(line: &str) -> &str {
    let end = line.bytes().take(MARKS).position(|c| !is_mark(c)).unwrap_or(line.len().min(MARKS));
    line.get(..end).unwrap_or_default()
}

const fn is_mark(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'>' | b'-' | b'*' | b'+' | b'_' | b'=' | b'#' | b'0'..=b'9' | b'.' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(document: &str) -> String {
        let visible: Vec<Option<&str>> = document.lines().map(Some).collect();
        let letter = |block: &Block| match block {
            Block::None => '.',
            Block::Heading => '#',
            Block::Underlined(1) => '1',
            Block::Underlined(_) => '2',
            Block::Underline => '_',
            Block::Item => '-',
            Block::Rule => 'R',
            Block::Code => 'c',
        };
        blocks(&visible).iter().map(letter).collect()
    }

    #[test]
    fn headings_items_rules_and_code_are_where_commonmark_has_them() {
        assert_eq!(shape("# A\ntext\n- b\n  - c\n\n***\n\n    code\n"), "#.--.R.c");
        assert_eq!(shape("A\n===\n\nB\n---\n"), "1_.2_");
        assert_eq!(shape("- a\n---\nb"), "-R.");
        assert_eq!(shape("> - a\n> # b\n"), "..");
        assert_eq!(shape(&format!("a\n\n{}\nb\n{}\n", "-".repeat(300), "=".repeat(300))), "..R1_");
    }

    #[test]
    fn code_within_a_list_is_left_to_the_reader() {
        assert_eq!(shape("- a\n\n        - b\n"), "-..");
    }

    #[test]
    fn what_is_taken_out_neither_opens_nor_closes_anything() {
        let visible = [Some("- a"), None, None, None, Some("  - c")];
        assert_eq!(blocks(&visible), [Block::Item, Block::None, Block::None, Block::None, Block::Item]);
    }
}
