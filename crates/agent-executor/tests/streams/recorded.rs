//! Streams of the real program, recorded for every case; kept beside the repository, so not there everywhere.

use super::*;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/agent-clis");
    if !folder.is_dir() {
        println!("skipped: there are no recorded streams at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn of(folder: &Path, name: &str, code: i32) -> Replay {
    let stream = std::fs::read(folder.join(format!("{name}.jsonl"))).unwrap();
    replay(&stream, code, "")
}

#[test]
fn every_recorded_stream_is_understood() {
    let Some(folder) = folder() else { return };
    let table: &[(&str, Option<FailureClass>)] = &[
        ("api_401", Some(Auth)),
        ("api_403", Some(Auth)),
        ("api_429", Some(RateLimited)),
        ("api_429_long_retry_after", Some(RateLimited)),
        ("api_529", Some(Overloaded)),
        ("api_timeout", Some(Overloaded)),
        ("billing", Some(Auth)),
        ("error_max_budget_usd", Some(BudgetExceeded)),
        ("error_max_turns", Some(TurnLimit)),
        ("fallback_model", None),
        ("malformed_gateway", Some(Overloaded)),
        ("max_output_tokens", Some(AgentError)),
        ("mcp_failed", None),
        ("model_not_found", Some(Config)),
        ("oauth_rate_limited", Some(RateLimited)),
        ("oauth_rate_warning", None),
        ("partial_messages", None),
        ("permission_denied", None),
        ("prompt_too_long", Some(AgentError)),
        ("refusal", Some(AgentError)),
        ("resume_unknown_197", Some(Config)),
        ("sigint_rc0", Some(AgentError)),
        ("sigterm_no_result", Some(AgentError)),
        ("startup_failure_result", Some(Config)),
        ("structured_output", None),
        ("structured_output_exhausted", Some(AgentError)),
        ("subagent_two_inits_two_results", None),
        ("success", None),
        ("two_results_background", None),
    ];
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let other = ["codex_", "gemini_", "opencode_"].iter().any(|start| name.starts_with(start));
        if path.extension().is_none_or(|end| end != "jsonl") || other {
            continue;
        }
        let expected = table.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name} is in no table")).1;
        let code = std::fs::read_to_string(path.with_extension("rc")).ok().and_then(|text| text.trim().parse().ok());
        // Those without a code were ended by a signal we sent, or recorded without one.
        let code = code.unwrap_or(if name == "sigterm_no_result" { 143 } else { 0 });
        let replay = of(&folder, &name, code);
        let class = replay.conclusion.failure.as_ref().map(|failure| failure.class);
        assert_eq!(class, expected, "{name}: {:?}", replay.conclusion.failure);
        seen += 1;
    }
    assert_eq!(seen, table.len());
}

#[test]
fn every_recorded_stream_of_the_others_is_understood() {
    let Some(folder) = folder() else { return };
    type Make = fn() -> Box<dyn Reader>;
    let table: &[(&str, Make, i32, Option<FailureClass>)] = &[
        ("codex_success", codex, 0, None),
        ("codex_401", codex, 1, Some(Auth)),
        ("gemini_success", gemini, 0, None),
        ("gemini_401", gemini, 145, Some(Auth)),
        ("opencode_success", opencode, 0, None),
        ("opencode_429", opencode, 1, Some(RateLimited)),
    ];
    for (name, reader, code, expected) in table {
        let stream = std::fs::read(folder.join(format!("{name}.jsonl"))).unwrap();
        let replay = replay_to(reader(), &stream, *code, "");
        let Conclusion { failure, session_id, spent, summary, .. } = replay.conclusion;
        assert_eq!(failure.as_ref().map(|failure| failure.class), *expected, "{name}: {failure:?}");
        if expected.is_none() {
            assert_eq!(summary.as_deref(), Some("done"), "{name}");
            assert!(session_id.is_some_and(|id| id.len() > 20) || name.starts_with("opencode"), "{name}");
            assert!(spent.tokens_in.unwrap() > 0 && spent.tokens_out.unwrap() > 0, "{name}: {spent:?}");
            assert!(replay.log.iter().any(|line| line.starts_with("tool: ")), "{name}: {:#?}", replay.log);
        }
    }
    let all = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others = |name: &String| {
        name.ends_with(".jsonl") && ["codex_", "gemini_", "opencode_"].iter().any(|start| name.starts_with(start))
    };
    assert_eq!(all.filter(others).count(), table.len());
}

#[test]
fn a_refused_credential_is_believed_at_its_first_retry() {
    let Some(folder) = folder() else { return };
    let replay = of(&folder, "api_401", 1);
    assert_eq!(replay.stopped_after, Some(2));
    assert_eq!(replay.standings(), [AccountStanding::Auth]);
}

#[test]
fn a_limit_with_a_reset_time_carries_it() {
    let Some(folder) = folder() else { return };
    let replay = of(&folder, "oauth_rate_limited", 1);
    let failure = replay.conclusion.failure.clone().unwrap();
    assert_eq!(failure.reset_at_ms, Some(1_795_400_000_000));
    assert_eq!(replay.standings(), [AccountStanding::RateLimited]);
    assert_eq!(replay.accounts[0].reset_at_ms, failure.reset_at_ms);
    // One without: nobody knows when.
    let replay = of(&folder, "api_429_long_retry_after", 1);
    assert_eq!(replay.standings(), [AccountStanding::RateLimited]);
    assert_eq!(replay.conclusion.failure.unwrap().reset_at_ms, None);
    // A warning is no limit.
    assert!(of(&folder, "oauth_rate_warning", 0).accounts.is_empty());
}

#[test]
fn the_last_result_counts_and_its_costs_are_the_whole_runs() {
    let Some(folder) = folder() else { return };
    let conclusion = of(&folder, "two_results_background", 0).conclusion;
    assert_eq!(conclusion.summary.as_deref(), Some("after notification"));
    assert!((conclusion.spent.cost_usd.unwrap() - 0.0024).abs() < 1e-9);
    assert_eq!((conclusion.spent.tokens_in, conclusion.spent.tokens_out), (Some(300), Some(60)));
    assert_eq!(conclusion.runtime_version.as_deref(), Some("claude-code 2.1.330"));
}

#[test]
fn tools_that_were_not_allowed_are_noted() {
    let Some(folder) = folder() else { return };
    let replay = of(&folder, "permission_denied", 0);
    assert!(
        replay.conclusion.notes[0].contains("2 uses of tools were not allowed (Bash, Write)"),
        "{:?}",
        replay.conclusion.notes
    );
    assert!(
        replay.log.iter().any(|line| line.starts_with("denied: Write: Permission to use Write")),
        "{:#?}",
        replay.log
    );
}
