//! What stands under a task: fields, steps, criteria, commands, script, prose.

use std::ops::Range;

use coditect_core::Priority;

use crate::diagnostic::{Code, Sink};
use crate::estimate;
use crate::fences;
use crate::fields::{self, Field, Key};
use crate::headings::Role;
use crate::lines::{Checkbox, Kind, Line};
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Changes, PlanTask, Step};
use crate::select::{Selection, Source};
use crate::urgency;
use crate::values;

/// Everything gathered about one task.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    pub agent: Option<String>,
    pub owner: Option<String>,
    pub priority: Option<Priority>,
    pub minutes: Option<i64>,
    pub references: Vec<Reference>,
    pub steps: Vec<Step>,
    pub acceptance: Vec<String>,
    pub verify: Vec<String>,
    pub touches: Vec<String>,
    pub script: Option<String>,
    pub status_field: Option<Range<usize>>,
    pub optional: bool,
    pub human: bool,
    pub changes: Changes,
    prose: Vec<&'a str>,
    closed: bool,
}

/// A piece of the document that names dependencies.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// Line, from 0.
    pub line: usize,
    pub text: Range<usize>,
}

/// The bodies of the drafts, and the commands that hold for the whole document.
pub(crate) fn read<'a>(
    source: &Source<'a, '_>,
    selection: &Selection<'a>,
    sink: &mut Sink<'_>,
) -> (Vec<Body<'a>>, Vec<String>) {
    let mut bodies: Vec<Body<'a>> = selection.drafts.iter().map(|_| Body::default()).collect();
    let mut shared = Body::default();
    let mut reader = Reader { source, block: None, last: Last::Other };
    for (i, line) in source.lines.iter().enumerate() {
        let owner = selection.owner.get(i).copied().flatten();
        let own_line = owner.and_then(|o| selection.drafts.get(o)).is_some_and(|d| d.line == i);
        if own_line {
            reader.last = Last::Other;
            continue;
        }
        match owner.and_then(|o| bodies.get_mut(o)) {
            Some(body) => reader.line(i, line, body, sink),
            // Outside the tasks only commands that hold for all of them matter.
            None if source.outline.role_of_line(i) == Role::Commands => reader.line(i, line, &mut shared, sink),
            None => {}
        }
    }
    (bodies, shared.verify)
}

/// Where a fenced block goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Script,
    Verify,
    Prose,
}

/// What a line that goes on from the one above would belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Step(usize),
    Acceptance(usize),
    Other,
}

struct Reader<'s, 'a, 'l> {
    source: &'s Source<'a, 'l>,
    block: Option<(Block, usize, String)>,
    last: Last,
}

impl<'a> Reader<'_, 'a, '_> {
    fn line(&mut self, i: usize, line: &Line<'a>, body: &mut Body<'a>, sink: &mut Sink<'_>) {
        let scope = self.source.scopes.get(i).copied().flatten();
        let role = self.source.outline.role_of_line(i);
        let last = std::mem::replace(&mut self.last, Last::Other);
        match &line.kind {
            Kind::Hidden => {}
            Kind::Blank => body.say(""),
            Kind::Rule => body.closed = true,
            Kind::Heading { .. } => body.say(line.text),
            Kind::FenceOpen => self.open(line, scope, role, body),
            Kind::Code => self.code(line, body),
            Kind::FenceClose => self.close(line, body),
            Kind::Item { checkbox: Some(checkbox), text } => {
                let text = self.text(text);
                match (scope, role) {
                    (Some(Key::Acceptance), _) | (_, Role::Acceptance) => {
                        self.last = Last::Acceptance(line.indent);
                        body.acceptance.push(text.to_owned());
                    }
                    (Some(Key::Verify), _) | (_, Role::Commands) => body.verify.extend(values::commands(text)),
                    (Some(Key::Legend), _) | (_, Role::NotTasks) => {}
                    _ => {
                        self.last = Last::Step(line.indent);
                        body.steps.push(step(i, text, checkbox));
                    }
                }
            }
            Kind::Item { checkbox: None, text } => {
                if !self.fields(i, line, text, body, sink) {
                    self.listed(i, line, text, scope, role, body);
                }
            }
            Kind::Prose { text } => {
                if self.fields(i, line, text, body, sink) {
                    return;
                }
                let words = self.text(text);
                let goes_on = |indent: usize| line.indent > indent;
                match last {
                    Last::Step(indent) if goes_on(indent) => {
                        extend(body.steps.last_mut().map(|s| &mut s.text), words);
                        self.last = last;
                    }
                    Last::Acceptance(indent) if goes_on(indent) => {
                        extend(body.acceptance.last_mut(), words);
                        self.last = last;
                    }
                    _ if scope == Some(Key::Verify) => body.verify.extend(values::commands(words)),
                    _ => body.say(line.text),
                }
            }
        }
    }

    fn text(&self, range: &Range<usize>) -> &'a str {
        self.source.document.get(range.clone()).unwrap_or_default()
    }

    /// A bullet without a box.
    fn listed(
        &mut self,
        i: usize,
        line: &Line<'a>,
        text: &Range<usize>,
        scope: Option<Key>,
        role: Role,
        body: &mut Body<'a>,
    ) {
        let words = self.text(text);
        match (scope, role) {
            (Some(Key::Acceptance), _) | (None, Role::Acceptance) => {
                self.last = Last::Acceptance(line.indent);
                body.acceptance.push(words.to_owned());
            }
            (Some(Key::Verify), _) | (None, Role::Commands) => body.verify.extend(values::commands(words)),
            (Some(Key::Touches), _) => body.touches.extend(values::paths(words)),
            (Some(Key::Dependencies), _) => body.references.push(Reference { line: i, text: text.clone() }),
            _ => body.say(line.text),
        }
    }

    /// Takes the fields of a line; `false` where it has none.
    fn fields(&self, i: usize, line: &Line<'a>, text: &Range<usize>, body: &mut Body<'a>, sink: &mut Sink<'_>) -> bool {
        let fields = fields::fields(self.source.document, text);
        let is_prose = |field: &Field| match field.key {
            Key::Other => true,
            Key::Changes => values::changes(self.text(&field.value)).is_none(),
            _ => false,
        };
        if fields.iter().any(is_prose) {
            body.say(line.text);
        }
        for field in &fields {
            self.field(i, line, field, body, sink);
        }
        !fields.is_empty()
    }

    fn field(&self, i: usize, line: &Line<'a>, field: &Field, body: &mut Body<'a>, sink: &mut Sink<'_>) {
        let value = self.text(&field.value);
        let place = (i + 1, line.column(field.value.start));
        match field.key {
            Key::Agent => body.agent = body.agent.take().or_else(|| values::agent(value)),
            Key::Owner => body.owner = body.owner.take().or_else(|| values::agent(value)),
            Key::Dependencies if value.is_empty() => {}
            Key::Dependencies => body.references.push(Reference { line: i, text: field.value.clone() }),
            Key::Priority => {
                let found = urgency::parse_priority(value);
                if found.is_none() && !is_nothing(value) {
                    let message = format!("`{value}` is no priority; the default is used");
                    sink.add(Code::UnknownPriority, place, message, "write P0, P1, P2 or P3".into());
                }
                body.priority = body.priority.or(found);
            }
            Key::Estimate => {
                let found = estimate::parse_minutes(value);
                if found.is_none() && !is_nothing(value) {
                    let message = format!("`{value}` is no estimate; the task has none");
                    sink.add(
                        Code::UnknownEstimate,
                        place,
                        message,
                        "write a number and a unit, as in `4 hours`".into(),
                    );
                }
                body.minutes = body.minutes.or(found);
            }
            Key::Acceptance if value.is_empty() => {}
            Key::Acceptance => body.acceptance.push(value.to_owned()),
            Key::Verify => body.verify.extend(values::commands(value)),
            Key::Touches => body.touches.extend(values::paths(value)),
            Key::Status => {
                body.status_field =
                    body.status_field.take().or_else(|| (!value.is_empty()).then(|| field.value.clone()))
            }
            Key::Optional => body.optional |= values::is_yes(value),
            Key::Human => body.human |= values::is_yes(value),
            Key::Changes => body.changes = values::changes(value).unwrap_or(body.changes),
            Key::Legend | Key::Other => {}
        }
    }

    fn open(&mut self, line: &Line<'a>, scope: Option<Key>, role: Role, body: &mut Body<'a>) {
        let language = fences::language(line.text).to_ascii_lowercase();
        let shell = matches!(language.as_str(), "sh" | "bash" | "shell" | "zsh");
        let block = match (scope, role) {
            (Some(Key::Verify), _) | (_, Role::Commands) if shell || language.is_empty() => Block::Verify,
            (None, Role::Plain) if shell && body.script.is_none() => Block::Script,
            _ => Block::Prose,
        };
        if block == Block::Prose {
            body.say(line.text);
        }
        self.block = Some((block, line.indent, String::new()));
    }

    fn code(&mut self, line: &Line<'a>, body: &mut Body<'a>) {
        match &mut self.block {
            Some((Block::Script | Block::Verify, indent, text)) => {
                text.push_str(dedented(line.text, *indent));
                text.push('\n');
            }
            _ => body.say(line.text),
        }
    }

    fn close(&mut self, line: &Line<'a>, body: &mut Body<'a>) {
        match self.block.take() {
            Some((Block::Script, _, text)) => body.script = Some(text),
            Some((Block::Verify, _, text)) => body.verify.extend(values::commands_of_block(&text)),
            _ => body.say(line.text),
        }
    }
}

impl<'a> Body<'a> {
    fn say(&mut self, line: &'a str) {
        let gap = line.is_empty() && self.prose.last().is_none_or(|l| l.is_empty());
        if !self.closed && !gap {
            self.prose.push(line);
        }
    }

    /// A task of which this is said, and nothing else yet.
    pub(crate) fn task(&mut self, anchor: Anchor) -> PlanTask {
        let agent = self.agent.take().or_else(|| self.owner.take());
        PlanTask {
            key: String::new(),
            id: None,
            title: String::new(),
            status: MarkerStatus::Pending,
            line: 1,
            column: 1,
            section: Vec::new(),
            priority: self.priority,
            changes: self.changes,
            human: self.human || agent.as_deref().is_some_and(values::is_person),
            agent,
            estimate_minutes: self.minutes,
            dependencies: Vec::new(),
            unresolved: Vec::new(),
            asides: Vec::new(),
            parent: None,
            steps: std::mem::take(&mut self.steps),
            acceptance: std::mem::take(&mut self.acceptance),
            verify: std::mem::take(&mut self.verify),
            touches: std::mem::take(&mut self.touches),
            script: self.script.take(),
            description: self.description(),
            optional: self.optional,
            span: 0..0,
            anchor,
        }
    }

    /// The prose, without the indentation all of it has.
    fn description(&self) -> String {
        let filled = || self.prose.iter().filter(|l| !l.trim().is_empty());
        let common = filled().map(|l| crate::text::indent(l).0).min().unwrap_or_default();
        let lines: Vec<&str> = self.prose.iter().map(|l| dedented(l, common).trim_end()).collect();
        lines.join("\n").trim_end().to_owned()
    }
}

fn step(i: usize, text: &str, checkbox: &Checkbox) -> Step {
    let status = checkbox.status.unwrap_or(MarkerStatus::Pending);
    let done = status == MarkerStatus::Completed;
    Step { text: text.to_owned(), done, line: i + 1, status, marker: checkbox.marker.clone() }
}

fn extend(text: Option<&mut String>, words: &str) {
    if let Some(text) = text {
        text.push(' ');
        text.push_str(words);
    }
}

/// `line` without up to `columns` of its leading blanks.
fn dedented(line: &str, columns: usize) -> &str {
    let mut seen = 0;
    for (at, c) in line.char_indices() {
        if seen >= columns || !matches!(c, ' ' | '\t') {
            return line.get(at..).unwrap_or_default();
        }
        seen += if c == '\t' { 4 - seen % 4 } else { 1 };
    }
    ""
}

fn is_nothing(value: &str) -> bool {
    let word = value.trim_matches(|c: char| c.is_whitespace() || "*_`.".contains(c));
    ["", "-", "—", "none", "tbd", "n/a", "?"].iter().any(|n| word.eq_ignore_ascii_case(n))
}
