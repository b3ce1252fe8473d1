//! The block structure of a document, from a CommonMark parser: headings, list items, rules, indented code.
//!
//! The parser is shown a copy of the document in which every byte stands where it stood. What the plan reader has taken out
//! of the document (fenced code, comments, front matter) is blank in it, and of each line only the marks it begins with are
//! left: the rest is filler. So inline syntax, which decides nothing here, costs nothing (10 MB of brackets are one word),
//! and a mistake in one paragraph cannot reach the next.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::text::BOM;

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
pub(crate) fn blocks(document: &str, visible: &[Option<&str>]) -> Vec<Block> {
    let mut blocks = vec![Block::None; visible.len()];
    let (copy, starts) = copy(document, visible);
    // Events come in order, so the line of one is that of the last or a little below.
    let line_of = |from: usize, at: usize| {
        let below = starts.get(from..).unwrap_or_default();
        let near = below.iter().take(8).take_while(|start| **start <= at).count();
        let steps = if near < 8 { near } else { below.partition_point(|start| *start <= at) };
        (from + steps).saturating_sub(1)
    };
    let mut here = 0;
    let (mut quotes, mut lists) = (0_usize, 0_usize);
    for (event, range) in Parser::new(&copy).into_offset_iter() {
        let first =
            line_of(if starts.get(here).is_some_and(|start| *start <= range.start) { here } else { 0 }, range.start);
        here = first;
        let mut mark = |line: usize, block: Block| {
            if let Some(slot) = blocks.get_mut(line).filter(|_| quotes == 0) {
                *slot = block;
            }
        };
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let marks = visible.get(first).copied().flatten().unwrap_or_default();
                let last = line_of(first, range.end.saturating_sub(1).max(range.start));
                // The end of a heading that is underlined lies in the line below.
                if last > first && !marks.trim_start().starts_with('#') {
                    mark(first, Block::Underlined(level as usize));
                    mark(last, Block::Underline);
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
                let last = line_of(first, range.end.saturating_sub(1).max(range.start));
                (first..=last).for_each(|line| mark(line, Block::Code));
            }
            Event::Start(Tag::BlockQuote(_)) => quotes += 1,
            Event::End(TagEnd::BlockQuote(_)) => quotes = quotes.saturating_sub(1),
            _ => {}
        }
    }
    blocks
}

/// The copy that the parser is shown, and where its lines begin.
fn copy(document: &str, visible: &[Option<&str>]) -> (String, Vec<usize>) {
    let mut copy = String::with_capacity(document.len());
    let mut starts = Vec::with_capacity(visible.len());
    for (piece, line) in document.split_inclusive('\n').zip(visible) {
        starts.push(copy.len());
        let body = piece.strip_suffix('\n').unwrap_or(piece);
        let body = body.strip_suffix('\r').unwrap_or(body);
        let bom = if starts.len() == 1 { body.len() - body.trim_start_matches(BOM).len() } else { 0 };
        copy.extend(std::iter::repeat_n('\n', bom));
        let text = body.get(bom..).unwrap_or_default();
        let kept = match line {
            None => "",
            Some(_) => marks(text),
        };
        copy.push_str(kept);
        fill(&mut copy, if line.is_some() { TEXT } else { BLANK }, text.len() - kept.len());
        copy.push_str(piece.get(body.len()..).unwrap_or_default());
    }
    (copy, starts)
}

const TEXT: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
const BLANK: &str = "                                                                ";

/// So many bytes of `filler`.
fn fill(copy: &mut String, filler: &str, mut count: usize) {
    while let Some(piece) = filler.get(..count.min(filler.len())).filter(|piece| !piece.is_empty()) {
        copy.push_str(piece);
        count -= piece.len();
    }
}

/// The marks that a line begins with, blanks included.
fn marks(line: &str) -> &str {
    let mark =
        |c: u8| matches!(c, b' ' | b'\t' | b'>' | b'-' | b'*' | b'+' | b'_' | b'=' | b'#' | b'0'..=b'9' | b'.' | b')');
    let end = line.bytes().take(MARKS).position(|c| !mark(c)).unwrap_or(line.len().min(MARKS));
    line.get(..end).unwrap_or_default()
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
        blocks(document, &visible).iter().map(letter).collect()
    }

    #[test]
    fn headings_items_rules_and_code_are_where_commonmark_has_them() {
        assert_eq!(shape("# A\ntext\n- b\n  - c\n\n***\n\n    code\n"), "#.--.R.c");
        assert_eq!(shape("A\n===\n\nB\n---\n"), "1_.2_");
        assert_eq!(shape("- a\n---\nb"), "-R.");
        assert_eq!(shape("> - a\n> # b\n"), "..");
    }

    #[test]
    fn code_within_a_list_is_left_to_the_reader() {
        assert_eq!(shape("- a\n\n        - b\n"), "-..");
    }

    #[test]
    fn what_is_taken_out_neither_opens_nor_closes_anything() {
        let document = "- a\n<!--\n# b\n-->\n  - c\n";
        let visible = [Some("- a"), None, None, None, Some("  - c")];
        assert_eq!(blocks(document, &visible), [Block::Item, Block::None, Block::None, Block::None, Block::Item]);
    }
}
