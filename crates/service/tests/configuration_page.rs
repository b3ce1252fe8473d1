//! `docs/configuration.md` says what the schema says.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::{collections::BTreeMap, env, fs, path::Path};

use coditect_service::{Config, config::variable};
use serde_json::Value;

const BEGIN: &str = "<!-- settings:begin -->\n";
const END: &str = "<!-- settings:end -->";

/// The sections as the page has them: a heading, what it is about, a table of its settings.
fn documented() -> String {
    let schema = Config::schema();
    let mut text = String::new();
    for (name, section) in sorted(&schema["properties"]) {
        if name.starts_with('$') {
            continue;
        }
        write!(text, "\n## {name}\n\n{}\n\n", sentence(section)).unwrap();
        text.push_str("| setting | default | what may stand there | what it is |\n|---|---|---|---|\n");
        rows(name, section, &section["default"], &mut text);
    }
    text
}

/// A row for each setting of a section, those of sections within it included.
fn rows(path: &str, schema: &Value, default: &Value, text: &mut String) {
    if schema["properties"].is_object() {
        for (key, property) in sorted(&schema["properties"]) {
            let default = default.get(key).unwrap_or(&property["default"]);
            rows(&format!("{path}.{key}"), property, default, text);
        }
    } else if schema["additionalProperties"]["properties"].is_object() {
        rows(&format!("{path}.<name>"), &schema["additionalProperties"], &Value::Null, text);
    } else {
        let default = if default.is_null() { "none".to_owned() } else { format!("`{default}`") };
        let meaning = sentence(schema);
        writeln!(text, "| `{path}` | {default} | {} | {meaning} |", allowed(schema)).unwrap();
    }
}

/// The first type that a value can have.
fn kind_of(kinds: &Value) -> &str {
    kinds.as_str().or_else(|| kinds.get(0)?.as_str()).unwrap_or("thing")
}

/// The members of an object by name: their order depends on what else is built along.
fn sorted(object: &Value) -> BTreeMap<&String, &Value> {
    object.as_object().unwrap().iter().collect()
}

/// The description on one line, as a cell of a table can hold it.
fn sentence(schema: &Value) -> String {
    let description = schema["description"].as_str().unwrap_or_default();
    description.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn allowed(schema: &Value) -> String {
    // One of these, or nothing.
    if let Some(there) = schema["anyOf"].get(0) {
        return allowed(there);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = |choice: &Value| format!("`{}`: {}", choice["const"], sentence(choice));
        return choices.iter().map(choice).collect::<Vec<_>>().join(" ");
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        kinds => kinds.as_array().and_then(|kinds| kinds.first()).and_then(Value::as_str).unwrap_or("any").to_owned(),
    };
    let kind = match kind.as_str() {
        "array" => format!("list of {}s", kind_of(&schema["items"]["type"])),
        "object" => "names and texts".to_owned(),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        other => other.to_owned(),
    };
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Null, Value::Null) => kind,
        (least, Value::Null) => format!("{kind}, at least {least}"),
        (Value::Null, most) => format!("{kind}, at most {most}"),
        (least, most) => format!("{kind}, {least} to {most}"),
    }
}

#[test]
fn the_page_of_settings_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (settings, tail) = rest.split_once(END).unwrap();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{}\n{END}{tail}", documented())).unwrap();
    } else {
        let same = settings == format!("{}\n", documented());
        assert!(same, "stale: run `UPDATE_DOCS=1 cargo test -p coditect-service` and commit the result");
    }
}

#[test]
fn the_page_names_variables_as_they_are_read() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")).unwrap();
    assert!(page.contains(&variable("dispatch.max_concurrent")));
}
