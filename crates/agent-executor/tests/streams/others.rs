//! Streams of Codex, Gemini CLI and opencode, written for the rules they show.

use super::*;

fn lines(lines: &[&str]) -> Vec<u8> {
    lines.join("\n").into_bytes()
}

const THREAD: &str = r#"{"type":"thread.started","thread_id":"01a2-b"}"#;
const TURN: &str = r#"{"type":"turn.started","new":1}"#;
const COMMAND: &str = r#"{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"make","aggregated_output":"no rule\n","exit_code":2,"status":"failed"}}"#;
const SAYS: &str = r#"{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"Made it."}}"#;
const COMPLETED: &str =
    r#"{"type":"turn.completed","usage":{"input_tokens":120,"cached_input_tokens":100,"output_tokens":9}}"#;

#[test]
fn codex_is_followed_to_its_end_and_counts_only_what_this_run_used() {
    let stream = lines(&[THREAD, TURN, COMMAND, SAYS, COMPLETED]);
    let replay = replay_to(codex(), &stream, 0, "");
    assert_eq!(replay.conclusion.failure, None);
    assert_eq!(replay.conclusion.summary.as_deref(), Some("Made it."));
    assert_eq!(replay.conclusion.session_id.as_deref(), Some("01a2-b"));
    assert!(replay.log.contains(&"tool_result: failed: no rule".to_owned()), "{:?}", replay.log);

    let before = Spent { cost_usd: None, tokens_in: Some(100), tokens_out: Some(4) };
    let replay = replay_to(Box::new(codex::Session::new(50, true, before)), &stream, 0, "");
    let spent = replay.conclusion.spent;
    assert_eq!((spent.tokens_in, spent.tokens_out), (Some(20), Some(5)));
}

#[test]
fn codex_is_stopped_when_no_retry_can_help_and_not_before() {
    let again = |n: u8, why: &str| format!(r#"{{"type":"error","message":"Reconnecting... {n}/5 ({why})"}}"#);
    let refused = again(1, "unexpected status 401 Unauthorized: no, url: http://127.0.0.1:1");
    let replay = replay_to(codex(), &lines(&[THREAD, TURN, &refused, &refused]), 0, "");
    assert_eq!((replay.stopped_after, replay.standings()), (Some(3), vec![AccountStanding::Auth]));
    replay.failed(Auth);

    let busy = again(1, "unexpected status 503 Service Unavailable: busy, url: http://127.0.0.1:1");
    let limit = again(2, "exceeded retry limit, last status: 429 Too Many Requests");
    let replay = replay_to(codex(), &lines(&[THREAD, TURN, &busy, &limit, SAYS, COMPLETED]), 0, "");
    assert_eq!(replay.conclusion.failure, None);
    assert_eq!(replay.standings(), [AccountStanding::RateLimited, AccountStanding::Ok]);
    assert!(replay.log.iter().any(|line| line.contains("(status 429), try 2 of 5")), "{:#?}", replay.log);

    let cut = r#"{"type":"turn.failed","error":{"message":"stream disconnected before completion"}}"#;
    replay_to(codex(), &lines(&[THREAD, TURN, cut]), 1, "").failed(Overloaded);
}

#[test]
fn codex_has_no_limit_of_turns_so_ours_holds() {
    let stream = lines(&[THREAD, TURN, COMMAND, COMMAND, COMMAND, SAYS, COMPLETED]);
    let replay = replay_to(Box::new(codex::Session::new(2, false, Spent::default())), &stream, 0, "");
    assert_eq!(replay.stopped_after, Some(5));
    assert!(replay.failed(TurnLimit).contains("executor.codex.max_turns"));
}

#[test]
fn a_conversation_that_codex_does_not_know_begins_anew() {
    let stderr = "Error: thread/resume failed: no rollout found for thread id x";
    let replay = replay_to(Box::new(codex::Session::new(50, true, Spent::default())), b"", 1, stderr);
    assert!(replay.conclusion.resume_refused);
    assert!(replay.failed(Config).contains("no rollout found"));
    assert!(!replay_to(codex(), b"", 1, stderr).conclusion.resume_refused);
}

const INIT: &str = r#"{"type":"init","session_id":"58f9-b","model":"model-a"}"#;
const CALL: &str =
    r#"{"type":"tool_use","tool_name":"write_file","tool_id":"c1","parameters":{"file_path":"a.txt","content":"x"}}"#;
const WORKED: &str = r#"{"type":"result","status":"success","stats":{"input_tokens":30,"output_tokens":15}}"#;

fn piece(text: &str) -> String {
    format!(r#"{{"type":"message","role":"assistant","content":"{text}","delta":true}}"#)
}

#[test]
fn the_words_of_gemini_come_in_pieces_and_are_told_whole() {
    let user = r#"{"type":"message","role":"user","content":"the prompt"}"#;
    let stream = lines(&[INIT, user, &piece("I wri"), &piece("te it."), CALL, &piece("Do"), &piece("ne."), WORKED]);
    let replay = replay_to(gemini(), &stream, 0, "");
    assert_eq!(replay.conclusion.failure, None);
    assert_eq!(replay.conclusion.summary.as_deref(), Some("Done."));
    assert_eq!(replay.conclusion.spent.tokens_in, Some(30));
    for line in ["text: I write it.", "tool: write_file: a.txt", "text: Done.", "cost: 30 tokens in, 15 tokens out"] {
        assert!(replay.log.contains(&line.to_owned()), "{line}: {:#?}", replay.log);
    }
    assert!(!replay.log.iter().any(|line| line.contains("the prompt")));
}

#[test]
fn a_tool_that_gemini_has_no_leave_for_is_named() {
    let none = r#"{"type":"tool_result","tool_id":"c1","status":"error","output":"not found","error":{"type":"tool_not_registered"}}"#;
    let replay = replay_to(gemini(), &lines(&[INIT, CALL, none, &piece("No."), WORKED]), 0, "");
    assert!(
        replay.conclusion.notes[0].contains("(write_file); executor.gemini.allowed_tools"),
        "{:?}",
        replay.conclusion
    );
}

#[test]
fn what_gemini_says_of_its_failures_is_told_apart() {
    let failed = |kind: &str, message: &str| {
        let error = serde_json::json!({ "type": kind, "message": message });
        serde_json::json!({ "type": "result", "status": "error", "error": error, "stats": {} }).to_string()
    };
    for (kind, message, code, class) in [
        ("FatalTurnLimitedError", "Reached max session turns", 53, TurnLimit),
        ("unknown", r#"[API Error: {"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#, 173, RateLimited),
        ("unknown", r#"[API Error: {"error":{"code":503,"message":"busy"}}]"#, 247, Overloaded),
        ("unknown", r#"[API Error: {"error":{"code":403,"status":"PERMISSION_DENIED"}}]"#, 147, Auth),
        ("unknown", "[API Error: models/x is not found]", 1, Config),
        ("unknown", "[API Error: Unexpected token '<' is not valid JSON]", 1, Overloaded),
        ("unknown", r#"[API Error: {"error":{"code":400,"message":"bad"}}]"#, 144, AgentError),
    ] {
        replay_to(gemini(), &lines(&[INIT, &failed(kind, message)]), code, "").failed(class);
    }
    assert!(replay_to(gemini(), b"", 41, "set an auth method").failed(Config).contains("auth method"));
    replay_to(gemini(), INIT.as_bytes(), 137, "").failed(AgentError);
}

const STEP: &str = r#"{"type":"step_start","sessionID":"ses_1","part":{"type":"step-start"}}"#;

fn finish(reason: &str) -> String {
    format!(
        r#"{{"type":"step_finish","part":{{"reason":"{reason}","tokens":{{"input":10,"output":2,"reasoning":1,"cache":{{"write":3,"read":4}}}},"cost":0.25}}}}"#
    )
}

fn tool(name: &str, state: &str) -> String {
    format!(r#"{{"type":"tool_use","part":{{"type":"tool","tool":"{name}","state":{state}}}}}"#)
}

#[test]
fn the_steps_of_opencode_are_summed_and_the_last_one_says_that_it_is_done() {
    let (more, done) = (finish("tool-calls"), finish("stop"));
    let ran = tool("bash", r#"{"status":"completed","input":{"command":"ls"},"output":"a.txt\n"}"#);
    let text = r#"{"type":"text","part":{"type":"text","text":"Done."}}"#;
    let replay = replay_to(opencode(), &lines(&[STEP, &ran, &more, STEP, text, &done]), 0, "");
    let Conclusion { failure, spent, summary, session_id, .. } = replay.conclusion;
    assert_eq!((failure, summary.as_deref(), session_id), (None, Some("Done."), None));
    assert_eq!((spent.tokens_in, spent.tokens_out, spent.cost_usd), (Some(34), Some(6), Some(0.5)));
    assert!(replay.log.contains(&"tool: bash: ls".to_owned()), "{:?}", replay.log);

    // It went away in the middle.
    replay_to(opencode(), &lines(&[STEP, &ran, &more, STEP]), 0, "").failed(AgentError);
    assert!(replay_to(opencode(), b"", 1, "Error: no such model").failed(Config).contains("no such model"));
}

#[test]
fn what_opencode_refuses_its_agent_is_named() {
    let rule = r#"{"status":"error","input":{"filePath":"/x"},"error":"The user has specified a rule which prevents you from using this specific tool call."}"#;
    let gone = r#"{"status":"completed","input":{"tool":"webfetch","error":"unavailable tool"},"output":""}"#;
    let stream = lines(&[STEP, &tool("write", rule), &tool("invalid", gone), &finish("stop")]);
    let replay = replay_to(opencode(), &stream, 0, "");
    assert!(replay.conclusion.notes[0].contains("2 uses of tools were not allowed (webfetch, write)"));
}

#[test]
fn opencode_that_goes_on_beyond_its_steps_is_stopped() {
    let more = finish("tool-calls");
    let stream = lines(&[STEP, &more, STEP, &more, STEP, &more, STEP, &more]);
    let replay = replay_to(Box::new(opencode::Session::new(2)), &stream, 0, "");
    assert_eq!(replay.stopped_after, Some(6));
    replay.failed(TurnLimit);
}

#[test]
fn an_error_of_opencode_carries_its_status() {
    for (status, class) in [(429, RateLimited), (529, Overloaded), (401, Auth), (402, Auth), (404, Config)] {
        let error = format!(
            r#"{{"type":"error","error":{{"name":"APIError","data":{{"message":"no","statusCode":{status},"isRetryable":true}}}}}}"#
        );
        replay_to(opencode(), error.as_bytes(), 1, "").failed(class);
    }
}
