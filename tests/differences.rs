//! What differs between a text before and after, told from the two texts alone: nothing here knows formats or plans.

/// A piece that was replaced by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Line, from 1.
    pub line: usize,
    /// What stands before the piece in its line.
    pub before: String,
    pub old: String,
    pub new: String,
    /// What stands behind the piece in its line, with the line's ending.
    pub behind: String,
}

/// The pieces in which two texts of as many lines differ, in order, each widened to whole words.
pub fn differences(old: &str, new: &str) -> Vec<Difference> {
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    let (old, new) = (lines(old), lines(new));
    assert_eq!(old.len(), new.len(), "lines were added or removed:\n{}", new.concat());
    let pairs = old.into_iter().zip(new).enumerate().filter(|(_, (old, new))| old != new);
    pairs.map(|(at, (old, new))| difference(at + 1, old, new)).collect()
}

fn difference(line: usize, old: &str, new: &str) -> Difference {
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let mut start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = (old.len() - start).min(new.len() - start);
    let mut same = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    // `false` and `true` end alike: a word is replaced as a whole.
    let inner = |text: &[char], at: usize| {
        at > 0 && at < text.len() && text[at - 1].is_alphanumeric() && text[at].is_alphanumeric()
    };
    while inner(&old, start) || inner(&new, start) {
        start -= 1;
    }
    while inner(&old, old.len() - same) || inner(&new, new.len() - same) {
        same -= 1;
    }
    let text = |chars: &[char]| chars.iter().collect();
    Difference {
        line,
        before: text(&old[..start]),
        old: text(&old[start..old.len() - same]),
        new: text(&new[start..new.len() - same]),
        behind: text(&old[old.len() - same..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, new: &str) -> Vec<(usize, String, String)> {
        differences(old, new).into_iter().map(|piece| (piece.line, piece.old, piece.new)).collect()
    }

    #[test]
    fn a_box_is_told_without_its_brackets_and_a_word_whole() {
        assert_eq!(told("a\n- [ ] b\n", "a\n- [x] b\n"), [(2, " ".to_owned(), "x".to_owned())]);
        assert_eq!(
            told("\"passes\": false,\r\n", "\"passes\": true,\r\n"),
            [(1, "false".to_owned(), "true".to_owned())]
        );
        assert_eq!(told("status: To Do\n", "status: Done\n"), [(1, "To Do".to_owned(), "Done".to_owned())]);
    }

    #[test]
    fn a_changed_ending_is_a_difference() {
        assert_eq!(told("- [ ] b\r\n", "- [ ] b\n").len(), 1);
        assert_eq!(told("- [ ] b", "- [ ] b\n").len(), 1);
        assert_eq!(told("- [ ] b", "- [ ] b"), []);
    }
}
