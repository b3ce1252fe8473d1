//! Words that agent CLIs would take for more than words.

use std::fmt::Write as _;

/// Puts what a CLI would take for a reference to a file (`@/etc/hosts`, `@~/x`, `@"a b"`, `@../x`) between
/// backticks. A word that begins with `@` and is no path, like a decorator, stays as it is.
pub(crate) fn quote_references(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut before = '\n';
    while let Some(c) = rest.chars().next() {
        // U+FEFF is a space to JavaScript, which most of these programs are written in.
        let word_begins = before.is_whitespace()
            || matches!(before, '(' | ',' | ';' | ':' | '[' | '{' | '"' | '\'' | '=' | '\u{feff}');
        if c == '@' && word_begins {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.contains(['/', '\\', '~', '"', '\'']) || word.starts_with("@.") {
                let _ = write!(quoted, "`{}`", word.replace('`', "'"));
            } else {
                quoted.push_str(word);
            }
            before = word.chars().last().unwrap_or(c);
            rest = after;
        } else {
            quoted.push(c);
            before = c;
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    quoted
}

/// All words in one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines after the first stand below the text of a list's item.
pub(crate) fn indented(text: &str) -> String {
    text.trim().lines().collect::<Vec<_>>().join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_files_are_quoted() {
        let text = "@/etc/hostname and @~/x, (@../x) @\"a b\"";
        assert_eq!(quote_references("\u{feff}@/etc/hosts =@/x"), "\u{feff}`@/etc/hosts` =`@/x`");
        assert_eq!(quote_references(text), "`@/etc/hostname` and `@~/x,` (`@../x)` `@\"a` b\"");
    }

    #[test]
    fn decorators_and_addresses_stay_as_they_are() {
        let text = "@dataclass\nme@example.org/x `@types/node` @";
        assert_eq!(quote_references(text), text);
    }
}
