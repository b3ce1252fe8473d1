//! Follows one run of Codex.

use serde_json::Value;

use crate::run::Ended;
use crate::runtime::course::{self, Course, text};
use crate::runtime::trouble::Trouble;
use crate::runtime::{Conclusion, Heard, Progress, Reader, Spent};

/// The events of one run so far.
#[derive(Debug)]
pub struct Session {
    course: Course,
    /// What the conversation had used before the run.
    before: Spent,
}

impl Session {
    /// A run with so many turns at most, in a conversation that had used something before.
    #[must_use]
    pub fn new(max_turns: u32, resumes: bool, before: Spent) -> Self {
        Self { course: Course::new("Codex", "executor.codex", max_turns, resumes), before }
    }

    fn told(&mut self, event: &Value, heard: &mut Heard) {
        match text(event, "type") {
            "thread.started" => {
                let id = text(event, "thread_id");
                self.course.session_id = Some(id.to_owned()).filter(|id| !id.is_empty());
            }
            "turn.started" => {
                self.course.started = true;
                heard.progress.push(Progress::Started { version: "codex".to_owned(), model: String::new() });
            }
            "item.started" => self.begun(event.get("item").unwrap_or(&Value::Null), heard),
            "item.completed" => self.item(event.get("item").unwrap_or(&Value::Null), heard),
            "error" => self.error(text(event, "message"), heard),
            "turn.failed" => {
                let message = event.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
                self.course.trouble(Trouble::told(message), heard);
                self.ended(true, message, heard);
            }
            "turn.completed" => {
                let usage = event.get("usage").unwrap_or(&Value::Null);
                let since = |name, before: Option<i64>| {
                    course::count(usage, name).map(|now| now.saturating_sub(before.unwrap_or_default()).max(0))
                };
                self.course.spent = Spent {
                    cost_usd: None,
                    tokens_in: since("input_tokens", self.before.tokens_in),
                    tokens_out: since("output_tokens", self.before.tokens_out),
                };
                self.course.answered(heard);
                self.course.done = true;
                let words = self.course.words.clone();
                self.ended(false, &words, heard);
            }
            _ => {}
        }
    }

    fn ended(&self, failed: bool, said: &str, heard: &mut Heard) {
        heard.progress.push(Progress::Ended { failed, text: said.to_owned(), spent: self.course.spent });
    }

    fn begun(&mut self, item: &Value, heard: &mut Heard) {
        let (name, input) = match text(item, "type") {
            "command_execution" => ("shell", text(item, "command").to_owned()),
            "mcp_tool_call" => (text(item, "tool"), course::input(item.get("arguments").unwrap_or(&Value::Null))),
            "web_search" => ("web_search", text(item, "query").to_owned()),
            _ => return,
        };
        self.course.answered(heard);
        heard.progress.push(Progress::Tool { name: name.to_owned(), input });
    }

    fn item(&mut self, item: &Value, heard: &mut Heard) {
        match text(item, "type") {
            "agent_message" => self.course.said(text(item, "text"), heard),
            "command_execution" => {
                let failed = item.get("exit_code").and_then(Value::as_i64).is_none_or(|code| code != 0);
                let said = text(item, "aggregated_output").to_owned();
                heard.progress.push(Progress::Answer { failed, text: said });
                self.course.turned(heard);
            }
            "file_change" => {
                let changes = item.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let paths: Vec<_> = changes.iter().map(|change| text(change, "path")).collect();
                heard.progress.push(Progress::Tool { name: "apply_patch".to_owned(), input: paths.join(", ") });
                self.course.answered(heard);
                self.course.turned(heard);
            }
            "mcp_tool_call" | "web_search" => self.course.turned(heard),
            "error" => heard.progress.push(Progress::Note(text(item, "message").to_owned())),
            _ => {}
        }
    }

    /// `Reconnecting... 1/5 (unexpected status 503 …)`, or the last of them.
    fn error(&mut self, message: &str, heard: &mut Heard) {
        let again = message.strip_prefix("Reconnecting... ").and_then(|rest| rest.split_once(" ("));
        let tries = again.and_then(|(tries, why)| Some((tries.split_once('/')?, why)));
        let Some(((attempt, of), why)) = tries else {
            self.course.trouble(Trouble::told(message), heard);
            return;
        };
        let why = why.strip_suffix(')').unwrap_or(why);
        let trouble = Trouble::told(why);
        heard.progress.push(Progress::Retry {
            attempt: attempt.trim().parse().unwrap_or_default(),
            of: of.trim().parse().unwrap_or_default(),
            delay_ms: 0,
            status: trouble.status,
            error: why.to_owned(),
        });
        self.course.trouble(trouble, heard);
    }
}

impl Reader for Session {
    fn hear(&mut self, line: &[u8], whole: bool) -> Heard {
        let mut heard = Heard::default();
        if let Some(event) = self.course.event(line, whole, &mut heard) {
            self.told(&event, &mut heard);
        }
        heard
    }

    fn conclude(&mut self, ended: &Ended) -> Conclusion {
        self.course.conclude(ended)
    }
}
