//! Which headings or boxes are the tasks, and which lines belong to which task.
//!
//! Where headings carry task ids, they are the tasks; else where boxes carry ids, those boxes; else
//! the outermost boxes.

use crate::diagnostic::{Code, Sink};
use crate::fields::{self, Key};
use crate::headings::{Outline, Role};
use crate::label::{self, Label};
use crate::lines::{Checkbox, Kind, Line};

/// A task to be: where it stands and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct Draft<'a> {
    pub line: usize,
    /// The heading it is, or the heading it stands under.
    pub heading: Option<usize>,
    /// Its box; `None` for a task that is a heading.
    pub checkbox: Option<Checkbox>,
    pub id: Option<&'a str>,
    /// What follows the id, not cleaned.
    pub rest: &'a str,
    /// The draft around it.
    pub parent: Option<usize>,
}

/// The drafts in order, and per line the draft whose body it is part of.
pub(crate) struct Selection<'a> {
    pub drafts: Vec<Draft<'a>>,
    pub owner: Vec<Option<usize>>,
}

/// What selection looks at.
pub(crate) struct Source<'a, 'l> {
    pub document: &'a str,
    pub lines: &'l [Line<'a>],
    pub outline: &'l Outline,
    pub scopes: &'l [Option<Key>],
}

impl<'a> Source<'a, '_> {
    pub(crate) fn text(&self, range: &std::ops::Range<usize>) -> &'a str {
        self.document.get(range.clone()).unwrap_or_default()
    }

    /// The box on a line, if it is one that can be a task or a step.
    pub(crate) fn work(&self, line: usize) -> Option<(&Checkbox, &'a str)> {
        let Kind::Item { checkbox: Some(checkbox), text } = &self.lines.get(line)?.kind else { return None };
        let free = !matches!(self.scopes.get(line), Some(Some(Key::Acceptance | Key::Legend | Key::Verify)));
        (free && self.outline.role_of_line(line) == Role::Plain).then(|| (checkbox, self.text(text)))
    }
}

/// Chooses the tasks.
pub(crate) fn select<'a>(source: &Source<'a, '_>, sink: &mut Sink<'_>) -> Selection<'a> {
    let tasks = task_headings(source);
    if tasks.iter().any(Option::is_some) {
        return by_heading(source, &tasks, sink);
    }
    let with_ids = (0..source.lines.len()).any(|i| source.work(i).is_some_and(|(_, t)| label::label(t).is_some()));
    by_box(source, with_ids, &|text| label::label(text).filter(|_| with_ids), sink)
}

/// Takes the outermost boxes for the tasks, and those nested ones to which `id_of` gives an id.
pub(crate) fn outermost<'a>(
    source: &Source<'a, '_>,
    id_of: &dyn Fn(&'a str) -> Option<&'a str>,
    sink: &mut Sink<'_>,
) -> Selection<'a> {
    by_box(source, false, &|text| id_of(text).map(|id| Label { id, word: true, rest: text }), sink)
}

/// Per heading, its label where the heading is a task.
fn task_headings<'a>(source: &Source<'a, '_>) -> Vec<Option<Label<'a>>> {
    let headings = &source.outline.headings;
    let labels: Vec<Option<Label<'a>>> =
        headings.iter().map(|h| label::label(source.text(&h.text)).filter(|_| h.role == Role::Plain)).collect();
    let own = own_contents(source);
    // A bare id (`3.2 Title`) also numbers sections. It is a task where there are fields beneath, or
    // boxes and a sibling with fields; never where the boxes beneath have ids of their own.
    let bare = |at: usize| labels.get(at).copied().flatten().is_some_and(|l| !l.word);
    let mut has_deeper = vec![false; headings.len()];
    for (at, heading) in headings.iter().enumerate() {
        if labels.get(at).is_some_and(Option::is_some)
            && let Some(flag) = heading.parent.and_then(|p| has_deeper.get_mut(p))
        {
            *flag = true;
        }
    }
    let fit = |at: usize, contents: &Contents| {
        contents.boxes_with_ids == 0 && (contents.boxes > 0 || !has_deeper.get(at).copied().unwrap_or_default())
    };
    let mut levels = [false; 7];
    for (at, (heading, contents)) in headings.iter().zip(&own).enumerate() {
        if bare(at)
            && contents.fields
            && fit(at, contents)
            && let Some(level) = levels.get_mut(heading.level)
        {
            *level = true;
        }
    }
    let qualifies = |at: usize| {
        let (Some(heading), Some(contents)) = (headings.get(at), own.get(at)) else { return false };
        let sibling = levels.get(heading.level).copied().unwrap_or_default();
        sibling && fit(at, contents) && (contents.fields || contents.boxes > 0)
    };
    labels.iter().enumerate().map(|(at, l)| l.filter(|l| l.word || qualifies(at))).collect()
}

#[derive(Debug, Clone, Default)]
struct Contents {
    fields: bool,
    boxes: usize,
    boxes_with_ids: usize,
}

/// What stands directly under each heading.
fn own_contents(source: &Source<'_, '_>) -> Vec<Contents> {
    let mut own = vec![Contents::default(); source.outline.headings.len()];
    for (i, line) in source.lines.iter().enumerate() {
        let Some(contents) = source.outline.of_line.get(i).copied().flatten().and_then(|h| own.get_mut(h)) else {
            continue;
        };
        match &line.kind {
            Kind::Item { checkbox: Some(_), .. } => {
                if let Some((_, text)) = source.work(i) {
                    contents.boxes += 1;
                    contents.boxes_with_ids += usize::from(label::label(text).is_some());
                }
            }
            Kind::Item { text, .. } | Kind::Prose { text } => {
                contents.fields |= fields::fields(source.document, text).iter().any(|f| f.key.is_of_task());
            }
            _ => {}
        }
    }
    own
}

/// Headings as tasks: those with a label.
pub(crate) fn by_heading<'a>(
    source: &Source<'a, '_>,
    tasks: &[Option<Label<'a>>],
    sink: &mut Sink<'_>,
) -> Selection<'a> {
    let mut drafts = Vec::new();
    // Per heading, the draft it is or is part of.
    let mut of_heading: Vec<Option<usize>> = Vec::with_capacity(tasks.len());
    for (at, (heading, task)) in source.outline.headings.iter().zip(tasks).enumerate() {
        let around = heading.parent.and_then(|p| of_heading.get(p).copied().flatten());
        let Some(label) = task else {
            of_heading.push(around);
            continue;
        };
        of_heading.push(Some(drafts.len()));
        drafts.push(Draft {
            line: heading.line,
            heading: Some(at),
            checkbox: None,
            id: Some(label.id),
            rest: label.rest,
            parent: around,
        });
    }
    let owner: Vec<Option<usize>> =
        source.outline.of_line.iter().map(|h| of_heading.get((*h)?).copied().flatten()).collect();
    for (i, line) in source.lines.iter().enumerate() {
        if owner.get(i).is_some_and(Option::is_none)
            && let Some((_, text)) = source.work(i)
            && let Some(label) = label::label(text)
        {
            sink.add(
                Code::BoxOutsideTask,
                (i + 1, line.indent + 1),
                format!("the box `{}` is outside every task and is not a task itself", label.id),
                "in this document the headings with ids are the tasks; give this one a heading such as `#### Task 1.2: Title`".into(),
            );
        }
    }
    Selection { drafts, owner }
}

fn by_box<'a>(
    source: &Source<'a, '_>,
    with_ids: bool,
    label_of: &dyn Fn(&'a str) -> Option<Label<'a>>,
    sink: &mut Sink<'_>,
) -> Selection<'a> {
    let (selection, left_out) = boxes(source, |_, text, around| {
        let label = label_of(text);
        let is_task = match (around, label) {
            (None, label) => label.is_some() || !with_ids,
            (Some(around), Some(label)) => !with_ids || !extends(label.id, around.id.unwrap_or_default()),
            (Some(_), None) => false,
        };
        is_task.then(|| (label.map(|l| l.id), label.map_or(text, |l| l.rest)))
    });
    if with_ids {
        without_id(source, &left_out, sink);
    }
    selection
}

/// Boxes as tasks: of each box's line, text and the task around it, `choose` says whether it is one, and then its id
/// and what follows the id. A nested box that is none is a step; the lines of the others come second.
pub(crate) fn boxes<'a>(
    source: &Source<'a, '_>,
    choose: impl Fn(usize, &'a str, Option<&Draft<'a>>) -> Option<(Option<&'a str>, &'a str)>,
) -> (Selection<'a>, Vec<usize>) {
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    let mut owner = Vec::with_capacity(source.lines.len());
    let mut open: Vec<(usize, usize)> = Vec::new(); // indent, draft
    let (mut after_blank, mut left_out) = (false, Vec::new());
    for (i, line) in source.lines.iter().enumerate() {
        match &line.kind {
            Kind::Heading { .. } | Kind::Rule => open.clear(),
            Kind::Item { .. } => {
                // An item must stand two columns further in to be part of the one above.
                while open.last().is_some_and(|(indent, _)| line.indent < indent + 2) {
                    open.pop();
                }
                if let Some((checkbox, text)) = source.work(i) {
                    let parent = open.last().map(|(_, draft)| *draft);
                    if let Some((id, rest)) = choose(i, text, parent.and_then(|p| drafts.get(p))) {
                        open.push((line.indent, drafts.len()));
                        drafts.push(Draft {
                            line: i,
                            heading: source.outline.of_line.get(i).copied().flatten(),
                            checkbox: Some(checkbox.clone()),
                            id,
                            rest,
                            parent,
                        });
                    } else if parent.is_none() {
                        left_out.push(i);
                    }
                }
            }
            // Text after a blank line is part of an item only when it is indented.
            Kind::Prose { .. } | Kind::FenceOpen if after_blank => {
                while open.last().is_some_and(|(indent, _)| line.indent <= *indent) {
                    open.pop();
                }
            }
            _ => {}
        }
        after_blank = line.kind == Kind::Blank;
        owner.push(open.last().map(|(_, draft)| *draft));
    }
    (Selection { drafts, owner }, left_out)
}

/// Says of boxes that they are left out because they have no id.
pub(crate) fn without_id(source: &Source<'_, '_>, lines: &[usize], sink: &mut Sink<'_>) {
    for i in lines.iter().copied() {
        let Some((_, text)) = source.work(i) else { continue };
        let column = source.lines.get(i).map_or(1, |l| l.indent + 1);
        let title: String = text.chars().take(60).collect();
        sink.add(
            Code::BoxWithoutId,
            (i + 1, column),
            format!("the box `{title}` has no id and is not a task"),
            "other boxes in this document have ids; give this one an id, or indent it under its task".into(),
        );
    }
}

/// Whether a nested id is a part of the id around it (`3.2.1` of `3.2`): such a box is a step.
fn extends(id: &str, around: &str) -> bool {
    id.strip_prefix(around).is_some_and(|rest| rest.starts_with(['.', '-']))
}
