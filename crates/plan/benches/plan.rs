//! How fast plans are read and edited, and what odd input costs.
//!
//! `cargo bench -p coditect-plan`; docs/benchmarks/plan.md has a table of results.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a benchmark stops where something is wrong")]

use coditect_plan::{MarkerStatus, parse};
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A plan as people write them: phases of fifty tasks with fields, steps and criteria.
fn headings(count: usize) -> String {
    let mut text = String::from("# Big\n");
    for n in 0..count {
        let (phase, number) = (n / 50, n % 50);
        if number == 0 {
            text.push_str(&format!("\n## Phase {phase}: Part\n"));
        }
        let before = if number == 0 { "None".to_owned() } else { format!("Task {phase}.{}", number - 1) };
        text.push_str(&format!(
            "\n#### Task {phase}.{number}: Build the part `p{n}`\n**Agent:** `a` | **Priority:** P1\n\
             **Time Estimate:** 2 hours\n**Dependencies:** {before}\n\n- [ ] one\n- [ ] two\n\n\
             **Acceptance Criteria:**\n- fine\n"
        ));
    }
    text
}

/// The same number of tasks as plain boxes with ids.
fn boxes(count: usize) -> String {
    let line = |n: usize| match n % 50 {
        0 => format!("\n## Phase {}\n\n- [ ] **T{}.0** Build it (2 hours)\n", n / 50, n / 50),
        at => format!("- [ ] **T{}.{at}** Build it (depends on T{}.{})\n", n / 50, n / 50, at - 1),
    };
    (0..count).map(line).collect()
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 10)]
fn parse_headings(bencher: Bencher<'_, '_>, count: usize) {
    let text = headings(count);
    bencher.bench_local(|| parse("PLAN.md", &text));
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 10)]
fn parse_boxes(bencher: Bencher<'_, '_>, count: usize) {
    let text = boxes(count);
    bencher.bench_local(|| parse("PLAN.md", &text));
}

#[divan::bench]
fn tick_one_of_10_000(bencher: Bencher<'_, '_>) {
    let text = headings(10_000);
    let plan = parse("PLAN.md", &text);
    bencher.bench_local(|| plan.set_status(&text, "100.25", MarkerStatus::Completed).unwrap());
}

mod ten_megabytes_of {
    use super::*;

    const SIZE: usize = 10_000_000;

    fn odd(bencher: Bencher<'_, '_>, unit: &str) {
        let text = unit.repeat(SIZE / unit.len());
        bencher.bench_local(|| parse("PLAN.md", &text));
    }

    #[divan::bench(sample_count = 3)]
    fn brackets(bencher: Bencher<'_, '_>) {
        odd(bencher, "[");
    }

    #[divan::bench(sample_count = 3)]
    fn brackets_in_boxes(bencher: Bencher<'_, '_>) {
        odd(bencher, "- [ ] [[[[[[[[[[[[[[[[[[\n");
    }

    #[divan::bench(sample_count = 3)]
    fn quotes(bencher: Bencher<'_, '_>) {
        odd(bencher, ">");
    }

    #[divan::bench(sample_count = 3)]
    fn dashes(bencher: Bencher<'_, '_>) {
        odd(bencher, "- ");
    }

    #[divan::bench(sample_count = 3)]
    fn stars(bencher: Bencher<'_, '_>) {
        odd(bencher, "*a");
    }

    #[divan::bench(sample_count = 3)]
    fn backticks(bencher: Bencher<'_, '_>) {
        odd(bencher, "`a");
    }

    #[divan::bench(sample_count = 3)]
    fn open_fences(bencher: Bencher<'_, '_>) {
        odd(bencher, "```sh\n");
    }

    #[divan::bench(sample_count = 3)]
    fn open_comments(bencher: Bencher<'_, '_>) {
        odd(bencher, "<!-- a\n");
    }

    #[divan::bench(sample_count = 3)]
    fn headings_without_end(bencher: Bencher<'_, '_>) {
        odd(bencher, "#### Task 1.1: a\n");
    }
}
