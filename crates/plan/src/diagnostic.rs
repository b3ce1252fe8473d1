//! What is odd about a plan, where, and what to do about it.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A task cannot run as written.
    Error,
    /// The plan was understood, perhaps not as meant.
    Warning,
}

/// What a diagnostic is about. Serialised in kebab-case; the names are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Error: a dependency names a task that is not in the document. The task is held.
    UnknownDependency,
    /// Error: a dependency names an id that several tasks have, none of them nearest. The task is held.
    AmbiguousDependency,
    /// Error: a task depends on itself. The task is held.
    SelfDependency,
    /// Error: a dependency names so many tasks that it was not expanded. The task is held.
    TooManyDependencies,
    /// Warning: a piece of a dependency list is no task reference (a package, prose) and gates nothing.
    IgnoredDependency,
    /// Warning: an id is used twice in one section; the tasks are told apart by their order only.
    DuplicateId,
    /// Warning: a priority that is none of P0 to P3 nor a known word; the default is used.
    UnknownPriority,
    /// Warning: an estimate without a number and a unit of time; the task has none.
    UnknownEstimate,
    /// Warning: a code fence is never closed; it is read as if it were not there.
    UnbalancedFence,
    /// Warning: a box with a marker that means nothing here; it counts as not done.
    UnknownMarker,
    /// Warning: a box without an id where other boxes have ids; it is not a task.
    BoxWithoutId,
    /// Warning: a box with an id outside every task of a document whose tasks are headings; it is not a task.
    BoxOutsideTask,
    /// Warning: a ticked task has steps that are not ticked.
    OpenSteps,
    /// Error: the document is not JSON, or JSON without the lists it should have; it has no tasks.
    NotJson,
    /// Warning: front matter that is missing or no YAML; its lines are read one by one.
    BadFrontMatter,
    /// Warning: an entry in a list of tasks that is none: it has neither an id nor a title.
    NotATask,
    /// Warning: a word of status that is not known; it counts as not done.
    UnknownStatus,
}

impl Code {
    /// Every code there is.
    pub const ALL: [Self; 17] = [
        Self::UnknownDependency,
        Self::AmbiguousDependency,
        Self::SelfDependency,
        Self::TooManyDependencies,
        Self::IgnoredDependency,
        Self::DuplicateId,
        Self::UnknownPriority,
        Self::UnknownEstimate,
        Self::UnbalancedFence,
        Self::UnknownMarker,
        Self::BoxWithoutId,
        Self::BoxOutsideTask,
        Self::OpenSteps,
        Self::NotJson,
        Self::BadFrontMatter,
        Self::NotATask,
        Self::UnknownStatus,
    ];

    /// The name as it is printed, in kebab-case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownDependency => "unknown-dependency",
            Self::AmbiguousDependency => "ambiguous-dependency",
            Self::SelfDependency => "self-dependency",
            Self::TooManyDependencies => "too-many-dependencies",
            Self::IgnoredDependency => "ignored-dependency",
            Self::DuplicateId => "duplicate-id",
            Self::UnknownPriority => "unknown-priority",
            Self::UnknownEstimate => "unknown-estimate",
            Self::UnbalancedFence => "unbalanced-fence",
            Self::UnknownMarker => "unknown-marker",
            Self::BoxWithoutId => "box-without-id",
            Self::BoxOutsideTask => "box-outside-task",
            Self::OpenSteps => "open-steps",
            Self::NotJson => "not-json",
            Self::BadFrontMatter => "bad-front-matter",
            Self::NotATask => "not-a-task",
            Self::UnknownStatus => "unknown-status",
        }
    }

    /// How bad this code is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::UnknownDependency
            | Self::AmbiguousDependency
            | Self::SelfDependency
            | Self::TooManyDependencies
            | Self::NotJson => Severity::Error,
            _ => Severity::Warning,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One remark about a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What it is about.
    pub code: Code,
    /// The document, as its path was given.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Gathers the diagnostics of one document.
pub(crate) struct Sink<'a> {
    path: &'a str,
    found: Vec<Diagnostic>,
}

impl<'a> Sink<'a> {
    pub(crate) const fn new(path: &'a str) -> Self {
        Self { path, found: Vec::new() }
    }

    pub(crate) fn add(&mut self, code: Code, (line, column): (usize, usize), message: String, help: String) {
        let (severity, path) = (code.severity(), self.path.to_owned());
        self.found.push(Diagnostic { severity, code, path, line, column, message, help });
    }

    /// Takes over what was found before.
    pub(crate) fn extend(&mut self, found: Vec<Diagnostic>) {
        self.found.extend(found);
    }

    /// Everything found, in the order of the document.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|d| (d.line, d.column, d.code));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_serialised_as_it_is_printed() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
