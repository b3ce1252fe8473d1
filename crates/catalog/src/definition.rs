//! An agent as its file defines it, and what is odd about that file.

use std::fmt;

use serde::Serialize;

use crate::front::{self, Front};

/// The longest name an agent may have, in bytes.
const LONGEST_NAME: usize = 100;

/// An agent: what it is called, what it is good for, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Definition {
    /// What plans and the configuration call it.
    pub name: String,
    /// What it is good for, in a sentence or two.
    pub description: String,
    /// The body of the file: the agent's system prompt.
    pub prompt: String,
    /// The model it asks for.
    pub model: Option<String>,
    /// The tools it may use; empty where the definition names none.
    pub tools: Vec<String>,
    /// Further words that tasks for it are known by.
    pub keywords: Vec<String>,
    /// The file, as it was given to [`parse`].
    pub path: String,
}

/// How bad an oddity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// There is no agent for this file.
    Error,
    /// There is one, and something about it is odd.
    Warning,
}

/// Something odd about a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The file.
    pub path: String,
    /// The line it is about, from 1, where it is about one.
    pub line: Option<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What is odd, and what to do about it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// Reads a definition. `path` is only carried into the result, and names the agent where its front matter does not.
///
/// Never fails: a file that no agent can be made of has one [`Severity::Error`] among its warnings, and no definition.
#[must_use]
pub fn parse(path: &str, text: &str) -> (Option<Definition>, Vec<Warning>) {
    let mut notes = Notes { path, warnings: Vec::new() };
    let definition = read(path, text, &mut notes);
    (definition, notes.warnings)
}

/// Collects what is odd.
pub(crate) struct Notes<'a> {
    path: &'a str,
    warnings: Vec<Warning>,
}

impl Notes<'_> {
    pub(crate) fn warn(&mut self, line: Option<usize>, message: impl Into<String>) {
        self.add(line, Severity::Warning, message.into());
    }

    fn refuse(&mut self, line: Option<usize>, message: impl Into<String>) {
        self.add(line, Severity::Error, message.into());
    }

    fn add(&mut self, line: Option<usize>, severity: Severity, message: String) {
        self.warnings.push(Warning { path: self.path.to_owned(), line, severity, message });
    }
}

fn read(path: &str, text: &str, notes: &mut Notes<'_>) -> Option<Definition> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        notes.refuse(
            None,
            "the file is empty: write front matter with `name` and `description`, and the agent's prompt",
        );
        return None;
    }
    let (front, body) = front::read(text, notes);
    let Front { name, description, model, tools, keywords } = front;
    let name = match name {
        Some(name) => name,
        None => {
            let name = stem(path);
            notes.warn(Some(1), format!("the front matter has no `name`; the file's name is taken: `{name}`"));
            name.to_owned()
        }
    };
    if let Some(expected) = unusable(&name) {
        notes.refuse(Some(1), format!("no agent can be called {name:?}: expected {expected}"));
        return None;
    }
    let prompt = body.trim().to_owned();
    if prompt.is_empty() {
        notes.warn(None, "there is no text below the front matter: the agent gets no instructions of its own");
    }
    let description = description.unwrap_or_else(|| {
        let first = first_sentence(&prompt);
        let taken = if first.is_empty() { "nothing says what it is good for" } else { "its first sentence is taken" };
        notes.warn(Some(1), format!("the front matter has no `description`: {taken}"));
        first
    });
    Some(Definition { name, description, prompt, model, tools, keywords, path: path.to_owned() })
}

/// The name of a file without folders and ending.
fn stem(path: &str) -> &str {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Why a name cannot be one.
fn unusable(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("some text")
    } else if name.len() > LONGEST_NAME {
        Some("at most 100 bytes")
    } else if name.chars().any(char::is_control) {
        Some("one line without control characters")
    } else {
        None
    }
}

/// The first sentence of the first paragraph that is no heading.
fn first_sentence(text: &str) -> String {
    let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')) else {
        return String::new();
    };
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    line.get(..end).unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (Definition, Vec<String>) {
        let (definition, warnings) = parse("agents/code/smith.md", text);
        assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning), "{warnings:?}");
        (definition.unwrap(), warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_definition_is_read_with_its_tools_as_text_or_as_a_list() {
        let text = "---\nname: smith\ndescription: >\n  Forges\n  things.\ntools: Read, Bash\nmodel: sonnet\n---\n\nYou forge.\n";
        let (smith, warnings) = one(text);
        assert_eq!((smith.name.as_str(), smith.description.as_str()), ("smith", "Forges things."));
        assert_eq!((smith.prompt.as_str(), smith.model.as_deref()), ("You forge.", Some("sonnet")));
        assert_eq!(smith.tools, ["Read", "Bash"]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let (smith, _) =
            one("---\r\nname: smith\r\ndescription: d\r\ntools: [Read, 'Bash(git:*, x)']\r\n---\r\nYou.\r\n");
        assert_eq!(smith.tools, ["Read", "Bash(git:*, x)"]);
    }

    #[test]
    fn commas_within_the_brackets_of_a_tool_belong_to_it() {
        let (smith, _) = one("---\nname: smith\ndescription: d\ntools: Read, Bash(git:*, ls), Edit\n---\nYou.\n");
        assert_eq!(smith.tools, ["Read", "Bash(git:*, ls)", "Edit"]);
    }

    #[test]
    fn an_unknown_key_is_a_warning_with_its_line() {
        let (_, warnings) = one("---\nname: smith\ndescription: d\ncolor: red\n---\nYou.\n");
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("agents/code/smith.md:4: ") && warnings[0].contains("`color`"), "{warnings:?}");
    }

    #[test]
    fn broken_yaml_is_read_line_by_line() {
        let text = "---\nname: smith\ndescription: Forges. Triggers on: 'iron', \"steel\".\ntools: Read\n---\nYou.\n";
        let (smith, warnings) = one(text);
        assert_eq!(smith.description, "Forges. Triggers on: 'iron', \"steel\".");
        assert_eq!((smith.name.as_str(), smith.tools.as_slice()), ("smith", ["Read".to_owned()].as_slice()));
        assert!(warnings.len() == 1 && warnings[0].contains("not valid YAML"), "{warnings:?}");
    }

    #[test]
    fn a_key_given_twice_keeps_its_first_value() {
        let (smith, warnings) = one("---\nname: smith\nname: other\ndescription: d\n---\nYou.\n");
        assert_eq!(smith.name, "smith");
        assert!(warnings.iter().any(|warning| warning.contains(":3: ") && warning.contains("twice")), "{warnings:?}");
    }

    #[test]
    fn without_front_matter_the_file_names_the_agent_and_its_first_sentence_describes_it() {
        let (smith, warnings) = one("# Smith\n\nForges things. And more.\n");
        assert_eq!((smith.name.as_str(), smith.description.as_str()), ("smith", "Forges things."));
        assert!(smith.prompt.starts_with("# Smith"));
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        // A front matter that is never closed is no front matter: the text stays whole.
        let (smith, _) = one("---\nname: other\n\nForges things.\n");
        assert_eq!((smith.name.as_str(), smith.prompt.contains("name: other")), ("smith", true));
    }

    #[test]
    fn an_empty_file_and_a_name_that_cannot_be_one_are_refused() {
        for text in ["", " \n", "---\nname: \"a\\u0007b\"\ndescription: d\n---\nx\n"] {
            let (definition, warnings) = parse("x.md", text);
            assert!(definition.is_none() && warnings.iter().any(|w| w.severity == Severity::Error), "{text:?}");
        }
    }
}
