//! From what people write after `Dependencies:` to the tasks they mean.
//!
//! Nothing is dropped in silence: a reference that leads nowhere is an error and holds its task, a
//! piece that is no reference at all (a package, prose) is a warning.

mod index;
mod pieces;
pub(crate) mod ranges;

use std::collections::HashSet;

use crate::body::Body;
use crate::diagnostic::{Code, Sink};
use crate::headings::Outline;
use crate::lines::Line;
use crate::model::{Dependency, PlanTask, UnresolvedDependency};
use crate::select::Draft;

use index::Index;

/// References like `All tasks` on every task would make a list of millions.
const MOST_DEPENDENCIES: usize = 250_000;

/// What resolution looks at.
pub(crate) struct Context<'a, 'c> {
    pub document: &'a str,
    pub lines: &'c [Line<'a>],
    pub outline: &'c Outline,
    pub drafts: &'c [Draft<'a>],
    pub bodies: &'c [Body<'a>],
}

/// What a piece of a dependency list comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// These tasks (by number), and where an end of a range is missing, that end.
    Tasks(Vec<usize>, Option<String>),
    /// Nothing: `None`, a remark, a name in backticks.
    Nothing,
    /// No reference to a task.
    Prose,
    /// A reference to a task or a section that is not there.
    Unknown,
    /// An id that these tasks have.
    Ambiguous(Vec<usize>),
}

/// Fills in the dependencies of the tasks.
pub(crate) fn resolve(context: &Context<'_, '_>, tasks: &mut [PlanTask], sink: &mut Sink<'_>) {
    let index = Index::new(context.outline, context.drafts, tasks);
    let mut budget = MOST_DEPENDENCIES;
    let mut suggestions = 40;
    let mut resolved = Vec::with_capacity(tasks.len());
    for (at, body) in context.bodies.iter().enumerate() {
        let mut found = Found::default();
        for reference in &body.references {
            let start = context.lines.get(reference.line).map_or(0, |l| l.start);
            let (mut at_byte, mut column) = (start, 1);
            for piece in pieces::pieces(context.document, &reference.text) {
                column += context.document.get(at_byte..piece.start).map_or(0, |t| t.chars().count());
                at_byte = piece.start;
                let text = context.document.get(piece).unwrap_or_default();
                let spot = Spot { text, line: reference.line + 1, column };
                let meaning = index.meaning(spot.text, at);
                found.take(meaning, at, &spot, tasks, &index, &mut budget, &mut suggestions, sink);
            }
        }
        resolved.push(found);
    }
    // A task waits for those it encloses, unless one of them waits for it.
    let mut children: Vec<(usize, usize)> = Vec::new();
    for (at, draft) in context.drafts.iter().enumerate() {
        if let Some(parent) = draft.parent
            && resolved.get(at).is_some_and(|f: &Found| !f.seen.contains(&parent))
        {
            children.push((parent, at));
        }
    }
    for (parent, child) in children {
        if let (Some(found), Some(task)) = (resolved.get_mut(parent), tasks.get(child))
            && found.seen.insert(child)
        {
            found.dependencies.push(Dependency { key: task.key.clone(), line: task.line, column: task.column });
        }
    }
    for (task, found) in tasks.iter_mut().zip(resolved) {
        task.dependencies = found.dependencies;
        task.unresolved = found.unresolved;
        task.asides = found.asides;
    }
}

/// A piece of text and where it stands.
struct Spot<'a> {
    text: &'a str,
    line: usize,
    column: usize,
}

impl Spot<'_> {
    fn reference(&self) -> UnresolvedDependency {
        UnresolvedDependency { text: self.text.to_owned(), line: self.line, column: self.column }
    }
}

#[derive(Default)]
struct Found {
    dependencies: Vec<Dependency>,
    unresolved: Vec<UnresolvedDependency>,
    asides: Vec<UnresolvedDependency>,
    seen: HashSet<usize>,
}

impl Found {
    #[allow(clippy::too_many_arguments)]
    fn take(
        &mut self,
        meaning: Meaning,
        owner: usize,
        spot: &Spot<'_>,
        tasks: &[PlanTask],
        index: &Index,
        budget: &mut usize,
        suggestions: &mut usize,
        sink: &mut Sink<'_>,
    ) {
        let key = |at: usize| tasks.get(at).map_or("", |t| t.key.as_str());
        let (code, message, help) = match meaning {
            Meaning::Nothing => {
                if spot.text.starts_with('`') {
                    self.asides.push(spot.reference());
                }
                return;
            }
            Meaning::Tasks(found, missing) => {
                if found == [owner] {
                    let message = format!("task `{}` depends on itself", key(owner));
                    (Code::SelfDependency, message, "remove the reference, or name the task that was meant".to_owned())
                } else if found.len() > *budget {
                    let message =
                        format!("`{}` names {} tasks, too many to be listed one by one", spot.text, found.len());
                    (Code::TooManyDependencies, message, "name the last tasks only".to_owned())
                } else {
                    *budget -= found.len();
                    for at in found.into_iter().filter(|at| *at != owner) {
                        if self.seen.insert(at) {
                            self.dependencies.push(Dependency {
                                key: key(at).to_owned(),
                                line: spot.line,
                                column: spot.column,
                            });
                        }
                    }
                    let Some(missing) = missing else { return };
                    let message = format!("`{}` ends at `{missing}`, which is no task here", spot.text);
                    (Code::UnknownDependency, message, help(&missing, index, tasks, suggestions))
                }
            }
            Meaning::Prose => {
                let message = format!("`{}` is no reference to a task and holds nothing back", spot.text);
                let help = "name tasks by their ids; put packages and remarks in backticks or elsewhere".to_owned();
                sink.add(Code::IgnoredDependency, (spot.line, spot.column), message, help);
                self.asides.push(spot.reference());
                return;
            }
            Meaning::Unknown => {
                let message = format!("`{}` is no task of this document", spot.text);
                (Code::UnknownDependency, message, help(spot.text, index, tasks, suggestions))
            }
            Meaning::Ambiguous(found) => {
                let keys: Vec<&str> = found.iter().take(5).map(|at| key(*at)).collect();
                let message = format!("`{}` could be {}", spot.text, keys.join(", "));
                (Code::AmbiguousDependency, message, "write the key of the one that is meant".to_owned())
            }
        };
        sink.add(code, (spot.line, spot.column), message, help);
        self.unresolved.push(spot.reference());
    }
}

/// What to do about an unknown reference; looks for a near key only so many times.
fn help(text: &str, index: &Index, tasks: &[PlanTask], suggestions: &mut usize) -> String {
    let near = suggestions.checked_sub(1).and_then(|left| {
        *suggestions = left;
        index.nearest(text, tasks)
    });
    match near {
        Some(key) => format!("did you mean `{key}`?"),
        None => "correct the id, or add the task; until then this task is held".to_owned(),
    }
}
