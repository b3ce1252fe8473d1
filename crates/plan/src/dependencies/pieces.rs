//! A dependency list cut into its pieces.

use std::ops::Range;

/// The pieces of the list at `range` of the document: cut at commas, semicolons, ampersands and the
/// word `and`, outside parentheses and backticks.
pub(super) fn pieces(document: &str, range: &Range<usize>) -> Vec<Range<usize>> {
    let text = document.get(range.clone()).unwrap_or_default();
    let (mut found, mut start) = (Vec::new(), 0);
    let (mut depth, mut code) = (0_usize, false);
    let mut cut = |from: usize, to: usize| {
        let piece = text.get(from..to).unwrap_or_default();
        let bare = piece.trim().trim_end_matches('.').trim_matches(['*', '_', ' ']);
        if !bare.is_empty() {
            let at = from + piece.find(bare).unwrap_or_default();
            found.push(range.start + at..range.start + at + bare.len());
        }
    };
    for (at, c) in text.char_indices() {
        match c {
            '`' => code = !code,
            '(' | '[' if !code => depth += 1,
            ')' | ']' if !code => depth = depth.saturating_sub(1),
            ',' | ';' | '&' if !code && depth == 0 => {
                cut(start, at);
                start = at + 1;
            }
            ' ' if !code && depth == 0 && text.get(at..).is_some_and(|t| t.starts_with(" and ")) => {
                cut(start, at);
                start = at + " and ".len();
            }
            _ => {}
        }
    }
    cut(start.min(text.len()), text.len());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_outside_parentheses_and_backticks() {
        let text = "Task 1.1 (a, b), `x, y`; 1.2 and **1.3** & 1.4.";
        let found: Vec<&str> = pieces(text, &(0..text.len())).into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["Task 1.1 (a, b)", "`x, y`", "1.2", "1.3", "1.4"]);
    }

    #[test]
    fn an_empty_list_has_no_pieces() {
        assert!(pieces(" , ;", &(0..4)).is_empty());
        assert!(pieces("", &(0..0)).is_empty());
    }
}
