//! What there is of proof, in words: the commands that prove a task, what came of them, and what waits for a person.

use coditect_proto::v1;
use serde::Deserialize;

use crate::failure::Failure;
use crate::output;

/// Of what a failed command printed, so many lines are shown; `--json` has all that is kept.
const LINES: usize = 15;

/// So many changed files are named.
const FILES: usize = 8;

/// What an attempt left, as far as it is shown. What is not there was not seen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Evidence {
    verify: Vec<Verified>,
    commit: Option<String>,
    diff_stat: String,
    files: Vec<String>,
    notes: Vec<String>,
    flags: Vec<String>,
    held_on: Option<String>,
    no_verify: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verified {
    command: String,
    source: String,
    exit_code: Option<i32>,
    tail: String,
    duration_ms: i64,
}

/// The commands that prove a task, and its result that is held.
pub(crate) fn show_proofs(detail: &v1::TaskDetail) -> Result<(), Failure> {
    for (at, command) in detail.verify.iter().enumerate() {
        let source = detail.verify_sources.get(at).map(String::as_str).unwrap_or_default();
        let of = if source.is_empty() { String::new() } else { format!("  ({source})") };
        output::line(format_args!("  verify      {}{of}", output::short(command, 100)))?;
    }
    if detail.verify.is_empty() {
        output::line("  verify      no command: nothing but the merge is proved (docs/proof.md)")?;
    }
    match detail.changes.as_str() {
        "none" => output::line("  changes     none: nothing of its result lands")?,
        "optional" => output::line("  changes     optional")?,
        _ => {}
    }
    if let Some(held) = &detail.held {
        let by = held.decided_by.as_deref().map(|by| format!(" by {}", by.trim_start_matches("person:")));
        let commit = held.commit.get(..12).unwrap_or(&held.commit);
        let by = by.unwrap_or_default();
        output::line(format_args!("  held        {}{by}: {commit} on {}", held.verdict, held.branch))?;
        for flag in &held.flags {
            output::line(format_args!("              - {flag}"))?;
        }
    }
    if let Some(delivered) = &detail.delivered {
        let commit = delivered.commit.get(..12).unwrap_or(&delivered.commit);
        let by = delivered.decided_by.as_deref().and_then(|by| by.strip_prefix("person:"));
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        let verdict = delivered.verdict.replace('_', " ");
        output::line(format_args!("  on branch   {verdict}{by}: {commit} on {}", delivered.branch))?;
        if let Some(url) = &delivered.url {
            output::line(format_args!("  request     {url}"))?;
        }
        if let Some(trouble) = &delivered.trouble {
            output::line(format_args!("              {trouble}"))?;
        }
    }
    Ok(())
}

/// What an attempt left as evidence.
pub(crate) fn show(attempt: &v1::Attempt) -> Result<(), Failure> {
    lines(attempt).into_iter().try_for_each(|line| output::line(format_args!("              {line}")))
}

fn lines(attempt: &v1::Attempt) -> Vec<String> {
    let text = attempt.evidence.as_deref().unwrap_or_default();
    let Ok(evidence) = serde_json::from_str::<Evidence>(text) else { return Vec::new() };
    let Evidence { verify, commit, diff_stat, files, notes, flags, held_on, no_verify } = evidence;
    let mut said = Vec::new();
    if !diff_stat.is_empty() {
        let commit = commit.as_deref().map(|commit| commit.get(..12).unwrap_or(commit)).unwrap_or_default();
        said.push(format!("{commit} {diff_stat}").trim().to_owned());
    }
    if !files.is_empty() {
        let more = files.len().saturating_sub(FILES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = files.get(..FILES.min(files.len())).unwrap_or_default();
        said.push(format!("files: {}{more}", shown.join(", ")));
    }
    for Verified { command, source, exit_code, tail, duration_ms } in verify {
        let end = match exit_code {
            Some(0) => "passed".to_owned(),
            Some(code) => format!("failed with exit code {code}"),
            None => "did not end by itself".to_owned(),
        };
        let of = if source.is_empty() { String::new() } else { format!(" ({source})") };
        let took = output::duration(duration_ms);
        said.push(format!("verify {}{of}: {end} after {took}", output::short(&command, 80)));
        if exit_code != Some(0) {
            let printed: Vec<_> = tail.lines().collect();
            let from = printed.len().saturating_sub(LINES);
            said.extend(printed.iter().skip(from).map(|line| format!("  | {line}")));
        }
    }
    if no_verify {
        said.push("no verify command: nothing but the merge was proved".to_owned());
    }
    said.extend(held_on.map(|branch| format!("held on {branch}")));
    said.extend(flags.into_iter().map(|flag| format!("flagged: {flag}")));
    said.extend(notes.into_iter().map(|note| format!("note: {note}")));
    said.extend(attempt.runtime_version.as_ref().map(|version| format!("ran {version}")));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_says_what_was_proved_and_repeats_the_end_of_what_failed() {
        let printed = (0..40).map(|i| format!("line {i}\\n")).collect::<String>();
        let evidence = format!(
            r#"{{"verify":[{{"command":"make","source":"plan","exit_code":0,"tail":"","duration_ms":1500}},
            {{"command":"make test","exit_code":2,"tail":"{printed}","duration_ms":10}}],"commit":"0123456789abcdef",
            "diff_stat":"1 file changed","files":["a"],"notes":["odd"],"no_verify":false,"something_new":1}}"#
        );
        let attempt = v1::Attempt {
            evidence: Some(evidence),
            runtime_version: Some("agent 1".to_owned()),
            ..v1::Attempt::default()
        };
        let said = lines(&attempt);
        assert_eq!(said[0], "0123456789ab 1 file changed");
        assert_eq!(said[2], "verify make (plan): passed after 1.5 s");
        assert!(said[3].starts_with("verify make test: failed with exit code 2"), "{said:?}");
        assert_eq!((said[4].as_str(), said[18].as_str()), ("  | line 25", "  | line 39"));
        assert_eq!(said[19..], ["note: odd", "ran agent 1"]);
        assert!(lines(&v1::Attempt::default()).is_empty());
    }
}
