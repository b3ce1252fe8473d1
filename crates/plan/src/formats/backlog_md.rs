//! Backlog.md: one task a file, its fields in the front matter.
//!
//! Its tool leaves the boxes of the acceptance criteria alone when a task is done, and so does this: they are told to
//! the agent, and a person or the agent ticks them. Dependencies and the parent are other files.

use super::front::{Entry, Front};
use super::ids::{self, Mention};
use super::spelling::status_word;
use super::{Format, Words, prose};
use crate::diagnostic::{Code, Sink};
use crate::label;
use crate::lines::{self, Kind, Line};
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Plan, PlanTask, Slot, Style};
use crate::urgency;
use crate::values;

/// Front matter as tasks have it, above a text without tasks of its own, or in a file named as the tool names them.
pub(crate) fn recognises(path: &str, document: &str) -> bool {
    let Some(front) = Front::read(document) else { return false };
    let has = |key: &str| front.entry(key).is_some();
    let task = has("id") && has("title");
    let of_task = ["assignee", "labels", "priority", "created_date"].into_iter().any(has);
    if !task || !(has("dependencies") || has("parent_task_id") || (has("status") && of_task)) {
        return false;
    }
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    let id = front.text(document, "id").unwrap_or_default().to_lowercase();
    let named = file.strip_prefix(&id).is_some_and(|rest| rest.starts_with(" - ") || rest == ".md");
    let (lines, _) = lines::scan(document, Format::BacklogMd);
    let labelled = |line: &Line<'_>| match &line.kind {
        Kind::Item { checkbox: Some(_), text } | Kind::Heading { text, .. } => {
            label::label(document.get(text.clone()).unwrap_or_default()).is_some_and(|l| l.word)
        }
        _ => false,
    };
    named || !lines.iter().any(labelled)
}

pub(crate) fn parse(path: &str, document: &str) -> Plan {
    let mut sink = Sink::new(path);
    let mut tasks = Vec::new();
    match Front::read(document).filter(|front| front.entry("id").is_some() || front.entry("title").is_some()) {
        Some(front) => {
            if !front.is_valid() {
                let message = "the front matter is not valid YAML; its lines are read one by one".to_owned();
                sink.add(Code::BadFrontMatter, (1, 1), message, "put values with a colon between quotes".into());
            }
            let (task, mentions) = task(document, &front, &mut sink);
            tasks.push(task);
            ids::name(&mut tasks, "task", &mut sink);
            ids::tie(&mut tasks, vec![mentions], &mut sink);
        }
        None => {
            let message = "there is no front matter with an `id` and a `title`, so there is no task".to_owned();
            sink.add(
                Code::BadFrontMatter,
                (1, 1),
                message,
                "begin the file with `---`, `id: …`, `title: …`, `---`".into(),
            );
        }
    }
    let diagnostics = sink.finish();
    Plan {
        path: path.to_owned(),
        format: Format::BacklogMd,
        tasks,
        verify: Vec::new(),
        diagnostics,
        style: Style::default(),
    }
}

fn task(document: &str, front: &Front<'_>, sink: &mut Sink<'_>) -> (PlanTask, Vec<Mention>) {
    let text = |key| front.text(document, key);
    let id = text("id");
    let title = text("title").or_else(|| id.clone()).unwrap_or_default();
    let at = front.entry("title").or_else(|| front.entry("id"));
    let body = prose::read(document, front.below, sink);
    let own = slot(document, front);
    let mut task = prose::task(&title, (at.map_or(1, |e| e.line), 1), body, Anchor::Value { own, steps: Vec::new() });
    if let Some(entry) = at {
        let line = document.get(entry.all.clone()).and_then(|t| t.lines().next()).unwrap_or_default();
        task.span = entry.all.start..entry.all.start + line.len();
    }
    task.id = id;
    task.status = status(document, front, sink);
    task.priority = text("priority").and_then(|p| urgency::parse_priority(&p)).or(task.priority);
    let assignee = front.texts(document, "assignee").into_iter().find_map(|name| values::agent(&name));
    task.human |= assignee.as_deref().is_some_and(values::is_person);
    task.agent = assignee.or(task.agent);
    for criterion in &mut task.acceptance {
        // `#1 ` is how the tool counts them.
        if let Some(rest) = criterion.strip_prefix('#') {
            let bare = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            if bare.len() < rest.len() {
                *criterion = bare.trim_start().to_owned();
            }
        }
    }
    let mentions = front.entry("dependencies").map_or_else(Vec::new, |entry| {
        let mut from = entry.value.start;
        let texts = front.texts(document, "dependencies").into_iter();
        texts.map(|text| mention(document, entry, text, &mut from)).collect()
    });
    (task, mentions)
}

/// A dependency with its place, which is looked for behind that of the one before.
fn mention(document: &str, entry: &Entry<'_>, text: String, from: &mut usize) -> Mention {
    let found = document.get(*from..entry.all.end).and_then(|rest| rest.find(&text)).map(|at| *from + at);
    let Some(at) = found else { return Mention { text, place: (entry.line, 1) } };
    *from = at + text.len();
    let before = document.get(entry.all.start..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let place = (entry.line + before.matches('\n').count(), line.chars().count() + 1);
    Mention { text, place }
}

fn status(document: &str, front: &Front<'_>, sink: &mut Sink<'_>) -> MarkerStatus {
    let Some(word) = front.text(document, "status") else { return MarkerStatus::Pending };
    status_word(&word).unwrap_or_else(|| {
        let line = front.entry("status").map_or(1, |e| e.line);
        let message = format!("`{word}` is no status known here; it counts as not done");
        sink.add(Code::UnknownStatus, (line, 1), message, "use To Do, In Progress or Done".into());
        MarkerStatus::Pending
    })
}

/// Where the status is written, or a line for it below the title.
fn slot(document: &str, front: &Front<'_>) -> Slot {
    let words = Words::BACKLOG_MD;
    if let Some(entry) = front.entry("status") {
        let raw = document.get(entry.value.clone()).unwrap_or_default();
        let ending = document.get(entry.all.clone()).map_or(0, |t| t.len() - t.trim_end().len());
        // A value on lines of its own is replaced by one on the line of its key.
        let range =
            if raw.starts_with(['|', '>']) { entry.value.start..entry.all.end - ending } else { entry.value.clone() };
        let glued = range.is_empty() && document.get(..range.start).is_some_and(|t| t.ends_with(':'));
        return Slot { range, before: if glued { " " } else { "" }, after: "", words };
    }
    let at = front.entry("title").or_else(|| front.entry("id")).map_or(0, |e| e.all.end);
    let (before, after) = ("status: ", front.ending);
    Slot { range: at..at, before, after, words }
}
