//! No text makes a reader panic, in whichever dialect it is read; and every place it tells of is in the text.

#![no_main]

use coditect_plan::{Format, parse_as};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u8, &str)| {
    let (pick, text) = data;
    let format = Format::ALL[usize::from(pick) % Format::ALL.len()];
    let plan = parse_as(format, "plan", text);
    for task in &plan.tasks {
        assert!(text.get(task.span.clone()).is_some());
    }
    let lines = text.split('\n').count();
    assert!(plan.diagnostics.iter().all(|d| (1..=lines).contains(&d.line)));
});
