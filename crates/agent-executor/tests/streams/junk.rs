//! What no program should print is survived by every reader: half lines, junk, wrong types, very much of it.

use agent_executor::control::Control;
use agent_executor::control::LineKind;
use agent_executor::output::{Lines, Sink};
use proptest::prelude::*;

use super::*;

fn readers() -> [Box<dyn Reader>; 4] {
    [claude(), codex(), gemini(), opencode()]
}

/// Values of any shape, under the names that events use.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        prop_oneof![
            Just("result"),
            Just("assistant"),
            Just("system"),
            Just("init"),
            Just("item.completed"),
            Just("error"),
            Just("turn.failed"),
            Just("turn.completed"),
            Just("message"),
            Just("tool_result"),
            Just("tool_use"),
            Just("step_finish"),
            Just("command_execution"),
            Just("Reconnecting... 1/5 (status 42"),
            Just("status"),
            Just("é")
        ]
        .prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let names = prop_oneof![
            Just("type"),
            Just("subtype"),
            Just("message"),
            Just("content"),
            Just("usage"),
            Just("item"),
            Just("part"),
            Just("state"),
            Just("error"),
            Just("data"),
            Just("stats"),
            Just("tokens"),
            Just("cache"),
            Just("cost"),
            Just("status"),
            Just("input_tokens"),
            Just("output"),
            Just("role"),
            Just("text"),
            Just("modelUsage"),
            Just("is_error"),
            Just("rate_limit_info"),
            Just("session_id"),
            Just("tool_id")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::vec((names, inner), 0..8)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_of_bytes_breaks_a_reader(stream in prop::collection::vec(any::<u8>(), 0..400), whole in any::<bool>()) {
        for mut reader in readers() {
            for line in stream.split(|byte| *byte == b'\n') {
                reader.hear(line, whole);
            }
            prop_assert!(reader.conclude(&ended(Some(0), "")).failure.is_some());
        }
    }

    #[test]
    fn no_event_of_any_shape_breaks_a_reader(events in prop::collection::vec(value(), 0..12), cut in 0_usize..200) {
        for mut reader in readers() {
            for event in &events {
                let line = event.to_string();
                for progress in reader.hear(line.as_bytes(), true).progress {
                    let _ = progress.lines();
                }
                reader.hear(line.as_bytes().get(..cut).unwrap_or(line.as_bytes()), false);
            }
            reader.conclude(&ended(None, ""));
        }
    }
}

#[tokio::test]
async fn a_line_without_an_end_takes_no_more_memory_than_one_event_may() {
    let (control, mut log) = log();
    for mut reader in readers() {
        let mut sink = Sink::new(control.log(), 64 * 1024);
        let mut stream = Lines::new(LineKind::Stdout, &[]).read_by(Some(reader.as_mut()));
        let block = vec![b'{'; 1024 * 1024];
        // More than that many of them is the same again.
        for _ in 0..64 {
            stream.feed(&block, &mut sink).await;
        }
        stream.feed(b"\n{}\n", &mut sink).await;
        stream.finish(&mut sink).await;
    }
    drop(control);
    let mut said = Vec::new();
    while let Some(line) = log.recv().await {
        said.push(line.text);
    }
    assert_eq!(said.iter().filter(|line| line.contains("too long to be read")).count(), 4, "{said:?}");
}

fn log() -> (Control, tokio::sync::mpsc::Receiver<agent_executor::control::LogLine>) {
    let (sender, lines) = tokio::sync::mpsc::channel(1_000);
    (Control::new(sender), lines)
}
