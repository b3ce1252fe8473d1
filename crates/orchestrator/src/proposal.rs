//! What people are shown of a result that they are asked to merge: the task, what proves the result, and what to look at. Pure.

use std::fmt::Write as _;

use coditect_forge::Proposal;
use coditect_store::{AttemptRow, Deliver, TaskRow};
use serde::Deserialize;

/// The longest title, in characters. Forges take some more.
const TITLE: usize = 200;

/// The longest text, in characters. GitHub takes 65,536 bytes, and a character has up to four.
const TEXT: usize = 15_000;

/// So much of what comes from the plan, and of what the agent said, is repeated, in characters.
const PART: usize = 5_000;

/// What of the evidence is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Evidence {
    verify: Vec<Verified>,
    diff_stat: String,
    flags: Vec<String>,
    notes: Vec<String>,
    summary: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verified {
    command: String,
    exit_code: Option<i32>,
    duration_ms: u64,
}

/// The request to merge what an attempt has left on a branch.
pub(crate) fn proposal(task: &TaskRow, attempt: &AttemptRow, result: &Deliver, target: &str) -> Proposal {
    let evidence = attempt.end.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Proposal {
        title: cut(&one_line(&format!("{}: {}", task.key, task.title)), TITLE),
        body: cut(&body(task, attempt, &evidence), TEXT),
        branch: result.branch.clone(),
        target: target.to_owned(),
    }
}

fn body(task: &TaskRow, attempt: &AttemptRow, evidence: &Evidence) -> String {
    let mut text = String::new();
    let mut part = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            let _ = write!(text, "## {title}\n\n{}\n\n", lines.join("\n"));
        }
    };
    let listed = |lines: &[String]| lines.iter().map(|line| format!("- {}", one_line(line))).collect::<Vec<_>>();
    let description = cut(task.description.trim(), PART);
    part("Task", &[description].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>());
    part("Steps", &listed(&task.steps));
    part("Acceptance criteria", &listed(&task.acceptance));
    let proofs: Vec<_> = evidence.verify.iter().map(Verified::line).collect();
    match proofs.as_slice() {
        [] => part("Proof", &["No command proves this task: nothing but the merge was proved.".to_owned()]),
        proofs => part("Proof", proofs),
    }
    part("Look at", &listed(&evidence.flags));
    part("Notes", &listed(&evidence.notes));
    let summary = evidence.summary.as_deref().map(str::trim).filter(|text| !text.is_empty());
    part("What the agent says", &summary.map(|text| fenced(&cut(text, PART))).into_iter().collect::<Vec<_>>());
    let stat = if evidence.diff_stat.is_empty() { String::new() } else { format!(": {}", evidence.diff_stat) };
    let _ =
        write!(text, "---\nTask {}, attempt {} by `{}`{stat}", code(task.id.as_str()), attempt.number, attempt.agent);
    text
}

impl Verified {
    fn line(&self) -> String {
        let end = match self.exit_code {
            Some(0) => "passed".to_owned(),
            Some(code) => format!("failed with exit code {code}"),
            None => "did not end by itself".to_owned(),
        };
        format!(
            "- {} {end} in {}.{} s",
            code(&one_line(&self.command)),
            self.duration_ms / 1000,
            self.duration_ms / 100 % 10
        )
    }
}

/// A text of which a forge reads nothing: whoever it names is not called, and no issue is closed by it.
fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// The same, within a line.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// The longest run of backquotes.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_says_names_nobody_and_closes_nothing() {
        let said = "Fixes #7, thanks @everyone\n```\nlet a = 1;\n```";
        let shown = fenced(said);
        assert!(shown.starts_with("````text\n") && shown.ends_with("\n````"), "{shown}");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a`"), "`` `a` ``");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü", 2), "äö …");
        assert_eq!(one_line(" a\n b\t c "), "a b c");
    }
}
