//! ralph's `prd.json`: user stories that pass or do not.
//!
//! ralph takes one story at a time, the one with the lowest number first, and a story may build on any before it. So
//! each waits for the one before it, unless the stories have a member that names what they wait for.

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged as _;

use super::ids::{self, Mention};
use super::json::{self, Document, Name};
use super::spelling::status_word;
use super::{Format, Words, prose};
use crate::diagnostic::{Code, Sink};
use crate::marker::MarkerStatus;
use crate::model::{Anchor, Plan, PlanTask};
use crate::text::BOM;
use crate::urgency;

const FORMAT: Format = Format::Ralph;

/// Names that variants of ralph have for the stories a story waits for.
const WAITS_FOR: [&str; 3] = ["dependencies", "dependsOn", "blockedBy"];

/// A file of that name, or any JSON with stories.
pub(crate) fn recognises(path: &str, text: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let named = name == "prd.json" || (name.starts_with("prd-") && name.ends_with(".json"));
    named || (text.trim_start_matches(BOM).trim_start().starts_with('{') && text.contains("\"userStories\""))
}

pub(crate) fn parse(path: &str, text: &str) -> Plan {
    let document = Document::new(path, text);
    let root = match document.value(FORMAT) {
        Ok(root) => root,
        Err(plan) => return *plan,
    };
    let stories = root.as_object().and_then(|root| json::get(root, &["userStories"])?.as_array());
    let (Some(root), Some(stories)) = (root.as_object(), stories) else {
        return *document.refused(FORMAT, 0, "there is no list of `userStories` in it".to_owned());
    };
    let mut sink = Sink::new(path);
    let (mut tasks, mut mentions, mut order, mut named) = (Vec::new(), Vec::new(), Vec::new(), false);
    for value in &stories.elements {
        let Some(story) = value.as_object().filter(|o| json::get(o, &["id", "title"]).is_some()) else {
            let message = "this entry has neither an id nor a title and is not a task".to_owned();
            let help = "give it an `id` and a `title`, or remove it".to_owned();
            sink.add(Code::NotATask, document.place(value.start()), message, help);
            continue;
        };
        named |= WAITS_FOR.iter().any(|name| json::member(story, name).is_some());
        let mention = |value: &Value<'_>| {
            Some(Mention { text: json::scalar(value)?.into_owned(), place: document.place(value.start()) })
        };
        mentions.push(json::list(json::get(story, &WAITS_FOR)).iter().filter_map(mention).collect::<Vec<_>>());
        order.push(rank(story));
        tasks.push(task(&document, story, &mut sink));
    }
    ids::name(&mut tasks, "story", &mut sink);
    if !named {
        mentions = one_by_one(&tasks, &order);
        // By key: an id may be there twice, or not at all.
        let ids: Vec<Option<String>> = tasks.iter_mut().map(|t| t.id.replace(t.key.clone())).collect();
        ids::tie(&mut tasks, mentions, &mut sink);
        tasks.iter_mut().zip(ids).for_each(|(task, id)| task.id = id);
    } else {
        ids::tie(&mut tasks, mentions, &mut sink);
    }
    let verify = commands(json::get(root, &["verificationCommands"])).collect();
    let diagnostics = sink.finish();
    Plan { tasks, verify, ..document.plan(FORMAT, diagnostics) }
}

fn task(document: &Document<'_>, story: &Object<'_>, sink: &mut Sink<'_>) -> PlanTask {
    let parts = ["description", "notes"].map(|name| json::text(story, name));
    let about = parts.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n\n");
    // Some variants have a `status` and no `passes`.
    let worded = json::member(story, "passes").is_none() && json::member(story, "status").is_some();
    let (name, words) = if worded { (Name::STATUS, Words::STORY) } else { (Name::PASSES, Words::PASSES) };
    let anchor = Anchor::Value { own: document.slot(story, name, words), steps: Vec::new() };
    let body = prose::read(&about, 0, &mut Sink::new(document.path));
    let mut task = prose::task(&json::text(story, "title"), document.place(story.range.start), body, anchor);
    task.span = document.first_line(story);
    task.status = status(document, story, name, sink);
    task.id = json::get(story, &["id"]).and_then(json::scalar).map(String::from);
    if task.title.is_empty() {
        task.title = task.id.clone().unwrap_or_default();
    }
    task.priority = urgency::parse_priority(&json::text(story, "priority")).or(task.priority);
    let criteria = json::list(json::get(story, &["acceptanceCriteria"])).iter().filter_map(json::scalar);
    task.acceptance.extend(criteria.map(String::from));
    task.verify.extend(commands(json::get(story, &["verificationCommands"])));
    task
}

fn status(document: &Document<'_>, story: &Object<'_>, name: Name, sink: &mut Sink<'_>) -> MarkerStatus {
    let Some(value) = json::member(story, name.key).map(|m| &m.value) else { return MarkerStatus::Pending };
    let (known, help) = match value {
        Value::BooleanLit(passes) if passes.value => (Some(MarkerStatus::Completed), ""),
        Value::BooleanLit(_) | Value::NullKeyword(_) => (Some(MarkerStatus::Pending), ""),
        value if name.quoted => (json::scalar(value).and_then(|w| status_word(&w)), "use pending, in_progress or done"),
        _ => (None, "write true or false, without quotes"),
    };
    known.unwrap_or_else(|| {
        let written = document.text.get(document.range(value)).unwrap_or_default();
        let shown: String = written.chars().take(40).collect();
        let message = format!("{shown} is no status known here; it counts as not done");
        sink.add(Code::UnknownStatus, document.place(value.start()), message, help.to_owned());
        MarkerStatus::Pending
    })
}

/// The number a story is ordered by; those without one come last, in the order of the document.
fn rank(story: &Object<'_>) -> f64 {
    json::text(story, "priority").parse().ok().filter(|n: &f64| n.is_finite()).unwrap_or(f64::INFINITY)
}

/// Each story waits for the one before it.
fn one_by_one(tasks: &[PlanTask], order: &[f64]) -> Vec<Vec<Mention>> {
    let mut sorted: Vec<usize> = (0..tasks.len()).collect();
    sorted.sort_by(|a, b| order.get(*a).unwrap_or(&0.0).total_cmp(order.get(*b).unwrap_or(&0.0)));
    let mut mentions = vec![Vec::new(); tasks.len()];
    for pair in sorted.windows(2) {
        let [before, after] = pair else { continue };
        if let (Some(before), Some(after), Some(list)) =
            (tasks.get(*before), tasks.get(*after), mentions.get_mut(*after))
        {
            list.push(Mention { text: before.key.clone(), place: (after.line, after.column) });
        }
    }
    mentions
}

/// Commands: texts, or objects that also say what is expected of the output.
fn commands<'v>(value: Option<&'v Value<'_>>) -> impl Iterator<Item = String> + use<'v> {
    json::list(value).iter().filter_map(|value| match value {
        Value::Object(object) => {
            let command = json::text(object, "command");
            (!command.is_empty()).then(|| expecting(&command, &json::text(object, "expect")))
        }
        value => json::scalar(value).map(String::from).filter(|c| !c.is_empty()),
    })
}

/// A command that succeeds where `command` does what is expected of it.
fn expecting(command: &str, expect: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    match expect.split_once(':').unwrap_or((expect, "")) {
        ("exit_code", code) if code != "0" && code.parse::<u8>().is_ok() => {
            format!("code=0; ( {command} ) || code=$?; test \"$code\" -eq {code}")
        }
        ("contains", text) => format!("( {command} ) | grep -F -e {}", quoted(text)),
        ("matches", pattern) => format!("( {command} ) | grep -E -e {}", quoted(pattern)),
        ("not_empty", _) => format!("( {command} ) | grep ."),
        _ => command.to_owned(),
    }
}
