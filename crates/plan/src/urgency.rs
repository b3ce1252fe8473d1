//! Priorities as people write them.

use coditect_core::Priority;

/// The priority `text` speaks of: the first `P0` to `P3` in it, else a word such as `CRITICAL` or `low`.
#[must_use]
pub fn parse_priority(text: &str) -> Option<Priority> {
    tag(text).or_else(|| {
        text.split(|c: char| !c.is_alphanumeric()).find_map(|word| {
            Some(match word.to_ascii_lowercase().as_str() {
                "critical" | "blocker" | "highest" | "urgent" => Priority::P0,
                "high" | "important" => Priority::P1,
                "medium" | "normal" | "moderate" => Priority::P2,
                "low" | "lowest" | "minor" | "nice" => Priority::P3,
                _ => return None,
            })
        })
    })
}

/// The first `P0` to `P3` that stands alone in a title (so not the one in `P1-T01`).
pub(crate) fn tag(text: &str) -> Option<Priority> {
    let bytes = text.as_bytes();
    let joined = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    bytes.windows(2).enumerate().find_map(|(at, pair)| {
        let [b'P' | b'p', digit @ b'0'..=b'3'] = pair else { return None };
        let before = at.checked_sub(1).and_then(|i| bytes.get(i));
        let after = bytes.get(at + 2);
        // `P0-P1` is a range of priorities, `P1-T01` an id.
        let id = after == Some(&b'-') && !matches!(bytes.get(at + 3), Some(b'P' | b'p' | b' '));
        let end_of_range = before == Some(&b'-');
        (!joined(before) && !joined(after) && !id && !end_of_range)
            .then(|| Priority::from_level(i64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_read_as_people_write_them() {
        for (text, priority) in [
            ("P0", Priority::P0),
            ("P0 (CRITICAL)", Priority::P0),
            ("P1/P2 (later)", Priority::P1),
            ("P0-P1 Mixed", Priority::P0),
            ("CRITICAL", Priority::P0),
            ("🔴 High", Priority::P1),
            ("medium", Priority::P2),
            ("Low", Priority::P3),
        ] {
            assert_eq!(parse_priority(text), Some(priority), "{text}");
        }
    }

    #[test]
    fn ids_and_unknown_levels_are_no_priority() {
        for text in ["P4", "P1-T01", "SP1", "P01", "soon", ""] {
            assert_eq!(parse_priority(text), None, "{text}");
        }
    }
}
