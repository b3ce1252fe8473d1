//! What a task asks for, out of its words.

use std::fmt;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A page with a heading.
    Page { path: String, heading: String },
    /// A section of a page.
    Section { path: String, title: String, text: String },
    /// A line of a list.
    Line { path: String, line: String },
    /// A setting.
    Setting { path: String, key: String, value: String },
    /// A file whose text the task gives.
    File { path: String, text: String },
    /// Links to every page of a folder.
    Index { folder: String, path: String },
    /// What a command prints.
    Output { command: String, path: String },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page { path, .. } => write!(f, "writing the page {path}"),
            Self::Section { path, title, .. } => write!(f, "adding the section {title} to {path}"),
            Self::Line { path, line } => write!(f, "adding {line} to {path}"),
            Self::Setting { path, key, .. } => write!(f, "setting {key} in {path}"),
            Self::File { path, .. } => write!(f, "writing {path}"),
            Self::Index { folder, path } => write!(f, "listing the pages of {folder} in {path}"),
            Self::Output { command, path } => write!(f, "running {command} for {path}"),
        }
    }
}

impl Step {
    /// The file it is about.
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Page { path, .. }
            | Self::Section { path, .. }
            | Self::Line { path, .. }
            | Self::Setting { path, .. }
            | Self::File { path, .. }
            | Self::Index { path, .. }
            | Self::Output { path, .. } => path,
        }
    }

    /// The step done in the right place, with the wrong words.
    pub(crate) fn spoiled(&self) -> Self {
        let todo = || "To be written".to_owned();
        let path = self.path().to_owned();
        match self {
            Self::Page { .. } => Self::Page { path, heading: todo() },
            Self::Section { title, .. } => Self::Section { path, title: title.clone(), text: todo() },
            Self::Line { .. } => Self::Line { path, line: todo() },
            Self::Setting { key, .. } => Self::Setting { path, key: key.clone(), value: "to-be-decided".to_owned() },
            Self::File { .. } | Self::Index { .. } | Self::Output { .. } => {
                Self::File { path, text: format!("# {}\n", todo()) }
            }
        }
    }
}

/// The steps of a task: the sentences that ask for something, wherever they stand in it.
pub(crate) fn steps(prompt: &str) -> Vec<Step> {
    let lines: Vec<&str> = prompt.lines().collect();
    lines.iter().filter_map(|line| step(sentence(line), &lines)).collect()
}

/// A line without its bullet, number and box.
fn sentence(line: &str) -> &str {
    let line = line.trim();
    let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || "-*+.)".contains(c)).trim_start();
    ["[ ]", "[x]", "[~]"].iter().find_map(|marker| line.strip_prefix(marker)).unwrap_or(line).trim_start()
}

fn step(sentence: &str, lines: &[&str]) -> Option<Step> {
    // Between backticks is what is meant, around them what is to be done with it.
    let parts: Vec<&str> = sentence.split('`').collect();
    let words = |at: usize| parts.get(at * 2).map(|part| part.trim());
    let span = |at: usize| parts.get(at * 2 + 1).map(|part| (*part).to_owned());
    let is = |at: usize, text: &str| words(at) == Some(text);
    Some(match words(0)? {
        "Create" if is(1, "with the heading") => Step::Page { path: span(0)?, heading: span(1)? },
        "Create" if is(1, "from the listing below.") => {
            let path = span(0)?;
            let text = listing(&path, lines)?;
            Step::File { path, text }
        }
        "Add the section" if is(1, "to") => {
            // The rest of the sentence may have backticks of its own.
            let rest = sentence.splitn(5, '`').nth(4)?;
            Step::Section { title: span(0)?, path: span(1)?, text: rest.trim_start_matches(':').trim().to_owned() }
        }
        "Add the line" if is(1, "to") => Step::Line { line: span(0)?, path: span(1)? },
        "Set" if is(1, "to") && is(2, "in") => Step::Setting { key: span(0)?, value: span(1)?, path: span(2)? },
        "List every page of" if is(1, "in") => Step::Index { folder: span(0)?, path: span(1)? },
        "Run" if is(1, "and keep what it prints in") => Step::Output { command: span(0)?, path: span(1)? },
        _ => return None,
    })
}

/// The fenced block below the line that names its file.
fn listing(path: &str, lines: &[&str]) -> Option<String> {
    let name = format!("`{path}`:");
    let at = lines.iter().position(|line| line.trim() == name)?;
    let mut below = lines.get(at + 1..)?.iter().skip_while(|line| line.trim().is_empty());
    below.next().filter(|line| line.starts_with("```"))?;
    let text: Vec<&str> = below.take_while(|line| !line.starts_with("```")).copied().collect();
    Some(text.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_out_of_the_words_of_a_task() {
        let prompt = "Task 1.1: Title\n\nSteps:\n- Create `a.md` with the heading `A`.\n- [ ] Add the section `S` to `a.md`: So `it` is.\n\
                      - Create `x.sh` from the listing below.\n\nIt will be verified with:\n- test -s `a.md`\n\n`x.sh`:\n\n```text\none\n\n  two\n```\n";
        let text = |text: &str| text.to_owned();
        assert_eq!(
            steps(prompt),
            [
                Step::Page { path: text("a.md"), heading: text("A") },
                Step::Section { path: text("a.md"), title: text("S"), text: text("So `it` is.") },
                Step::File { path: text("x.sh"), text: text("one\n\n  two\n") },
            ]
        );
    }

    #[test]
    fn what_is_no_step_asks_for_nothing() {
        assert!(steps("Create something.\n- Setting `a` to `b`\nCreate `a` from the listing below.\n").is_empty());
    }
}
