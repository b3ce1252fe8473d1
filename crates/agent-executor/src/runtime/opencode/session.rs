//! Follows one run of opencode. It has no last event: a run is done when its last step ended with `stop`.

use serde_json::Value;

use crate::run::Ended;
use crate::runtime::course::{self, Course, text};
use crate::runtime::trouble::Trouble;
use crate::runtime::{Conclusion, Heard, Progress, Reader};

/// The events of one run so far.
#[derive(Debug)]
pub struct Session {
    course: Course,
}

impl Session {
    /// A run with so many turns at most. In the next one the program lets the agent say its last words, which come too late.
    #[must_use]
    pub fn new(max_turns: u32) -> Self {
        Self { course: Course::new("opencode", "executor.opencode", max_turns, false) }
    }

    fn told(&mut self, event: &Value, heard: &mut Heard) {
        let part = event.get("part").unwrap_or(&Value::Null);
        match text(event, "type") {
            "step_start" => {
                if !self.course.started {
                    self.course.started = true;
                    heard.progress.push(Progress::Started { version: "opencode".to_owned(), model: String::new() });
                }
                self.course.done = false;
                self.course.answered(heard);
            }
            "text" => self.course.said(text(part, "text"), heard),
            "tool_use" => self.tool(part, heard),
            "step_finish" => self.step(part, heard),
            "error" => {
                let error = event.get("error").unwrap_or(&Value::Null);
                let data = error.get("data").unwrap_or(&Value::Null);
                let status = course::count(data, "statusCode");
                let said = match text(data, "message") {
                    "" => text(error, "name"),
                    message => message,
                };
                self.course.started = true;
                self.course.trouble(Trouble { status, ..Trouble::told(said) }, heard);
                let spent = self.course.spent;
                heard.progress.push(Progress::Ended { failed: true, text: said.to_owned(), spent });
            }
            _ => {}
        }
    }

    /// One event tells of the call and of its answer.
    fn tool(&mut self, part: &Value, heard: &mut Heard) {
        let state = part.get("state").unwrap_or(&Value::Null);
        let name = text(part, "tool").to_owned();
        let input = state.get("input").unwrap_or(&Value::Null);
        if name == "invalid" {
            // A tool that is not allowed at all is not there.
            self.course.denied(text(input, "tool"), text(input, "error"), heard);
            return;
        }
        heard.progress.push(Progress::Tool { name: name.clone(), input: course::input(input) });
        let error = text(state, "error");
        // Of a tool that is denied it says that it is not there.
        let refused = ["rejected permission", "prevents you from using", "rejected this tool", "call unavailable tool"];
        if text(state, "status") != "error" {
            heard.progress.push(Progress::Answer { failed: false, text: text(state, "output").to_owned() });
        } else if refused.iter().any(|words| error.contains(words)) {
            self.course.denied(&name, error, heard);
        } else {
            heard.progress.push(Progress::Answer { failed: true, text: error.to_owned() });
        }
    }

    /// What a step used is its own.
    fn step(&mut self, part: &Value, heard: &mut Heard) {
        let tokens = part.get("tokens").unwrap_or(&Value::Null);
        let cache = tokens.get("cache").unwrap_or(&Value::Null);
        let sum = |counts: &[Option<i64>]| counts.iter().flatten().copied().reduce(i64::saturating_add);
        let read = sum(&[course::count(tokens, "input"), course::count(cache, "read"), course::count(cache, "write")]);
        let written = sum(&[course::count(tokens, "output"), course::count(tokens, "reasoning")]);
        let cost = part.get("cost").and_then(Value::as_f64).filter(|cost| cost.is_finite() && *cost > 0.0);
        let spent = &mut self.course.spent;
        spent.tokens_in = sum(&[spent.tokens_in, read]);
        spent.tokens_out = sum(&[spent.tokens_out, written]);
        // It knows no prices of models it does not know, and says 0.
        spent.cost_usd = [spent.cost_usd, cost].into_iter().flatten().reduce(|a, b| a + b);
        self.course.done = text(part, "reason") == "stop";
        if self.course.done {
            let (words, spent) = (self.course.words.clone(), self.course.spent);
            heard.progress.push(Progress::Ended { failed: false, text: words, spent });
        }
        self.course.turned(heard);
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
