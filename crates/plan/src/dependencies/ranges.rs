//! How people write that they mean several tasks in a row.

/// The ids from one number to another: what stands before the number, the first and the last.
pub(crate) type Range<'a> = (&'a str, u64, u64);

/// The range that the id `first` begins and `rest`, what follows it, ends: `7.1 – 7.9`, `7.1 to 7.9`.
pub(crate) fn apart<'a>(first: &'a str, rest: &str) -> Option<Range<'a>> {
    let rest = rest.trim_start();
    let signs = ["-", "–", "—", "to ", "through ", "…"];
    let after = signs.into_iter().find_map(|s| rest.strip_prefix(s))?;
    let (last, _) = token(after.trim_start());
    let ((stem, from), (other, to)) = (split_number(first)?, split_number(last)?);
    stem.eq_ignore_ascii_case(other).then_some((stem, from, to))
}

/// The range that one word is: `7.1-7.9`, `7.1..7.9`, `7.1-9`.
pub(crate) fn joined(word: &str) -> Option<Range<'_>> {
    word.match_indices("..").chain(word.match_indices('-')).find_map(|(at, sign)| {
        let (stem, from) = split_number(word.get(..at)?)?;
        let (other, to) = split_number(word.get(at + sign.len()..)?)?;
        // `7.1-9`: the stem is said once.
        let same = stem.eq_ignore_ascii_case(other) || (other.is_empty() && stem.ends_with('.'));
        same.then_some((stem, from, to))
    })
}

/// The word of id characters `text` begins with, and the rest.
pub(crate) fn token(text: &str) -> (&str, &str) {
    let run = text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "._@-".contains(c)).len();
    let word = text.get(..run).unwrap_or_default().trim_end_matches(['.', '-', '_']);
    (word, text.get(word.len()..).unwrap_or_default())
}

/// An id as what comes before its last number, and that number.
pub(crate) fn split_number(id: &str) -> Option<(&str, u64)> {
    let stem = id.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = id.get(stem.len()..)?.parse().ok()?;
    Some((stem, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_told_from_an_id_and_a_remark() {
        for rest in [" - B.3", " – B.3 (all)", " to b.3", "…B.3", " through B.3 complete"] {
            assert_eq!(apart("B.1", rest), Some(("B.", 1, 3)), "{rest}");
        }
        for word in ["B.1-B.3", "B.1..B.3", "B.1-3"] {
            assert_eq!(joined(word), Some(("B.", 1, 3)), "{word}");
        }
        assert_eq!(apart("B.1", " - the first"), None);
        assert_eq!(apart("B.1", " to C.3"), None);
        assert_eq!(joined("BACK-12"), None);
        assert_eq!(joined("B.1-C.3"), None);
    }
}
