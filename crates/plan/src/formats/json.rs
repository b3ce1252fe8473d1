//! JSON as text with places: values that know the bytes they are written in.

use std::borrow::Cow;
use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::Words;
use crate::diagnostic::{Code, Diagnostic, Sink};
use crate::formats::Format;
use crate::model::{Plan, Slot, Style};
use crate::text::BOM;

/// JSON as its own tools read it: nothing that is not in the standard.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// A document: JSON, perhaps behind a byte order mark, and what to say of it.
pub(crate) struct Document<'a> {
    pub path: &'a str,
    pub text: &'a str,
    /// Bytes before the JSON.
    base: usize,
    places: Places,
}

impl<'a> Document<'a> {
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        let base = text.len() - text.trim_start_matches(BOM).len();
        Self { path, text, base, places: Places::new(text) }
    }

    /// The value, or the plan that says why there is none.
    pub(crate) fn value(&self, format: Format) -> Result<Value<'a>, Box<Plan>> {
        let json = self.text.get(self.base..).unwrap_or_default();
        match parse_to_ast(json, &CollectOptions::default(), &STRICT) {
            Ok(parsed) => parsed.value.ok_or_else(|| self.refused(format, 0, "there is nothing in it".to_owned())),
            Err(error) => Err(self.refused(format, error.range().start, error.kind().to_string())),
        }
    }

    /// A plan without tasks, for what stands at `byte` of the JSON.
    pub(crate) fn refused(&self, format: Format, byte: usize, why: String) -> Box<Plan> {
        let mut sink = Sink::new(self.path);
        let message = format!("this is no {format} document: {}", lower_first(&why));
        let help = "mend the file; until then its tasks are unknown".to_owned();
        sink.add(Code::NotJson, self.place(byte), message, help);
        Box::new(self.plan(format, sink.finish()))
    }

    /// A plan without tasks.
    pub(crate) fn plan(&self, format: Format, diagnostics: Vec<Diagnostic>) -> Plan {
        let (tasks, verify, style) = (Vec::new(), Vec::new(), Style::default());
        Plan { path: self.path.to_owned(), format, tasks, verify, diagnostics, style }
    }

    /// Line and column, from 1, of a byte of the JSON.
    pub(crate) fn place(&self, byte: usize) -> (usize, usize) {
        self.places.of(self.text, self.base + byte)
    }

    /// The bytes of the document that a value is written in.
    pub(crate) fn range(&self, value: &Value<'_>) -> Range<usize> {
        let range = value.range();
        self.base + range.start..self.base + range.end
    }

    /// The bytes of the first line of an object.
    pub(crate) fn first_line(&self, object: &Object<'_>) -> Range<usize> {
        let (start, end) = (self.base + object.range.start, self.base + object.range.end);
        let line = self.text.get(start..end).and_then(|t| t.find(['\n', '\r']));
        start..line.map_or(end, |len| start + len)
    }

    /// Room for a word of status in `name` of an object: in its string, in place of another value, or as a new
    /// member behind the first.
    pub(crate) fn slot(&self, object: &Object<'_>, name: Name, words: Words) -> Slot {
        let Some(member) = member(object, name.key) else {
            let end = object.properties.first().map_or(object.range.start + 1, |first| first.range.end);
            let at = self.base + end;
            return Slot { range: at..at, before: name.before, after: name.after, words };
        };
        let range = self.range(&member.value);
        match &member.value {
            Value::StringLit(_) if name.quoted => {
                Slot { range: range.start + 1..range.end - 1, before: "", after: "", words }
            }
            _ if name.quoted => Slot { range, before: "\"", after: "\"", words },
            _ => Slot { range, before: "", after: "", words },
        }
    }
}

/// A member that holds a status, and how it is written where it is missing.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    pub key: &'static str,
    pub quoted: bool,
    before: &'static str,
    after: &'static str,
}

impl Name {
    pub(crate) const STATUS: Self = Self { key: "status", quoted: true, before: ", \"status\": \"", after: "\"" };
    pub(crate) const PASSES: Self = Self { key: "passes", quoted: false, before: ", \"passes\": ", after: "" };
}

/// The member of that name; of several the last, as everywhere in JSON.
pub(crate) fn member<'o, 'a>(object: &'o Object<'a>, name: &str) -> Option<&'o ObjectProp<'a>> {
    object.properties.iter().rev().find(|p| p.name.as_str() == name)
}

/// The value of the first of these members that is there and is not null.
pub(crate) fn get<'o, 'a>(object: &'o Object<'a>, names: &[&str]) -> Option<&'o Value<'a>> {
    let found = names.iter().find_map(|name| member(object, name)).map(|p| &p.value);
    found.filter(|v| !matches!(v, Value::NullKeyword(_)))
}

/// A text, or a number as it is written.
pub(crate) fn scalar<'o>(value: &'o Value<'_>) -> Option<Cow<'o, str>> {
    match value {
        Value::StringLit(text) => Some(Cow::Borrowed(text.value.trim())),
        Value::NumberLit(number) => Some(Cow::Borrowed(number.value)),
        _ => None,
    }
}

/// The text of a member; empty where there is none.
pub(crate) fn text<'o>(object: &'o Object<'_>, name: &str) -> Cow<'o, str> {
    get(object, &[name]).and_then(scalar).unwrap_or_default()
}

/// The values of a list; a lone value is a list of one.
pub(crate) fn list<'o, 'a>(value: Option<&'o Value<'a>>) -> &'o [Value<'a>] {
    match value {
        None => &[],
        Some(Value::Array(array)) => &array.elements,
        Some(value) => std::slice::from_ref(value),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// How far apart the places are that are known from the start. A file can be one long line.
const STRIDE: usize = 512;

/// Lines and columns of bytes.
struct Places(Vec<(usize, usize, usize)>);

impl Places {
    fn new(text: &str) -> Self {
        let (mut line, mut column, mut known) = (1, 1, vec![(0, 1, 1)]);
        for (at, c) in text.char_indices() {
            if known.len() * STRIDE <= at {
                known.push((at, line, column));
            }
            (line, column) = after(c, line, column);
        }
        Self(known)
    }

    fn of(&self, text: &str, byte: usize) -> (usize, usize) {
        let before = self.0.partition_point(|(at, ..)| *at <= byte).checked_sub(1).and_then(|i| self.0.get(i));
        let (at, mut line, mut column) = before.copied().unwrap_or((0, 1, 1));
        for (_, c) in text.get(at..).unwrap_or_default().char_indices().take_while(|(i, _)| at + i < byte) {
            (line, column) = after(c, line, column);
        }
        (line, column)
    }
}

const fn after(c: char, line: usize, column: usize) -> (usize, usize) {
    match c {
        '\n' => (line + 1, 1),
        BOM if line == 1 && column == 1 => (line, column),
        _ => (line, column + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_characters_also_far_along_a_line() {
        let text = format!("\u{feff}é{}\r\nx", "ü".repeat(3000));
        let places = Places::new(&text);
        assert_eq!(places.of(&text, 3), (1, 1));
        assert_eq!(places.of(&text, 5), (1, 2));
        assert_eq!(places.of(&text, 5 + 2 * 2500), (1, 2502));
        assert_eq!(places.of(&text, text.len() - 1), (2, 1));
    }

    #[test]
    fn what_only_looks_like_json_is_refused_where_it_goes_wrong() {
        for text in
            ["{'a': 1}", "{\"a\": 1,}", "{\"a\": 1 // x\n}", "{a: 1}", "[1 2]", "{\"a\": +1}", "{\"a\": .5}", ""]
        {
            assert!(Document::new("p", text).value(Format::Ralph).is_err(), "{text}");
        }
        let plan = Document::new("p", "{\n  \"é\": }").value(Format::Ralph).unwrap_err();
        assert_eq!((plan.diagnostics[0].line, plan.diagnostics[0].column), (2, 8));
    }
}
