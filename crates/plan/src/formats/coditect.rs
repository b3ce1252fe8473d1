//! The CODITECT dialect: from lines to a plan.

use std::collections::HashSet;

use crate::body::{self, Body, Reference};
use crate::dependencies;
use crate::diagnostic::{Code, Sink};
use crate::edit;
use crate::formats::Format;
use crate::headings::Outline;
use crate::keys;
use crate::label;
use crate::lines::{self, Kind, Line};
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Plan, PlanTask, Step, Style};
use crate::scopes;
use crate::select::{self, Draft, Selection, Source};
use crate::urgency;
use crate::values;

pub(crate) fn parse(path: &str, document: &str) -> Plan {
    parse_with(path, document, Format::Coditect, select::select)
}

/// Reads markdown of another dialect whose tasks are those that `select` chooses.
pub(crate) fn parse_with<'a>(
    path: &str,
    document: &'a str,
    format: Format,
    select: impl Fn(&Source<'a, '_>, &mut Sink<'_>) -> Selection<'a>,
) -> Plan {
    let mut sink = Sink::new(path);
    let (lines, unbalanced) = lines::scan(document, format);
    for line in unbalanced {
        let column = lines.get(line).map_or(1, |l| l.indent + 1);
        let message = "this code fence is never closed; it is read as if it were not there".to_owned();
        sink.add(Code::UnbalancedFence, (line + 1, column), message, "close it with a line of its own marks".into());
    }
    let outline = Outline::new(document, &lines, format);
    let scopes = scopes::scopes(document, &lines);
    let source = Source { document, lines: &lines, outline: &outline, scopes: &scopes };
    let selection = select(&source, &mut sink);
    let (mut bodies, verify) = body::read(&source, &selection, &mut sink);
    let drafts = selection.drafts;
    unknown_markers((document, format), &lines, &drafts, &bodies, &mut sink);
    let keys = keys::keys(&drafts, &outline, &lines, &mut sink);
    let mut style = Style::default();
    let mut tasks = Vec::with_capacity(drafts.len());
    for ((draft, body), key) in drafts.iter().zip(&mut bodies).zip(&keys) {
        let Some(line) = lines.get(draft.line) else { continue };
        if !matches!(format, Format::Obsidian | Format::GitHub) {
            body.references.extend(inline_reference(draft.line, line));
        }
        let mut task = task(document, draft, body, line, &outline, &mut style);
        task.key.clone_from(key);
        task.parent = draft.parent.and_then(|p| keys.get(p)).cloned();
        open_steps(&task, &mut sink);
        tasks.push(task);
    }
    dependencies::resolve(
        &dependencies::Context { document, lines: &lines, outline: &outline, drafts: &drafts, bodies: &bodies },
        &mut tasks,
        &mut sink,
    );
    style.title = outline.title().map(str::to_owned);
    Plan { path: path.to_owned(), format, tasks, verify, diagnostics: sink.finish(), style }
}

/// A task without its key, parent and dependencies.
fn task(
    document: &str,
    draft: &Draft<'_>,
    body: &mut Body<'_>,
    line: &Line<'_>,
    outline: &Outline,
    style: &mut Style,
) -> PlanTask {
    let (mut title, minutes) = label::clean_title(draft.rest);
    if title.is_empty() {
        draft.id.unwrap_or_default().clone_into(&mut title);
    }
    let sections: Vec<usize> = outline.around(keys::section(draft, outline)).collect();
    let titles = || sections.iter().filter_map(|h| outline.headings.get(*h)).map(|h| h.title.as_str());
    let anchor = anchor(document, draft, body, outline, style);
    let optional = draft.checkbox.as_ref().is_some_and(|b| b.optional) || values::is_optional(draft.rest);
    let status = status(document, draft, &body.steps, &anchor);
    let task = body.task(anchor);
    PlanTask {
        id: draft.id.map(str::to_owned),
        status,
        line: draft.line + 1,
        column: line.indent_chars() + 1,
        section: sections.iter().rev().filter_map(|h| outline.headings.get(*h)).map(|h| h.title.clone()).collect(),
        priority: task.priority.or_else(|| urgency::tag(draft.rest)).or_else(|| titles().find_map(urgency::tag)),
        estimate_minutes: task.estimate_minutes.or(minutes),
        optional: task.optional || optional,
        human: task.human || values::is_for_person(draft.rest),
        span: line.start..line.start + line.text.len(),
        title,
        ..task
    }
}

fn anchor(document: &str, draft: &Draft<'_>, body: &mut Body<'_>, outline: &Outline, style: &mut Style) -> Anchor {
    if let Some(checkbox) = &draft.checkbox {
        return Anchor::Box { marker: checkbox.marker.clone() };
    }
    let text = outline.get(draft.heading).map_or(0..0, |h| h.text.clone());
    let (ticks, written) = edit::ticks(document, &text);
    if style.tick.is_none() {
        style.tick = written;
    }
    Anchor::Heading { text, ticks, status_field: body.status_field.take() }
}

fn status(document: &str, draft: &Draft<'_>, steps: &[Step], anchor: &Anchor) -> MarkerStatus {
    if let Some(checkbox) = &draft.checkbox {
        return checkbox.status.unwrap_or(MarkerStatus::Pending);
    }
    let any = |status| steps.iter().any(|s| s.status == status);
    match anchor {
        _ if !steps.is_empty() => {
            if steps.iter().all(|s| s.status.is_settled()) {
                if any(MarkerStatus::Completed) { MarkerStatus::Completed } else { MarkerStatus::Cancelled }
            } else if any(MarkerStatus::InProgress) {
                MarkerStatus::InProgress
            } else if any(MarkerStatus::Blocked) {
                MarkerStatus::Blocked
            } else {
                MarkerStatus::Pending
            }
        }
        Anchor::Heading { status_field: Some(field), .. } => {
            MarkerStatus::of_words(document.get(field.clone()).unwrap_or_default())
        }
        Anchor::Heading { ticks, .. } if !ticks.is_empty() => MarkerStatus::Completed,
        _ => MarkerStatus::Pending,
    }
}

/// `(depends on …)` in the line of a task.
fn inline_reference(number: usize, line: &Line<'_>) -> Option<Reference> {
    let lower = line.text.to_ascii_lowercase();
    let at = lower.find("(depends on ")? + "(depends on ".len();
    let len = lower.get(at..)?.find(')')?;
    Some(Reference { line: number, text: line.start + at..line.start + at + len })
}

/// Remarks on a finished task whose steps are not.
pub(crate) fn open_steps(task: &PlanTask, sink: &mut Sink<'_>) {
    let open = task.steps.iter().filter(|s| !s.status.is_settled()).count();
    if task.status == MarkerStatus::Completed && open > 0 {
        let message = format!("task `{}` is ticked, but {open} of its {} steps are not", task.key, task.steps.len());
        sink.add(Code::OpenSteps, (task.line, task.column), message, "tick the steps, or untick the task".into());
    }
}

/// For dialects whose tools count every box: a ticked task with open steps is not done, whatever its own box says.
pub(super) fn open_steps_are_open_tasks(plan: &mut Plan) {
    for task in plan.tasks.iter_mut().filter(|t| t.status == MarkerStatus::Completed) {
        if task.steps.iter().any(|s| !s.status.is_settled()) {
            task.status = MarkerStatus::Pending;
        }
    }
}

fn unknown_markers(
    (document, format): (&str, Format),
    lines: &[Line<'_>],
    drafts: &[Draft<'_>],
    bodies: &[Body<'_>],
    sink: &mut Sink<'_>,
) {
    let known: Vec<String> = MarkerStatus::ALL
        .into_iter()
        .filter_map(|s| Some(format!("[{}] {}", format.marker(s)?, s.as_str().replace('_', " "))))
        .collect();
    let steps: HashSet<usize> = bodies.iter().flat_map(|b| &b.steps).map(|s| s.line - 1).collect();
    let tasks: HashSet<usize> = drafts.iter().map(|d| d.line).collect();
    for (i, line) in lines.iter().enumerate() {
        let Kind::Item { checkbox: Some(checkbox), .. } = &line.kind else { continue };
        if checkbox.status.is_none() && (steps.contains(&i) || tasks.contains(&i)) {
            let marker = document.get(checkbox.marker.clone()).unwrap_or_default();
            let message = format!("`[{marker}]` is no marker known here; it counts as not done");
            let help = format!("use {}", known.join(", "));
            sink.add(Code::UnknownMarker, (i + 1, line.column(checkbox.marker.start)), message, help);
        }
    }
}

impl Line<'_> {
    /// Leading blanks, in characters.
    fn indent_chars(&self) -> usize {
        crate::text::indent(self.text).1
    }
}
