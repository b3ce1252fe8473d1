//! Four times the text takes about four times the time, whatever the text is: nothing is quadratic.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use coditect_plan::{Format, parse, parse_as};
use nix::time::{ClockId, clock_gettime};

const SMALL: usize = 50_000;

/// What parsers have stumbled over: a name, and what is repeated.
const ODD: [(&str, &str); 19] = [
    ("opening brackets", "["),
    ("closing brackets", "]"),
    ("boxes in one line", "- [ ] ["),
    ("boxes with brackets", "- [ ] [[[[[[[[\n"),
    ("nested quotes", "> "),
    ("quotes and lists", "> - "),
    ("nested lists", "- "),
    ("nested numbers", "1. "),
    ("backticks", "`a"),
    ("stars", "*a"),
    ("open fences", "```sh\n"),
    ("indented open fences", "  ```sh\n"),
    ("fences of two kinds", "```sh\n~~~\n"),
    ("closed fences", "~~~\na\n~~~\n"),
    ("open comments", "<!-- a\n"),
    ("comments in one line", "<!-- a -->"),
    ("notes in one line", "- [ ] <!-- coditect: agent=a --> "),
    ("headings", "#### Task 1.1: a\n"),
    ("waiting for the last", "- [ ] **T1:** a (depends on T9)\n"),
];

/// Linear growth is 4, quadratic growth 16.
const TOO_MUCH: f64 = 8.0;

/// A quadratic reading of the larger text takes longer by far; below this the clock says little about growth.
const MOMENT: Duration = Duration::from_millis(50);

/// How many times longer the large text takes. The clock is the thread's own: it stands still while others have the
/// processor.
fn growth(small: &str, large: &str, read: impl Fn(&str)) -> f64 {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let time = |text: &str| {
        let start = now();
        read(text);
        now() - start
    };
    let (short, long) = (time(small), time(large));
    if long < MOMENT { 0.0 } else { long.as_secs_f64() / short.as_secs_f64() }
}

#[test]
fn odd_text_is_read_in_linear_time_in_every_format() {
    for (name, unit) in ODD {
        let small = unit.repeat(SMALL / unit.len());
        let large = small.repeat(4);
        let grown = growth(&small, &large, |text| {
            let _ = Format::detect("PLAN.md", text);
        });
        assert!(grown < TOO_MUCH, "detection, {name}: {grown}");
        for format in Format::ALL {
            let grown = growth(&small, &large, |text| {
                let _ = parse_as(format, "plan", text);
            });
            assert!(grown < TOO_MUCH, "{format}, {name}: {grown}");
        }
    }
}

#[test]
fn lists_nested_as_deep_as_they_are_long_are_read_in_linear_time() {
    // One step further in on each line: four times the text has twice the lines.
    let stairs = |lines: usize| -> String { (0..lines).map(|n| format!("{}- [ ] a\n", " ".repeat(n))).collect() };
    let grown = growth(&stairs(1_000), &stairs(2_000), |text| {
        let _ = parse("PLAN.md", text);
    });
    assert!(grown < TOO_MUCH, "{grown}");
}
