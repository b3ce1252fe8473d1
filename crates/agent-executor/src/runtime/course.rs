//! The course of one run, as programs without a last word of their own tell it: their readers put in what the events say, and get
//! out what it came to. Codex, Gemini CLI and opencode are read this way.

use coditect_core::FailureClass as Class;
use serde_json::Value;

use super::progress::{beginning, excerpt};
use super::trouble::Trouble;
use super::{AccountNotice, AccountStanding, Conclusion, Heard, Progress, Spent};
use crate::git::tail;
use crate::job::Failure;
use crate::run::{End, Ended};

/// How much of the agent's last words is kept with the result; the log has them all.
const SUMMARY: usize = 8_000;

/// How much of standard error a message repeats.
const TAIL: usize = 2_000;

/// How many tools that were not allowed are named.
const DENIED: usize = 10;

/// What was seen of a run.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The program's name for people.
    program: &'static str,
    /// Where it is configured.
    setting: &'static str,
    /// It is to go on with an earlier conversation.
    resumes: bool,
    /// The most turns; 0: the program bounds them itself.
    max_turns: u32,
    /// It began to work.
    pub(super) started: bool,
    /// It said that it is done.
    pub(super) done: bool,
    /// The conversation's id.
    pub(super) session_id: Option<String>,
    /// The model has answered in it: there is something to go on with.
    spoke: bool,
    /// The agent's last words.
    pub(super) words: String,
    /// What was used so far.
    pub(super) spent: Spent,
    /// What the program itself says of a limit of ours that was reached.
    pub(super) bound: Option<(Class, String)>,
    turns: u32,
    trouble: Option<Trouble>,
    notice: Option<AccountNotice>,
    denied: Vec<String>,
    unreadable: u64,
}

/// So many uses of tools are remembered: more come from nobody but who wants to fill the memory.
pub(super) const MANY: usize = 10_000;

/// The longest name of a tool that is repeated, in bytes.
const NAME: usize = 100;

impl Course {
    /// A run that has not begun. `setting` is where its runtime is configured; the program bounds the turns itself where `max_turns` is 0.
    pub(super) fn new(program: &'static str, setting: &'static str, max_turns: u32, resumes: bool) -> Self {
        Self { program, setting, max_turns, resumes, ..Self::default() }
    }

    /// The event that a line is; what is none is told, and the run goes on.
    pub(super) fn event(&mut self, line: &[u8], whole: bool, heard: &mut Heard) -> Option<Value> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        let event = serde_json::from_slice::<Value>(line).ok().filter(Value::is_object);
        if event.is_none() {
            self.unreadable += 1;
            heard.progress.push(Progress::Note(if whole {
                String::from_utf8_lossy(line).into_owned()
            } else {
                "an event that was too long to be read".to_owned()
            }));
        }
        event
    }

    /// The agent said something: whatever the account had, it has no more.
    pub(super) fn said(&mut self, text: &str, heard: &mut Heard) {
        self.answered(heard);
        text.clone_into(&mut self.words);
        heard.progress.push(Progress::Text(text.to_owned()));
    }

    /// The API answers.
    pub(super) fn answered(&mut self, heard: &mut Heard) {
        self.trouble = None;
        self.spoke = true;
        if self.notice.as_ref().is_some_and(|notice| notice.standing == AccountStanding::RateLimited) {
            heard.account = self.account(AccountStanding::Ok, "the API answers again");
        }
    }

    /// A turn is over. Beyond the limit nothing more is of use.
    pub(super) fn turned(&mut self, heard: &mut Heard) {
        self.turns = self.turns.saturating_add(1);
        if self.max_turns > 0 && self.turns > self.max_turns && self.bound.is_none() {
            self.bound = Some((Class::TurnLimit, format!("{}.max_turns is {}", self.setting, self.max_turns)));
            heard.stop = true;
        }
    }

    /// A tool was not allowed.
    pub(super) fn denied(&mut self, tool: &str, why: &str, heard: &mut Heard) {
        if self.denied.len() < MANY {
            self.denied.push(beginning(tool, NAME));
        }
        heard.progress.push(Progress::Denied { tool: tool.to_owned(), why: why.to_owned() });
    }

    /// The API said no. Where no retry mends it, the run is over.
    pub(super) fn trouble(&mut self, trouble: Trouble, heard: &mut Heard) {
        match trouble.class() {
            Class::Auth => {
                heard.account = self.account(AccountStanding::Auth, &trouble.text);
                heard.stop = true;
            }
            Class::RateLimited => heard.account = self.account(AccountStanding::RateLimited, &trouble.text),
            _ => {}
        }
        self.trouble = Some(trouble);
    }

    /// What there is to tell of the account, unless it was told already.
    fn account(&mut self, standing: AccountStanding, message: &str) -> Option<AccountNotice> {
        let told = self.notice.as_ref().is_some_and(|last| last.standing == standing);
        let notice = AccountNotice { standing, reset_at_ms: None, message: excerpt(message) };
        (!told).then(|| self.notice.insert(notice).clone())
    }

    /// What it all came to.
    pub(super) fn conclude(&self, ended: &Ended) -> Conclusion {
        let mut notes = Vec::new();
        if !self.denied.is_empty() {
            let mut tools = self.denied.clone();
            tools.sort();
            tools.dedup();
            tools.truncate(DENIED);
            notes.push(format!(
                "{} uses of tools were not allowed ({}); {}.allowed_tools says which are",
                self.denied.len(),
                tools.join(", "),
                self.setting
            ));
        }
        if self.unreadable > 0 {
            notes.push(format!("{} lines of its output were no events", self.unreadable));
        }
        let failure = self.failure(ended);
        let summary = beginning(self.words.trim(), SUMMARY);
        if failure.is_none() && summary.is_empty() {
            notes.push("the agent ended without a word".to_owned());
        }
        // What is wrong beside the conversation goes wrong again with a new one, and is told then.
        let config = failure.as_ref().is_some_and(|failure| failure.class == Class::Config);
        Conclusion {
            summary: Some(summary).filter(|summary| failure.is_none() && !summary.is_empty()),
            spent: self.spent,
            runtime_version: None,
            session_id: self.session_id.clone().filter(|_| self.spoke || self.resumes),
            resume_refused: self.resumes && !self.started && config,
            notes,
            failure,
        }
    }

    fn failure(&self, ended: &Ended) -> Option<Failure> {
        let program = self.program;
        if let Some((class, why)) = &self.bound {
            let message = match class {
                Class::TurnLimit => format!("the agent used all its turns: {why}"),
                _ => why.clone(),
            };
            return Some(Failure::new(*class, message));
        }
        if let Some(trouble) = &self.trouble {
            return Some(trouble.failure(self.setting));
        }
        if self.done && ended.end == End::Exited && ended.code == Some(0) {
            return None;
        }
        if self.done {
            let message = format!("{program} reported success, and then ended with {}", ended.status());
            return Some(Failure::new(Class::AgentError, with_tail(message, ended)));
        }
        if !self.started && ended.signal.is_none() {
            return Some(Failure::config(with_tail(format!("{program} did not start ({})", ended.status()), ended)));
        }
        let message = format!("{program} ended with {} in its work", ended.status());
        Some(Failure::new(Class::AgentError, with_tail(message, ended)))
    }
}

/// Its standard output is events, which the log has.
fn with_tail(message: String, ended: &Ended) -> String {
    match tail(&ended.stderr_tail, TAIL) {
        "" => message,
        end => format!("{message}:\n{end}"),
    }
}

/// A text in an event, or nothing.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number in an event that is not negative.
pub(super) fn count(value: &Value, name: &str) -> Option<i64> {
    let value = value.get(name)?;
    let number = value.as_i64().or_else(|| value.as_f64().filter(|number| number.is_finite()).map(|n| n as i64));
    number.filter(|number| *number >= 0)
}

/// What a tool is given, in the word that says most; else all of it.
pub(super) fn input(value: &Value) -> String {
    let telling = ["command", "cmd", "file_path", "filePath", "path", "pattern", "url", "query", "prompt"];
    let word = telling.iter().map(|name| text(value, name)).find(|word| !word.is_empty());
    match word {
        Some(word) => word.to_owned(),
        None if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) => String::new(),
        None => value.to_string(),
    }
}
