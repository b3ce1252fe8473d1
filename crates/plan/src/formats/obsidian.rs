//! Obsidian's Tasks plugin: boxes whose fields are emoji at the end of the line, or `[name:: value]`.
//!
//! As for the plugin a field counts only at the end of a line, with nothing but fields and tags behind it.

use super::Format;
use super::coditect;
use super::ids::{self, Mention};
use crate::diagnostic::Sink;
use crate::fields;
use crate::label;
use crate::lines::{self, Kind};
use crate::model::{Anchor, Plan};
use crate::note;
use crate::select;
use coditect_core::Priority;

const PRIORITIES: [(&str, Priority); 5] =
    [("🔺", Priority::P0), ("⏫", Priority::P1), ("🔼", Priority::P2), ("🔽", Priority::P3), ("⏬", Priority::P3)];
/// Before an id, ids, what is done on completion, a rule of recurrence; the others before a date.
const MARKS: [char; 13] = ['🆔', '⛔', '🏁', '🔁', '📅', '📆', '🗓', '⏳', '⌛', '🛫', '➕', '✅', '❌'];

/// Boxes with ids of the plugin; or with its dates, in a document without ids and fields of another kind.
pub(crate) fn recognises(document: &str) -> bool {
    let telling = |text: &str| {
        if text.is_ascii() && !text.contains("::") {
            return false;
        }
        let found = Fields::of(text);
        found.id.is_some() || found.dated || !found.waits_for.is_empty()
    };
    if !super::boxes(document).any(telling) {
        return false;
    }
    let (lines, _) = lines::scan(document, Format::Obsidian);
    let (mut ids, mut dates, mut foreign) = (false, false, false);
    for line in &lines {
        let text = |range: &std::ops::Range<usize>| document.get(range.clone()).unwrap_or_default();
        match &line.kind {
            Kind::Item { checkbox: Some(_), text: range } => {
                let found = Fields::of(text(range));
                ids |= found.id.is_some() || !found.waits_for.is_empty();
                dates |= found.dated;
                foreign |= label::label(text(range)).is_some();
            }
            Kind::Heading { text: range, .. } => foreign |= label::label(text(range)).is_some_and(|l| l.word),
            Kind::Item { text: range, .. } | Kind::Prose { text: range } => {
                foreign |= fields::fields(document, range).iter().any(|f| f.key.is_of_task());
            }
            _ => {}
        }
    }
    ids || (dates && !foreign)
}

pub(crate) fn parse(path: &str, document: &str) -> Plan {
    let mut plan = coditect::parse_with(path, document, Format::Obsidian, |source, sink| {
        select::outermost(source, &|text| Fields::of(text).id, sink)
    });
    let mut sink = Sink::new(path);
    let mut mentions = Vec::with_capacity(plan.tasks.len());
    for task in &mut plan.tasks {
        let Anchor::Box { marker } = &task.anchor else { continue };
        let start = marker.end + 1;
        let text = note::without(document.get(start..task.span.end).unwrap_or_default());
        let found = Fields::of(text);
        task.title = found.title();
        task.priority = found.priority.or(task.priority);
        let head = document.get(task.span.start..start).unwrap_or_default().chars().count();
        let mention = |(at, id): &(usize, &str)| {
            let before = text.get(..*at).unwrap_or_default().chars().count();
            Mention { text: (*id).to_owned(), place: (task.line, head + before + 1) }
        };
        mentions.push(found.waits_for.iter().map(mention).collect());
        for step in &mut task.steps {
            step.text = Fields::of(&step.text).title();
        }
    }
    ids::tie(&mut plan.tasks, mentions, &mut sink);
    sink.extend(std::mem::take(&mut plan.diagnostics));
    plan.diagnostics = sink.finish();
    plan
}

/// What stands at the end of a line.
#[derive(Debug, Default)]
struct Fields<'a> {
    rest: &'a str,
    /// Tags among the fields, from last to first.
    tags: Vec<&'a str>,
    id: Option<&'a str>,
    /// Ids, and where in the text they are.
    waits_for: Vec<(usize, &'a str)>,
    priority: Option<Priority>,
    dated: bool,
}

impl<'a> Fields<'a> {
    fn of(text: &'a str) -> Self {
        let mut fields = Fields { rest: text.trim(), ..Fields::default() };
        // The anchor of a block is no field.
        if let Some((rest, anchor)) = fields.rest.rsplit_once(" ^")
            && !anchor.is_empty()
            && anchor.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            fields.rest = rest.trim_end();
        }
        while let Some(rest) = fields.last(text) {
            fields.rest = rest.trim_end();
        }
        fields
    }

    /// Takes the last field; what is left of the text.
    fn last(&mut self, text: &'a str) -> Option<&'a str> {
        let rest = self.rest;
        let bare = rest.trim_end_matches('\u{fe0f}');
        for (mark, priority) in PRIORITIES {
            if let Some(head) = bare.strip_suffix(mark) {
                self.priority = self.priority.or(Some(priority));
                return Some(head);
            }
        }
        if let Some(found) = self.inline(text) {
            return Some(found);
        }
        if let Some((head, tag)) = rest.rsplit_once([' ', '\t']).filter(|(_, word)| is_tag(word)) {
            self.tags.push(tag);
            return Some(head);
        }
        // All behind the last emoji of a field is its value.
        let (at, mark) = rest.char_indices().rev().find(|(_, c)| MARKS.contains(c))?;
        let head = rest.get(..at)?;
        let value = rest.get(at + mark.len_utf8()..)?.trim_start_matches('\u{fe0f}').trim();
        let fits = match mark {
            '🆔' => is_id(value),
            '⛔' => value.split(',').all(|id| is_id(id.trim())),
            '🏁' => value.chars().all(|c| c.is_ascii_alphabetic()) && !value.is_empty(),
            '🔁' => !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || ", !".contains(c)),
            _ => is_date(value),
        };
        if !fits {
            return None;
        }
        match mark {
            '🆔' => self.id = self.id.or(Some(value)),
            '⛔' => self.waits(text, value),
            _ => self.dated = true,
        }
        Some(head)
    }

    /// Takes `[name:: value]` or `(name:: value)`.
    fn inline(&mut self, text: &'a str) -> Option<&'a str> {
        let bare = self.rest.trim_end_matches(',').trim_end();
        let open = match bare.chars().last()? {
            ']' => bare.rfind('['),
            ')' => bare.rfind('('),
            _ => None,
        }?;
        let (name, value) = bare.get(open + 1..bare.len() - 1)?.split_once("::")?;
        let value = value.trim();
        match name.trim() {
            "id" if is_id(value) => self.id = self.id.or(Some(value)),
            "dependsOn" if value.split(',').all(|id| is_id(id.trim())) => self.waits(text, value),
            "priority" => {
                let found = crate::urgency::parse_priority(value)?;
                self.priority = self.priority.or(Some(found));
            }
            "due" | "start" | "scheduled" | "created" | "completion" | "cancelled" if is_date(value) => {
                self.dated = true
            }
            "repeat" | "onCompletion" => self.dated = true,
            _ => return None,
        }
        bare.get(..open)
    }

    fn waits(&mut self, text: &'a str, value: &'a str) {
        for id in value.split(',').map(str::trim) {
            let at = id.as_ptr() as usize - text.as_ptr() as usize;
            self.waits_for.push((at, id));
        }
    }

    /// The text without fields, with the tags that stood among them.
    fn title(&self) -> String {
        let words = std::iter::once(self.rest).chain(self.tags.iter().rev().copied()).filter(|w| !w.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn is_date(text: &str) -> bool {
    let digits = |at: usize, b: u8| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(|(at, b)| digits(at, b))
}

fn is_tag(word: &str) -> bool {
    word.strip_prefix('#')
        .is_some_and(|tag| !tag.is_empty() && !tag.contains(|c: char| "!@#$%^&*(),.?\":{}|<>".contains(c)))
}
