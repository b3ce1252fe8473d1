//! How much of the evidence of an attempt is kept: enough to see what was proved, whatever a command prints.

use crate::git::tail;
use crate::job::{Evidence, MAX_FILES, VerifyResult};

/// How many verify commands are told of one by one.
const COMMANDS: usize = 200;

/// How much of a command, in bytes.
const COMMAND: usize = 4 * 1024;

/// How much of the output of all commands, in bytes. A command that failed comes first.
const TAILS: usize = 128 * 1024;

/// How many notes, and how much of each, in bytes.
const NOTES: (usize, usize) = (100, 2 * 1024);

/// How much of all changed paths, in bytes.
const PATHS: usize = 64 * 1024;

/// How much of the agent's own summary, in bytes.
const SUMMARY: usize = 16 * 1024;

/// Cuts the evidence down to what is kept.
pub(crate) fn bound(evidence: &mut Evidence) {
    let Evidence { verify, files, notes, summary, flags, .. } = evidence;
    if verify.len() > COMMANDS {
        // The last one may be the one that failed.
        let last = verify.split_off(verify.len() - 1);
        notes.push(format!("of {} verify commands the first and the last are told", verify.len() + 1));
        verify.truncate(COMMANDS - 1);
        verify.extend(last);
    }
    let mut left = TAILS;
    let mut order: Vec<&mut VerifyResult> = verify.iter_mut().collect();
    order.sort_by_key(|result| result.exit_code == Some(0));
    for result in order {
        cut(&mut result.command, COMMAND);
        result.tail = tail(&result.tail, left).to_owned();
        left -= result.tail.len();
    }
    let mut left = PATHS;
    let fits = |path: &String| {
        let fits = path.len() <= left;
        left = left.saturating_sub(path.len());
        fits
    };
    let known = files.len().min(MAX_FILES);
    let kept = files.iter().take(MAX_FILES).cloned().take_while(fits).collect::<Vec<_>>();
    if kept.len() < known {
        notes.push(format!("of {known} changed files {} are named", kept.len()));
    }
    *files = kept;
    for list in [notes, flags] {
        list.truncate(NOTES.0);
        list.iter_mut().for_each(|text| cut(text, NOTES.1));
    }
    if let Some(summary) = summary {
        cut(summary, SUMMARY);
    }
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_stays_small_whatever_was_printed_and_keeps_what_failed() {
        let result = |exit_code, tail: &str| VerifyResult {
            command: "x".repeat(10_000),
            source: "task".to_owned(),
            exit_code: Some(exit_code),
            tail: tail.to_owned(),
            duration_ms: 1,
        };
        let long = "é".repeat(4_000);
        let mut evidence = Evidence {
            verify: (0..500).map(|_| result(0, &long)).chain([result(1, "the reason")]).collect(),
            files: (0..2_000).map(|i| format!("{i}/{}", "d/".repeat(100))).collect(),
            notes: vec!["n".repeat(10_000); 500],
            summary: Some("s".repeat(1_000_000)),
            ..Evidence::default()
        };
        bound(&mut evidence);
        let json = serde_json::to_string(&evidence).unwrap();
        assert!(json.len() < 1_500_000, "{}", json.len());
        assert_eq!(evidence.verify.len(), COMMANDS);
        assert_eq!(evidence.verify.last().unwrap().tail, "the reason");
        assert!(evidence.files.len() > 100 && evidence.files.len() < 1_000);
        let once = evidence.clone();
        bound(&mut evidence);
        assert_eq!(evidence.files, once.files);
    }
}
