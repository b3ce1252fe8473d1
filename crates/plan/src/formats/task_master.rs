//! Task Master's `tasks.json`: a list of tasks with numbers, one list for each tag.
//!
//! A task with subtasks is one task and they are its steps, as Task Master itself closes them with it. Where anything
//! waits for a single subtask, or a subtask for anything outside its task, all subtasks of the document are tasks of
//! their own: steps could not say it.

use std::collections::{HashMap, HashSet};

use jsonc_parser::ast::{Array, Object, Value};
use jsonc_parser::common::Ranged as _;

use super::coditect;
use super::ids::{self, Mention};
use super::json::{self, Document, Name};
use super::spelling::status_word;
use super::{Format, Words, prose};
use crate::diagnostic::{Code, Sink};
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Dependency, Plan, PlanTask, Slot, Step};
use crate::text::BOM;
use crate::urgency;

const FORMAT: Format = Format::TaskMaster;

/// A file of that name, or any JSON with such a list.
pub(crate) fn recognises(path: &str, text: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.eq_ignore_ascii_case("tasks.json") {
        return true;
    }
    let json = text.trim_start_matches(BOM).trim_start();
    json.starts_with('{')
        && json.contains("\"tasks\"")
        && Document::new(path, text).value(FORMAT).is_ok_and(|v| v.as_object().and_then(tasks).is_some())
}

/// The list that is read, and its tag: a list without tags, that of `master`, or the first.
fn tasks<'o, 'a>(root: &'o Object<'a>) -> Option<(Option<&'o str>, &'o Array<'a>)> {
    let of = |value: &'o Value<'a>| json::get(value.as_object()?, &["tasks"])?.as_array();
    if let Some(list) = json::get(root, &["tasks"]).and_then(Value::as_array) {
        return Some((None, list));
    }
    let master = json::get(root, &["master"]).and_then(of).map(|list| (Some("master"), list));
    master.or_else(|| root.properties.iter().find_map(|p| Some((Some(p.name.as_str()), of(&p.value)?))))
}

pub(crate) fn parse(path: &str, text: &str) -> Plan {
    let document = Document::new(path, text);
    let root = match document.value(FORMAT) {
        Ok(root) => root,
        Err(plan) => return *plan,
    };
    let Some((tag, list)) = root.as_object().and_then(tasks) else {
        return *document.refused(FORMAT, 0, "there is no list of `tasks` in it".to_owned());
    };
    let mut sink = Sink::new(path);
    let mut reader =
        Reader { document: &document, tag, split: reaches_inside(list), out: Vec::new(), mentions: Vec::new() };
    for value in &list.elements {
        reader.entry(value, None, &mut sink);
    }
    let Reader { out: mut tasks, mentions, .. } = reader;
    ids::name(&mut tasks, "task", &mut sink);
    let parents: HashMap<String, String> = tasks.iter().filter_map(|t| Some((t.id.clone()?, t.key.clone()))).collect();
    for task in &mut tasks {
        task.parent = task.parent.take().and_then(|id| parents.get(&id).cloned());
    }
    ids::tie(&mut tasks, mentions, &mut sink);
    wait_for_children(&mut tasks);
    tasks.iter().for_each(|task| coditect::open_steps(task, &mut sink));
    let diagnostics = sink.finish();
    Plan { tasks, ..document.plan(FORMAT, diagnostics) }
}

/// Whether anything outside a task waits for one of its subtasks.
fn reaches_inside(list: &Array<'_>) -> bool {
    let tasks = || list.elements.iter().filter_map(Value::as_object);
    let subtasks = |task| json::list(json::get(task, &["subtasks"])).iter().filter_map(Value::as_object);
    let known: HashSet<String> = tasks()
        .flat_map(|task| subtasks(task).map(|sub| full(&json::text(task, "id"), &json::text(sub, "id"))))
        .collect();
    tasks().any(|task| {
        let own = json::text(task, "id");
        std::iter::once(task)
            .chain(subtasks(task))
            .flat_map(|object| json::list(json::get(object, &["dependencies"])))
            .filter_map(json::scalar)
            .any(|d| known.contains(d.as_ref()) && !inside(&d, &own))
    })
}

/// Whether `id` is that of a subtask of `task`.
fn inside(id: &str, task: &str) -> bool {
    id.split_once('.').is_some_and(|(around, _)| around == task)
}

struct Reader<'d, 't> {
    document: &'d Document<'t>,
    tag: Option<&'d str>,
    /// Whether subtasks are tasks.
    split: bool,
    out: Vec<PlanTask>,
    mentions: Vec<Vec<Mention>>,
}

impl Reader<'_, '_> {
    /// Reads one entry; `around` is the id of the task it is a subtask of.
    fn entry(&mut self, value: &Value<'_>, around: Option<&str>, sink: &mut Sink<'_>) {
        let Some(object) = value.as_object().filter(|o| json::get(o, &["id", "title"]).is_some()) else {
            let place = self.document.place(value.start());
            let message = "this entry has neither an id nor a title and is not a task".to_owned();
            sink.add(Code::NotATask, place, message, "give it an `id` and a `title`, or remove it".into());
            return;
        };
        let number = json::text(object, "id");
        let id = around.map_or_else(|| number.to_string(), |around| full(around, &number));
        let parts = ["description", "details"].map(|name| json::text(object, name));
        let mut about = parts.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n\n");
        let subtasks = json::list(json::get(object, &["subtasks"]));
        let (steps, slots) = if self.split { Default::default() } else { self.steps(subtasks, &id, &mut about, sink) };
        let own = self.document.slot(object, Name::STATUS, Words::TASK_MASTER);
        let title = json::text(object, "title");
        let body = prose::read(&about, 0, &mut Sink::new(self.document.path));
        let anchor = Anchor::Value { own, steps: slots };
        let mut task = prose::task(&title, self.document.place(object.range.start), body, anchor);
        task.span = self.document.first_line(object);
        task.status = self.status(object, sink);
        task.section.extend(self.tag.map(str::to_owned));
        task.priority = urgency::parse_priority(&json::text(object, "priority")).or(task.priority);
        task.acceptance.extend(Some(json::text(object, "testStrategy").into_owned()).filter(|t| !t.is_empty()));
        task.steps = steps;
        task.parent = around.map(str::to_owned);
        if task.title.is_empty() {
            task.title.clone_from(&id);
        }
        let mut mentions = self.references(object, around);
        mentions.retain(|m| self.split || !inside(&m.text, &id));
        self.mentions.push(mentions);
        task.id = Some(id.clone()).filter(|id| !id.is_empty());
        self.out.push(task);
        if self.split {
            for sub in subtasks {
                self.entry(sub, Some(&id), sink);
            }
        }
    }

    /// Subtasks as steps; what is written about them is added to `about`.
    fn steps(
        &self,
        subtasks: &[Value<'_>],
        id: &str,
        about: &mut String,
        sink: &mut Sink<'_>,
    ) -> (Vec<Step>, Vec<Slot>) {
        let (mut steps, mut slots) = (Vec::new(), Vec::new());
        for object in subtasks.iter().filter_map(Value::as_object) {
            let slot = self.document.slot(object, Name::STATUS, Words::TASK_MASTER);
            let status = self.status(object, sink);
            let (line, _) = self.document.place(object.range.start);
            let name = full(id, &json::text(object, "id"));
            let text = format!("{name} {}", json::text(object, "title"));
            for part in ["description", "details"].map(|part| json::text(object, part)) {
                if !part.is_empty() {
                    about.push_str(&format!("\n\n{text}: {part}"));
                }
            }
            let (done, marker) = (status == MarkerStatus::Completed, slot.range.clone());
            steps.push(Step { text, done, line, status, marker });
            slots.push(slot);
            let nested = self.steps(json::list(json::get(object, &["subtasks"])), &name, about, sink);
            steps.extend(nested.0);
            slots.extend(nested.1);
        }
        (steps, slots)
    }

    fn status(&self, object: &Object<'_>, sink: &mut Sink<'_>) -> MarkerStatus {
        let Some(member) = json::member(object, "status") else { return MarkerStatus::Pending };
        let word = json::scalar(&member.value).unwrap_or_default();
        status_word(&word).unwrap_or_else(|| {
            if !matches!(member.value, Value::NullKeyword(_)) {
                let place = self.document.place(member.value.start());
                let message = format!("`{word}` is no status known here; it counts as not done");
                let help = "use pending, in-progress, done, review, deferred, blocked or cancelled".to_owned();
                sink.add(Code::UnknownStatus, place, message, help);
            }
            MarkerStatus::Pending
        })
    }

    /// What an entry waits for. Within a subtask a bare number is the subtask beside it.
    fn references(&self, object: &Object<'_>, around: Option<&str>) -> Vec<Mention> {
        let list = json::list(json::get(object, &["dependencies"]));
        let mention = |value: &Value<'_>| {
            let written = json::scalar(value)?;
            let text = around.map_or_else(|| written.to_string(), |around| full(around, &written));
            Some(Mention { text, place: self.document.place(value.start()) })
        };
        list.iter().filter_map(mention).collect()
    }
}

/// `1.2` for the subtask `2` of task `1`.
fn full(around: &str, id: &str) -> String {
    if id.contains('.') { id.to_owned() } else { format!("{around}.{id}") }
}

/// A task waits for its subtasks, unless they wait for it.
fn wait_for_children(tasks: &mut [PlanTask]) {
    let at: HashMap<String, usize> = tasks.iter().enumerate().map(|(i, t)| (t.key.clone(), i)).collect();
    let mut known: HashSet<(usize, String)> =
        tasks.iter().enumerate().flat_map(|(i, t)| t.dependencies.iter().map(move |d| (i, d.key.clone()))).collect();
    let mut found = Vec::new();
    for (child, task) in tasks.iter().enumerate() {
        let Some((key, parent)) = task.parent.as_ref().and_then(|key| Some((key, *at.get(key)?))) else { continue };
        if !known.contains(&(child, key.clone())) && known.insert((parent, task.key.clone())) {
            found.push((parent, Dependency { key: task.key.clone(), line: task.line, column: task.column }));
        }
    }
    for (parent, child) in found {
        if let Some(task) = tasks.get_mut(parent) {
            task.dependencies.push(child);
        }
    }
}
