//! Streams written for the rules they show.

use super::*;

const INIT: &str =
    r#"{"subtype":"init","type":"system","model":"model-a","claude_code_version":"9.9.9","new_field":[1]}"#;
const SUCCESS: &str = r#"{"duration_ms":1,"type":"result","subtype":"success","is_error":false,"result":"done","modelUsage":{"a":{"inputTokens":5,"outputTokens":7,"cacheReadInputTokens":3,"costUSD":0.5},"b":{"inputTokens":1,"costUSD":0.25}}}"#;

fn lines(lines: &[&str]) -> Vec<u8> {
    lines.join("\n").into_bytes()
}

fn api_failure(fields: &str) -> String {
    format!(
        r#"{{"type":"result","subtype":"success","is_error":true,"num_turns":1,"terminal_reason":"api_error",{fields}}}"#
    )
}

#[test]
fn costs_and_tokens_are_summed_over_the_models() {
    let replay = replay(&lines(&[INIT, SUCCESS]), 0, "");
    let Conclusion { spent, summary, failure, runtime_version, notes, .. } = replay.conclusion;
    assert_eq!((spent.cost_usd, spent.tokens_in, spent.tokens_out), (Some(0.75), Some(9), Some(7)));
    assert_eq!((summary.as_deref(), failure), (Some("done"), None));
    assert_eq!(runtime_version.as_deref(), Some("claude-code 9.9.9"));
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(
        replay.log,
        ["harness: claude-code 9.9.9 started with model-a", "result: done", "cost: $0.7500, 9 tokens in, 7 tokens out"]
    );
}

#[test]
fn what_an_agent_does_is_readable() {
    let said = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"First\nthis."},{"type":"tool_use","name":"Bash","input":{"command":"ls -l","description":"d"}},{"type":"odd"}]}}"#;
    let answered = r#"{"type":"user","message":{"content":[{"type":"tool_result","is_error":true,"content":[{"type":"text","text":"no such file"}]}]}}"#;
    let replay = replay(&lines(&[INIT, said, answered, SUCCESS]), 0, "");
    assert_eq!(
        replay.log[1..5],
        ["text: First", "text: this.", "tool: Bash: ls -l", "tool_result: failed: no such file"]
    );
}

#[test]
fn junk_half_lines_and_unknown_events_do_no_harm() {
    let mut stream = lines(&[
        INIT,
        "",
        "{\"type\":\"result\",\"subtype\":\"succ",
        "[1,2]",
        "null",
        "{}",
        "{\"type\":7,\"message\":3}",
    ]);
    stream.extend(b"\n\xff\xfe\x00junk\n");
    stream.extend(br#"{"type":"assistant","message":{"content":"a string","usage":[]}}"#);
    stream.extend(b"\n{\"type\":\"novelty\",\"a\":{}}\n");
    stream.extend(br#"{"type":"system","subtype":"api_retry","attempt":"x","retry_delay_ms":513.7}"#);
    stream.extend(b"\n");
    stream.extend(SUCCESS.as_bytes());
    let replay = replay(&stream, 0, "");
    assert_eq!(replay.conclusion.failure, None);
    assert_eq!(replay.conclusion.notes, ["4 lines of its output were no events"]);
}

#[test]
fn a_cut_event_is_told_and_the_run_goes_on() {
    let mut session = claude();
    let heard = session.hear(&vec![b'x'; 100_000], false);
    assert_eq!(heard.progress, [Progress::Note("an event that was too long to be read".to_owned())]);
    session.hear(SUCCESS.as_bytes(), true);
    assert_eq!(session.conclude(&ended(Some(0), "")).failure, None);
}

#[test]
fn a_program_that_does_not_start_is_a_matter_of_configuration() {
    let replay = replay(b"", 1, "error: unknown option '--max-turns'");
    assert!(replay.failed(Config).contains("unknown option"));
}

#[test]
fn a_crash_is_the_agents_failure_and_what_it_used_at_least_is_known() {
    let said = |id: &str, written: i64| {
        format!(
            r#"{{"type":"assistant","message":{{"id":"{id}","content":[],"usage":{{"input_tokens":10,"output_tokens":{written}}}}}}}"#
        )
    };
    let (a, a_again, b) = (said("a", 1), said("a", 4), said("b", 2));
    let replay = replay(&lines(&[INIT, &a, &a_again, &b]), 139, "Segmentation fault");
    assert!(replay.failed(AgentError).contains("exit code 139"));
    let spent = replay.conclusion.spent;
    assert_eq!((spent.cost_usd, spent.tokens_in, spent.tokens_out), (None, Some(20), Some(6)));
}

#[test]
fn a_success_that_ends_with_an_error_is_none() {
    assert!(replay(&lines(&[INIT, SUCCESS]), 137, "").failed(AgentError).contains("exit code 137"));
}

#[test]
fn failures_of_the_api_are_told_apart() {
    let cases = [
        (r#""api_error_status":402,"result":"pay""#, Auth),
        (r#""result":"Not logged in · Please run /login""#, Auth),
        (r#""api_error_status":400,"result":"You have reached your specified API usage limits.""#, Auth),
        (r#""api_error_status":429,"result":"slow down""#, RateLimited),
        (r#""api_error_status":529,"result":"busy""#, Overloaded),
        (r#""api_error_status":503,"result":"down""#, Overloaded),
        (r#""api_error":"connection_failed","result":"no route""#, Overloaded),
        (r#""api_error_status":404,"result":"no such model""#, Config),
        (r#""api_error_status":413,"result":"too large""#, AgentError),
        (r#""api_error_status":400,"result":"bad""#, AgentError),
        (r#""stop_reason":"refusal","result":"no""#, AgentError),
    ];
    for (fields, class) in cases {
        replay(&lines(&[INIT, &api_failure(fields)]), 1, "").failed(class);
    }
}

#[test]
fn the_account_is_reported_as_soon_as_it_is_limited_and_when_it_answers_again() {
    let retry = |delay: i64| {
        format!(
            r#"{{"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"retry_delay_ms":{delay},"error_status":429,"error":"rate_limit"}}"#
        )
    };
    let (short, long) = (retry(600), retry(30_000));
    let said = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"on"}]}}"#;
    let replay = replay(&lines(&[INIT, &short, &long, said, SUCCESS]), 0, "");
    assert_eq!(replay.standings(), [AccountStanding::RateLimited, AccountStanding::Ok]);
    assert!(replay.accounts[0].reset_at_ms.is_some());
    assert_eq!(replay.conclusion.failure, None);
}

#[test]
fn a_run_that_was_stopped_for_its_credential_says_so() {
    let retry = r#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"retry_delay_ms":513,"error_status":401,"error":"authentication_failed"}"#;
    let replay = replay(&lines(&[INIT, retry, retry]), 1, "");
    assert_eq!(replay.stopped_after, Some(2));
    assert!(replay.failed(Auth).contains("authentication_failed"));
}

#[test]
fn a_conversation_that_cannot_go_on_is_to_begin_anew_and_one_that_can_says_its_id() {
    let refused = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":0,"errors":["No conversation found with session ID: x"]}"#;
    let resuming = || Box::new(claude::Session::new(true));
    let replay = replay_to(resuming(), refused.as_bytes(), 1, "");
    assert!(replay.conclusion.resume_refused);
    let unknown_flag = replay_to(resuming(), b"", 1, "error: unknown option");
    assert!(unknown_flag.conclusion.resume_refused && unknown_flag.failed(Config).contains("unknown option"));
    let init = r#"{"type":"system","subtype":"init","session_id":"5a0c"}"#;
    let replay = replay_to(resuming(), &lines(&[init]), 137, "");
    assert_eq!((replay.conclusion.session_id.as_deref(), replay.conclusion.resume_refused), (Some("5a0c"), false));
}

#[test]
fn a_conversation_is_worth_going_on_with_once_the_model_has_answered_and_unless_it_is_too_long() {
    let init = r#"{"type":"system","subtype":"init","session_id":"5a0c"}"#;
    let answer = r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"Well."}]}}"#;
    let too_long = r#"{"type":"result","subtype":"success","is_error":true,"terminal_reason":"prompt_too_long","result":"Prompt is too long"}"#;
    let session =
        |events: &[&str]| replay_to(Box::new(claude::Session::new(false)), &lines(events), 1, "").conclusion.session_id;
    assert_eq!(session(&[init]), None);
    assert_eq!(session(&[init, answer]).as_deref(), Some("5a0c"));
    assert_eq!(session(&[init, answer, too_long]), None);
}
