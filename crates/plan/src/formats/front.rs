//! Front matter: the values of its top-level keys, and the bytes each is written in.
//!
//! A YAML parser gives the values. Places come from the lines: a top-level key begins its line, so that where its
//! value stands is known also in front matter that is no YAML.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::text::BOM;

/// How many values may come of aliases.
const REPLAYED: usize = 1_000;

/// Front matter and what stands in it.
pub(crate) struct Front<'a> {
    pub entries: Vec<Entry<'a>>,
    /// Its values; `None` where it is no YAML.
    values: Option<BTreeMap<String, Loose>>,
    /// Number of the first line below it, from 0.
    pub below: usize,
    /// What its lines end with.
    pub ending: &'static str,
}

/// A top-level key with its value.
pub(crate) struct Entry<'a> {
    pub key: &'a str,
    /// Line, from 1.
    pub line: usize,
    /// The value without its quotes and without what follows on lines of its own.
    pub value: Range<usize>,
    /// All it is written in, to the end of its last line with that line's ending.
    pub all: Range<usize>,
}

/// A value of which only texts and lists of texts matter. A number is read as it is written (`1.10` is no `1.1`), so it
/// is not kept.
enum Loose {
    Text(String),
    List(Vec<Loose>),
    Number,
    Nothing,
}

impl<'a> Front<'a> {
    /// The front matter of a document, if it begins with one.
    pub(crate) fn read(document: &'a str) -> Option<Self> {
        let start = document.len() - document.trim_start_matches(BOM).len();
        let mut lines = document.get(start..)?.split_inclusive('\n');
        let first = lines.next().filter(|l| l.trim_end() == "---")?;
        let ending = if first.ends_with("\r\n") { "\r\n" } else { "\n" };
        let (mut at, mut number, mut entries) = (start + first.len(), 2, Vec::<Entry<'_>>::new());
        let matter = at;
        loop {
            let line = lines.next()?;
            if line.trim_end() == "---" {
                break;
            }
            match entry(line, at, number) {
                Some(entry) => entries.push(entry),
                // Indented lines, items and blanks go on with the value above them.
                None => {
                    if let Some(last) = entries.last_mut() {
                        last.all.end = at + line.len();
                    }
                }
            }
            at += line.len();
            number += 1;
        }
        let values = serde_saphyr::from_str_with_options(&plain_names(document.get(matter..at)?), options()).ok();
        Some(Self { entries, values, below: number, ending })
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// Whether it is YAML.
    pub(crate) const fn is_valid(&self) -> bool {
        self.values.is_some()
    }

    /// The texts of a key: one, those of a list, or none.
    pub(crate) fn texts(&self, document: &str, key: &str) -> Vec<String> {
        let lenient = || self.entry(key).map(|e| e.lenient(document)).unwrap_or_default();
        match &self.values {
            Some(values) => values.get(key).map_or_else(Vec::new, |v| v.texts().unwrap_or_else(lenient)),
            None => lenient(),
        }
    }

    /// The text of a key, if it has one.
    pub(crate) fn text(&self, document: &str, key: &str) -> Option<String> {
        match self.values.as_ref().map(|v| v.get(key)) {
            None | Some(Some(Loose::Number)) => document.get(self.entry(key)?.value.clone()).map(str::to_owned),
            Some(_) => self.texts(document, key).into_iter().next(),
        }
        .filter(|t| !t.is_empty())
    }
}

impl Loose {
    /// Its texts; `None` where there are numbers.
    fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => Some(Some(text.trim().to_owned()).filter(|t| !t.is_empty()).into_iter().collect()),
            Self::List(list) => Some(list.iter().map(Self::texts).collect::<Option<Vec<_>>>()?.concat()),
            Self::Number => None,
            Self::Nothing => Some(Vec::new()),
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(text.to_owned()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::Number)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
                Ok(Loose::Number)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
                Ok(Loose::Number)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
                Ok(Loose::Number)
            }
            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::Nothing)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Loose::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Nothing)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Entry<'_> {
    /// What can be made of a list that a YAML parser does not take.
    fn lenient(&self, document: &str) -> Vec<String> {
        let words = document.get(self.value.start..self.all.end).unwrap_or_default();
        let pieces = words.lines().flat_map(|line| {
            let line = line.split(" #").next().unwrap_or_default().trim();
            let line = line.strip_prefix("- ").unwrap_or(line);
            line.trim_start_matches('[').trim_end_matches(']').split(',')
        });
        pieces.map(|p| p.trim().trim_matches(['"', '\'']).to_owned()).filter(|p| !p.is_empty()).collect()
    }
}

/// The key and the value that a line begins with, where it begins with a key.
fn entry(line: &str, start: usize, number: usize) -> Option<Entry<'_>> {
    let (name, rest) = line.split_once(':')?;
    let key = name.trim_matches(['"', '\'']);
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    if !plain || !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return None;
    }
    let value = rest.trim_start_matches([' ', '\t']);
    let from = start + line.len() - value.len();
    let all = start..start + line.len();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote)
            && let Some(len) = quoted(inner, quote)
        {
            return Some(Entry { key, line: number, value: from + 1..from + 1 + len, all });
        }
    }
    let value = value.split(" #").next().unwrap_or_default();
    let value = if value.starts_with('#') { "" } else { value.trim_end() };
    Some(Entry { key, line: number, value: from..from + value.len(), all })
}

/// The length of what stands before the closing quote.
fn quoted(inner: &str, quote: char) -> Option<usize> {
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            c if c == quote && quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) => {
                chars.next();
            }
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// How front matter is read: a few lines of aliases of aliases do not become millions of values.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED } }
}

/// Front matter whose names of people are YAML: `assignee: @name` is common, and no YAML parser takes it.
fn plain_names(matter: &str) -> String {
    let named = |line: &str| {
        let line = line.trim_start();
        ["assignee:", "reporter:", "- @"].iter().any(|head| line.starts_with(head)) && !line.contains(['"', '\''])
    };
    let lines = matter.split_inclusive('\n');
    lines.map(|line| if named(line) { line.replace('@', "") } else { line.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_between_its_quotes_and_before_its_comment() {
        let text = "\u{feff}---\r\nid: T-1\r\ntitle: 'It''s: x' # y\r\nstatus: \"To \\\" Do\"\r\nempty:\r\nn: 1 # c\r\n---\r\n";
        let front = Front::read(text).unwrap();
        let values: Vec<(&str, &str)> = front.entries.iter().map(|e| (e.key, &text[e.value.clone()])).collect();
        let want = [("id", "T-1"), ("title", "It''s: x"), ("status", "To \\\" Do"), ("empty", ""), ("n", "1")];
        assert_eq!(values, want);
        assert_eq!(front.text(text, "title").as_deref(), Some("It's: x"));
        assert_eq!(front.text(text, "n").as_deref(), Some("1"));
        assert_eq!((front.below, front.ending), (7, "\r\n"));
    }

    #[test]
    fn lists_are_read_in_either_form_also_where_the_rest_is_no_yaml() {
        for (list, broken) in
            [("[a, \"b\"]", ""), ("\n  - a\n  - 'b'", ""), ("\n- a\n- b", "x: y: z\n"), ("[a, 'b']", "x: @\n")]
        {
            let text = format!("---\n{broken}l: {list}\n---\n");
            let front = Front::read(&text).unwrap();
            assert_eq!(front.is_valid(), broken.is_empty(), "{text}");
            assert_eq!(front.texts(&text, "l"), ["a", "b"], "{text}");
        }
    }

    #[test]
    fn front_matter_that_is_never_closed_is_none() {
        assert!(Front::read("---\nid: x\n").is_none());
        assert!(Front::read("text\n---\nid: x\n---\n").is_none());
    }

    #[test]
    fn aliases_of_aliases_are_no_yaml_and_take_no_time() {
        let ten = |name: &str| format!("[{}]", [name; 10].join(", "));
        let levels = (1..8).map(|level| format!("a{level}: &a{level} {}\n", ten(&format!("*a{}", level - 1))));
        let text = format!("---\nid: T-1\na0: &a0 {}\n{}---\n", ten("x"), levels.collect::<String>());
        let front = Front::read(&text).unwrap();
        assert!(!front.is_valid());
        assert_eq!(front.text(&text, "id").as_deref(), Some("T-1"));
        assert!(Front::read("---\nid: &a T-1\nparent: *a\n---\n").unwrap().is_valid());
    }
}
