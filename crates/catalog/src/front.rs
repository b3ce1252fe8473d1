//! Front matter: YAML between two lines of `---`, and what can be made of it where it is not quite YAML.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definition::Notes;

/// The fence around front matter.
const FENCE: &str = "---";

/// The keys that mean something.
const KEYS: [&str; 6] = ["name", "description", "model", "tools", "keywords", "tags"];

/// What front matter says.
#[derive(Debug, Default)]
pub(crate) struct Front {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) tools: Vec<String>,
    pub(crate) keywords: Vec<String>,
}

/// The front matter of a text, and the text below it.
pub(crate) fn read<'t>(text: &'t str, notes: &mut Notes<'_>) -> (Front, &'t str) {
    let Some((matter, body)) = split(text) else {
        notes.warn(Some(1), "there is no front matter; expected `---`, `name: …`, `description: …`, `---` at the top");
        return (Front::default(), text);
    };
    let values = match serde_saphyr::from_str::<BTreeMap<String, Value>>(matter) {
        Ok(values) => values,
        Err(_) if matter.trim().is_empty() => BTreeMap::new(),
        Err(error) => {
            let line = error.location().map(|place| usize::try_from(place.line()).unwrap_or(0) + 1);
            let cure = "it is read line by line as `key: value`; put values with a colon between double quotes";
            notes.warn(line, format!("the front matter is not valid YAML; {cure}"));
            line_by_line(matter, notes)
        }
    };
    (meaning(values, matter, notes), body)
}

/// Parts a text at the fences around its front matter.
fn split(text: &str) -> Option<(&str, &str)> {
    let first = text.lines().next()?;
    if first.trim_end() != FENCE {
        return None;
    }
    let start = text.find('\n')? + 1;
    let mut at = start;
    for line in text.get(start..)?.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            return Some((text.get(start..at)?, text.get(at + line.len()..)?));
        }
        at += line.len();
    }
    None
}

/// `key: value` lines; a line that is indented, or has no key, goes on with the value above it.
fn line_by_line(matter: &str, notes: &mut Notes<'_>) -> BTreeMap<String, Value> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for (at, line) in matter.lines().enumerate() {
        let key = line.split_once(':').filter(|(key, _)| is_key(key));
        match (key, &current) {
            (Some((key, _)), _) if values.contains_key(key) => {
                notes.warn(Some(at + 2), format!("`{key}` is given twice; the first one holds"));
                current = None;
            }
            (Some((key, value)), _) => {
                values.insert(key.to_owned(), unquoted(value.trim()).to_owned());
                current = Some(key.to_owned());
            }
            (None, Some(key)) => {
                if let Some(value) = values.get_mut(key) {
                    continued(value, line.trim());
                }
            }
            (None, None) => {}
        }
    }
    values.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn continued(value: &mut String, line: &str) {
    if matches!(value.as_str(), ">" | "|" | ">-" | "|-") {
        value.clear();
    }
    let item = line.strip_prefix("- ");
    if !value.is_empty() {
        value.push_str(if item.is_some() { ", " } else { " " });
    }
    value.push_str(unquoted(item.unwrap_or(line)));
}

fn unquoted(value: &str) -> &str {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

fn meaning(mut values: BTreeMap<String, Value>, matter: &str, notes: &mut Notes<'_>) -> Front {
    let mut text = |key: &str, notes: &mut Notes<'_>| match values.remove(key)? {
        Value::Null => None,
        Value::Array(_) | Value::Object(_) => {
            notes.warn(line_of(matter, key), format!("`{key}` is left out: expected text"));
            None
        }
        Value::String(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|t| !t.is_empty()),
        other => Some(other.to_string()),
    };
    let (name, description) = (text("name", notes), text("description", notes));
    let model = text("model", notes).filter(|model| model != "inherit");
    let tools = list(values.remove("tools"));
    let mut keywords = list(values.remove("keywords"));
    keywords.extend(list(values.remove("tags")));
    for key in values.keys() {
        notes.warn(line_of(matter, key), format!("`{key}` means nothing here; known are {}", KEYS.join(", ")));
    }
    Front { name, description, model, tools, keywords }
}

fn line_of(matter: &str, key: &str) -> Option<usize> {
    let is_it = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    matter.lines().position(is_it).map(|at| at + 2)
}

/// A list, or text with commas; commas within brackets part nothing.
fn list(value: Option<Value>) -> Vec<String> {
    let items: Vec<String> = match value {
        None | Some(Value::Null | Value::Object(_)) => Vec::new(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        Some(Value::String(text)) => parted(text.trim_start_matches('[').trim_end_matches(']')),
        Some(other) => vec![other.to_string()],
    };
    items.iter().map(|item| unquoted(item.trim()).to_owned()).filter(|item| !item.is_empty()).collect()
}

fn parted(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_usize);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if c != ',' || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}
