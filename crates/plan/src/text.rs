//! Small looks at text that several modules share.

/// The byte order mark some editors put in front of a file.
pub(crate) const BOM: char = '\u{feff}';

/// Columns of leading blanks (a tab goes to the next multiple of four) and their bytes.
pub(crate) fn indent(line: &str) -> (usize, usize) {
    let (mut columns, mut bytes) = (0, 0);
    for b in line.bytes() {
        match b {
            b' ' => columns += 1,
            b'\t' => columns += 4 - columns % 4,
            _ => break,
        }
        bytes += 1;
    }
    (columns, bytes)
}

/// The rest of `text` after `head`, whatever the case of its ASCII letters.
pub(crate) fn strip_prefix_ci<'a>(text: &'a str, head: &str) -> Option<&'a str> {
    let start = text.get(..head.len())?;
    start.eq_ignore_ascii_case(head).then(|| text.get(head.len()..).unwrap_or_default())
}

/// Whether `c` marks something as finished.
pub(crate) const fn is_tick(c: char) -> bool {
    matches!(c, '✅' | '✔' | '☑')
}

/// What stands between backticks, in order.
pub(crate) fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let open = rest.find('`')?;
            let after = rest.get(open..)?;
            let ticks = after.len() - after.trim_start_matches('`').len();
            let (fence, inner) = after.split_at_checked(ticks)?;
            let Some(close) = inner.find(fence) else {
                rest = inner;
                continue;
            };
            let (span, tail) = (inner.get(..close)?, inner.get(close + ticks..)?);
            rest = tail;
            let span = span.trim();
            if !span.is_empty() {
                return Some(span);
            }
        }
    })
}

/// Distance between two words: insertions, removals, changes.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cb, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let up = *cell;
            let here = (diagonal + usize::from(ca != *cb)).min(up + 1).min(left + 1);
            (diagonal, left, *cell) = (up, here, here);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_go_to_the_next_stop() {
        assert_eq!(indent("\t- a"), (4, 1));
        assert_eq!(indent("  \t- a"), (4, 3));
        assert_eq!(indent("   a"), (3, 3));
    }

    #[test]
    fn code_spans_are_found_and_a_lone_backtick_is_not_one() {
        assert_eq!(code_spans("run `a b`, ``c ` d`` and `").collect::<Vec<_>>(), ["a b", "c ` d"]);
    }

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!(distance("P1-T01", "P1-T01"), 0);
        assert_eq!(distance("P1-T01", "P1-T1"), 1);
        assert_eq!(distance("1.2", "2.2"), 1);
        assert_eq!(distance("abc", ""), 3);
    }
}
