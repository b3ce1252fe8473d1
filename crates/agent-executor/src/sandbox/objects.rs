//! The git objects that a worktree borrows: folders of other repositories, of which nothing else is seen.

use std::path::{Path, PathBuf};

/// How many repositories in a row may borrow from each other; git's own limit is 5.
const DEPTH: usize = 5;

/// A folder of objects and those that it borrows from (`info/alternates`, see gitrepository-layout(5)).
#[must_use]
pub fn borrowed(objects: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    follow(objects, DEPTH, &mut found);
    found
}

fn follow(objects: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    found.push(objects.to_owned());
    let text = std::fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let other = objects.join(line);
        let other = other.canonicalize().unwrap_or(other);
        if depth > 0 && !found.contains(&other) {
            follow(&other, depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_borrowed_from_is_followed_and_not_round() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (a, b) = (root.join("a"), root.join("b"));
        for (own, text) in [(&a, "../b\n"), (&b, "# nothing\n../a\n")] {
            std::fs::create_dir_all(own.join("info")).unwrap();
            std::fs::write(own.join("info/alternates"), text).unwrap();
        }
        let found = borrowed(&a);
        assert_eq!(found, [a, b]);
    }
}
