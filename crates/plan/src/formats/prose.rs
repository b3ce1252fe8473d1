//! What stands about one task in a piece of markdown that is all its own: a file below its front matter, or a text
//! inside JSON.

use crate::body::{self, Body};
use crate::diagnostic::Sink;
use crate::formats::Format;
use crate::headings::Outline;
use crate::lines;
use crate::model::{Anchor, PlanTask};
use crate::scopes;
use crate::select::{Draft, Selection, Source};
use crate::values;

/// Reads the lines of `document` from `first` (counted from 0) on.
pub(crate) fn read<'a>(document: &'a str, first: usize, sink: &mut Sink<'_>) -> Body<'a> {
    let (lines, _) = lines::scan(document, Format::GitHub);
    let outline = Outline::new(document, &lines, Format::GitHub);
    let scopes = scopes::scopes(document, &lines);
    let source = Source { document, lines: &lines, outline: &outline, scopes: &scopes };
    let draft = Draft { line: usize::MAX, heading: None, checkbox: None, id: None, rest: "", parent: None };
    let owner = (0..lines.len()).map(|line| (line >= first).then_some(0)).collect();
    let (bodies, _) = body::read(&source, &Selection { drafts: vec![draft], owner }, sink);
    bodies.into_iter().next().unwrap_or_default()
}

/// A task with a title and a place, about which a text says the rest.
pub(crate) fn task(title: &str, (line, column): (usize, usize), mut body: Body<'_>, anchor: Anchor) -> PlanTask {
    let task = body.task(anchor);
    PlanTask {
        title: title.split_whitespace().collect::<Vec<_>>().join(" "),
        line,
        column,
        human: task.human || values::is_for_person(title),
        optional: task.optional || values::is_optional(title),
        ..task
    }
}
