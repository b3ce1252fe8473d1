//! Follows one run of Gemini CLI.

use coditect_core::FailureClass;
use serde_json::Value;

use crate::run::Ended;
use crate::runtime::course::{self, Course, MANY, text};
use crate::runtime::progress::beginning;
use crate::runtime::trouble::Trouble;
use crate::runtime::{Conclusion, Heard, Progress, Reader, Spent};

/// The exit code of a run in a folder that is not trusted, and of one without a login.
const NOT_STARTED: [i32; 2] = [41, 55];

/// How much of an answer is put together from its pieces, in bytes.
const SAYING: usize = 256 * 1024;

/// The longest id of a call that is remembered, in bytes.
const ID: usize = 200;

/// The events of one run so far.
#[derive(Debug)]
pub struct Session {
    course: Course,
    /// The tools that were called: an answer names only the call.
    calls: Vec<(String, String)>,
    /// The agent's words so far; they come in pieces.
    saying: String,
}

impl Session {
    /// A run that goes on with an earlier conversation, or begins a new one.
    #[must_use]
    pub fn new(resumes: bool) -> Self {
        let course = Course::new("Gemini CLI", "executor.gemini", 0, resumes);
        Self { course, calls: Vec::new(), saying: String::new() }
    }

    fn told(&mut self, event: &Value, heard: &mut Heard) {
        match text(event, "type") {
            "init" => {
                self.course.started = true;
                let id = text(event, "session_id");
                self.course.session_id = Some(id.to_owned()).filter(|id| !id.is_empty());
                let model = text(event, "model").to_owned();
                heard.progress.push(Progress::Started { version: "gemini".to_owned(), model });
            }
            "message" if text(event, "role") == "assistant" => {
                self.course.answered(heard);
                if !event.get("delta").and_then(Value::as_bool).unwrap_or_default() {
                    self.say(heard);
                }
                if self.saying.len() < SAYING {
                    self.saying.push_str(text(event, "content"));
                }
            }
            "tool_use" => {
                self.say(heard);
                self.course.answered(heard);
                let name = text(event, "tool_name").to_owned();
                let input = course::input(event.get("parameters").unwrap_or(&Value::Null));
                if self.calls.len() < MANY {
                    self.calls.push((beginning(text(event, "tool_id"), ID), name.clone()));
                }
                heard.progress.push(Progress::Tool { name, input });
            }
            "tool_result" => self.answer(event, heard),
            "error" => heard.progress.push(Progress::Note(text(event, "message").to_owned())),
            "result" => self.result(event, heard),
            _ => {}
        }
    }

    /// Tells what the agent has said since it last did something.
    fn say(&mut self, heard: &mut Heard) {
        let words = std::mem::take(&mut self.saying);
        if !words.trim().is_empty() {
            self.course.said(&words, heard);
        }
    }

    fn answer(&mut self, event: &Value, heard: &mut Heard) {
        let id = text(event, "tool_id");
        let at = self.calls.iter().position(|(call, _)| call == id);
        let tool = at.map_or_else(String::new, |at| self.calls.swap_remove(at).1);
        let failed = text(event, "status") == "error";
        let kind = event.pointer("/error/type").and_then(Value::as_str).unwrap_or_default();
        let said = text(event, "output");
        // Without a rule that allows it, a tool that needs a permission is not there at all.
        if failed && matches!(kind, "tool_not_registered" | "policy_violation" | "permission_denied") {
            self.course.denied(&tool, said, heard);
        } else {
            heard.progress.push(Progress::Answer { failed, text: said.to_owned() });
        }
    }

    fn result(&mut self, event: &Value, heard: &mut Heard) {
        self.say(heard);
        let stats = event.get("stats").unwrap_or(&Value::Null);
        self.course.spent = Spent {
            cost_usd: None,
            tokens_in: course::count(stats, "input_tokens"),
            tokens_out: course::count(stats, "output_tokens"),
        };
        let failed = text(event, "status") != "success";
        let error = event.get("error").unwrap_or(&Value::Null);
        let (kind, message) = (text(error, "type"), text(error, "message"));
        if !failed {
            self.course.answered(heard);
            self.course.done = true;
        } else if kind == "FatalTurnLimitedError" {
            self.course.bound = Some((FailureClass::TurnLimit, message.to_owned()));
        } else {
            self.course.trouble(Trouble::told(message), heard);
        }
        let said = if failed { message.to_owned() } else { self.course.words.clone() };
        heard.progress.push(Progress::Ended { failed, text: said, spent: self.course.spent });
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
        if ended.code.is_some_and(|code| NOT_STARTED.contains(&code)) {
            self.course.started = false;
        }
        self.course.conclude(ended)
    }
}
