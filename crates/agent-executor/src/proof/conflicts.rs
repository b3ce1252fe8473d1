//! The marks of a conflict that git leaves in a file, and that nobody has settled. Pure.

use super::weakened::File;

/// The files that have marks of a conflict which they did not have before.
pub(crate) fn conflicts<'a>(files: &[File<'a>]) -> Vec<&'a str> {
    let more = |file: &&File<'_>| marks(file.result.unwrap_or_default()) > marks(file.base.unwrap_or_default());
    files.iter().filter(more).map(|file| file.path).collect()
}

/// How many lines begin as git begins and ends a conflict: seven of the one or the other, and a name.
fn marks(text: &str) -> usize {
    let is_mark = |line: &&str| {
        let rest = line.strip_prefix("<<<<<<< ").or_else(|| line.strip_prefix(">>>>>>> "));
        rest.is_some_and(|name| !name.trim().is_empty())
    };
    text.lines().filter(is_mark).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file<'a>(base: Option<&'a str>, result: Option<&'a str>) -> Vec<&'a str> {
        conflicts(&[File { path: "a", base, result }])
    }

    const CONFLICT: &str = "x\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> theirs\n";

    #[test]
    fn a_file_that_gains_marks_of_a_conflict_is_named() {
        assert_eq!(file(Some("x\n"), Some(CONFLICT)), ["a"]);
        assert_eq!(file(None, Some(CONFLICT)), ["a"]);
        assert_eq!(file(Some("x\n"), Some("b\n>>>>>>> theirs\r\n")), ["a"], "half a conflict is one");
    }

    #[test]
    fn what_had_them_before_and_what_only_looks_like_one_is_fine() {
        assert!(file(Some(CONFLICT), Some(CONFLICT)).is_empty());
        assert!(file(Some(CONFLICT), Some("x\n")).is_empty());
        assert!(
            file(None, Some("Title\n=======\n>>>>>>>> deep quote\n    <<<<<<< HEAD\ncat <<<<<<< x\n<<<<<<<\n"))
                .is_empty()
        );
    }
}
