//! What an agent does, in one form for every CLI, and as lines that a person reads.

use crate::control::LineKind;

/// The longest text that one line of the log repeats of what a tool was given or gave back.
const EXCERPT: usize = 300;

/// How many lines of a tool's answer the log repeats.
const ANSWER_LINES: usize = 3;

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// It began.
    Started {
        /// The program and its version.
        version: String,
        /// The model.
        model: String,
    },
    /// The agent said something.
    Text(String),
    /// The agent uses a tool.
    Tool {
        /// The tool.
        name: String,
        /// What it is given.
        input: String,
    },
    /// A tool answered.
    Answer {
        /// It failed.
        failed: bool,
        /// What it said.
        text: String,
    },
    /// The agent was not allowed to use a tool.
    Denied {
        /// The tool.
        tool: String,
        /// Why.
        why: String,
    },
    /// A request failed and is made again.
    Retry {
        /// Which try failed.
        attempt: i64,
        /// How many there are at most.
        of: i64,
        /// The pause before the next.
        delay_ms: i64,
        /// The HTTP status; none where there was no answer.
        status: Option<i64>,
        /// What went wrong, in the CLI's word for it.
        error: String,
    },
    /// The account's quota.
    Limit {
        /// It is used up.
        exhausted: bool,
        /// The quota and how much of it is used, in words.
        what: String,
        /// When it is there again.
        reset_at_ms: Option<i64>,
    },
    /// Something else worth a line.
    Note(String),
    /// A turn has ended.
    Ended {
        /// It was no success.
        failed: bool,
        /// The last words.
        text: String,
        /// What was used so far.
        spent: Spent,
    },
}

/// What a run used.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Spent {
    /// In US dollars, where the CLI says.
    pub cost_usd: Option<f64>,
    /// Tokens read, cached ones among them.
    pub tokens_in: Option<i64>,
    /// Tokens written.
    pub tokens_out: Option<i64>,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStanding {
    /// Its quota is used up.
    RateLimited,
    /// Its credential is refused, or there is none, or its bill is not paid.
    Auth,
    /// It works again.
    Ok,
}

impl AccountStanding {
    /// The name in the stream of results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Auth => "auth",
            Self::Ok => "ok",
        }
    }
}

/// What a run has learned about its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountNotice {
    /// How it stands.
    pub standing: AccountStanding,
    /// When its quota is there again, where that is known.
    pub reset_at_ms: Option<i64>,
    /// For a person.
    pub message: String,
}

impl Progress {
    /// The lines of the log that tell it.
    #[must_use]
    pub fn lines(&self) -> Vec<(LineKind, String)> {
        match self {
            Self::Started { version, model } => {
                vec![(LineKind::Harness, format!("{version} started{}", with_model(model)))]
            }
            Self::Text(text) => text.lines().map(|line| (LineKind::Text, line.to_owned())).collect(),
            Self::Tool { name, input } => {
                let input = excerpt(input);
                let gap = if input.is_empty() { "" } else { ": " };
                vec![(LineKind::Tool, format!("{name}{gap}{input}"))]
            }
            Self::Answer { failed, text } => {
                let mut lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                let more = lines.len().saturating_sub(ANSWER_LINES);
                lines.truncate(ANSWER_LINES);
                let mark = if *failed { "failed: " } else { "" };
                let mut told: Vec<_> =
                    lines.into_iter().map(|line| (LineKind::ToolResult, format!("{mark}{}", excerpt(line)))).collect();
                if more > 0 {
                    told.push((LineKind::ToolResult, format!("… {more} more lines")));
                }
                told
            }
            Self::Denied { tool, why } => vec![(LineKind::Denied, format!("{tool}: {}", excerpt(why)))],
            Self::Retry { attempt, of, delay_ms, status, error } => {
                let status = status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
                let pause = *delay_ms as f64 / 1_000.0;
                vec![(LineKind::Retry, format!("{error} ({status}), try {attempt} of {of}; again in {pause:.1} s"))]
            }
            Self::Limit { exhausted, what, reset_at_ms } => {
                let state = if *exhausted { "used up" } else { "nearly used up" };
                let reset = reset_at_ms.map_or_else(String::new, |at| format!("; there again at {at} (ms since 1970)"));
                vec![(LineKind::RateLimit, format!("the account's quota ({what}) is {state}{reset}"))]
            }
            Self::Note(text) => vec![(LineKind::Harness, excerpt(text))],
            Self::Ended { failed, text, spent } => {
                let mark = if *failed { "failed: " } else { "" };
                let text = text.trim();
                let mut lines: Vec<_> = text.lines().map(|line| (LineKind::Result, format!("{mark}{line}"))).collect();
                if lines.is_empty() {
                    lines.push((LineKind::Result, format!("{mark}(no last words)")));
                }
                lines.extend(spent.line().map(|line| (LineKind::Cost, line)));
                lines
            }
        }
    }
}

impl Spent {
    /// `$0.0123, 400 tokens in, 80 out`
    fn line(&self) -> Option<String> {
        let cost = self.cost_usd.map(|cost| format!("${cost:.4}"));
        let read = self.tokens_in.map(|tokens| format!("{tokens} tokens in"));
        let written = self.tokens_out.map(|tokens| format!("{tokens} tokens out"));
        let parts: Vec<_> = [cost, read, written].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn with_model(model: &str) -> String {
    if model.is_empty() { String::new() } else { format!(" with {model}") }
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    let mut line = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == EXCERPT {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_of_tools_are_told_by_their_beginning() {
        let answer = Progress::Answer { failed: true, text: "one\n\ntwo\nthree\nfour\nfive\n".to_owned() };
        let texts: Vec<_> = answer.lines().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["failed: one", "failed: two", "failed: three", "… 2 more lines"]);
        let tool = Progress::Tool { name: "Bash".to_owned(), input: "ü\n".repeat(1_000) };
        let (_, text) = tool.lines().remove(0);
        assert!(text.starts_with("Bash: ü ü") && text.chars().count() < 320, "{text}");
    }

    #[test]
    fn an_end_tells_its_costs_on_a_line_of_its_own() {
        let spent = Spent { cost_usd: Some(0.5), tokens_in: Some(400), tokens_out: None };
        let end = Progress::Ended { failed: false, text: "done".to_owned(), spent };
        let lines = end.lines();
        assert_eq!(lines[0], (LineKind::Result, "done".to_owned()));
        assert_eq!(lines[1], (LineKind::Cost, "$0.5000, 400 tokens in".to_owned()));
    }
}
