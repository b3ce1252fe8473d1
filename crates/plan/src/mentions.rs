//! Paths that a text speaks of.

use crate::text::code_spans;

/// The paths in a text, in the order in which they are first named: words with a slash and an ending (`src/main.rs`),
/// and in backticks also names with an ending alone (`Cargo.toml`) and folders (`crates/plan/`).
///
/// No addresses, no absolute paths, none that lead upwards: only what can be in a repository.
#[must_use]
pub fn paths_in(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut keep = |path: &str| {
        if !found.iter().any(|known| known == path) {
            found.push(path.to_owned());
        }
    };
    for line in text.lines() {
        for span in code_spans(line) {
            if let Some(path) = path(span).filter(|path| has_ending(path) || path.ends_with('/')) {
                keep(path);
            }
        }
        for word in line.split(|c: char| c.is_whitespace() || "`,;()[]{}\"'<>|*".contains(c)) {
            if let Some(path) = path(word).filter(|path| path.contains('/') && has_ending(path)) {
                keep(path);
            }
        }
    }
    found
}

/// The word as a path within a repository, without what stands around it.
fn path(word: &str) -> Option<&str> {
    let word = word.trim().trim_end_matches(['.', ':', '!', '?', ',']);
    let word = word.strip_prefix("./").unwrap_or(word);
    // `src/a.rs:12` and `src/a.rs#L12` name a place in the file.
    let word = word.split_once('#').map_or(word, |(path, _)| path);
    let word = match word.split_once(':') {
        Some((path, line)) if line.starts_with(|c: char| c.is_ascii_digit()) => path,
        Some(_) => return None,
        None => word,
    };
    let fine = |c: char| c.is_alphanumeric() || "/._-+@~".contains(c);
    let inside =
        !word.starts_with(['/', '~', '-', '@']) && !word.split('/').any(|part| part == "..") && !word.contains("//");
    (inside && !word.is_empty() && word.len() <= 256 && word.chars().all(fine)).then_some(word)
}

/// Whether the last part has an ending that is no number and no sentence's end.
fn has_ending(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let known = (1..=12).contains(&ending.len()) && ending.chars().all(|c| c.is_ascii_alphanumeric());
    let lettered = ending.starts_with(|c: char| c.is_ascii_alphabetic());
    known && lettered && (!stem.is_empty() || path.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_among_words_and_in_backticks() {
        let text = "Create `Cargo.toml` and crates/plan/src/lib.rs (see ./docs/a-b.md:12), `tests/`, then src/x.py.";
        let found = paths_in(text);
        assert_eq!(found, ["Cargo.toml", "tests/", "crates/plan/src/lib.rs", "docs/a-b.md", "src/x.py"]);
    }

    #[test]
    fn a_path_named_twice_is_one() {
        assert_eq!(paths_in("`src/a.rs`\nsrc/a.rs, src/a.rs#L3"), ["src/a.rs"]);
    }

    #[test]
    fn what_only_looks_like_a_path_is_none() {
        let text = "and/or, 24/7, https://example.org/a.html, /etc/passwd.conf, ../up.rs, v1.2, e.g. this, 1.5/2.5, \
                    `cargo test`, `redis`, a@b.org, ~/x.rs";
        assert_eq!(paths_in(text), Vec::<String>::new());
    }
}
