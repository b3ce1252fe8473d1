//! `cargo xtask kill-matrix`: the tests that kill services in mid-run, again and again. A race that is lost once in
//! twenty runs is found here.

use std::time::Instant;

use anyhow::{Context, bail};

use crate::cargo::cargo;
use crate::install::ensure;
use crate::report;
use crate::tool::Tool;

/// How often leaders are killed in one run.
const LEADER_KILLS: u32 = 10;

/// Runs the tests so many times; answers whether all passed.
pub(crate) fn run(install: bool, times: u32) -> anyhow::Result<bool> {
    for tool in [Tool::Git, Tool::Redis] {
        ensure(tool, install)?;
    }
    report::remark("Building");
    for build in [
        ["build", "--quiet", "--workspace", "--bins"].as_slice(),
        &["test", "--quiet", "--package", "coditect-tests", "--test", "kill", "--test", "leader", "--no-run"],
    ] {
        if !cargo(build).status().context("cannot run cargo")?.success() {
            bail!("cargo {} failed: see above", build.join(" "));
        }
    }
    let began = Instant::now();
    for run in 1..=times {
        let this = Instant::now();
        let passed = tests("kill")?;
        report::result(if passed { "passed" } else { "FAILED" }, &format!("run {run} of {times}"), this.elapsed());
        if !passed {
            report::say(&format!("{} of {times} runs passed; stopped at the first that did not", run - 1));
            return Ok(false);
        }
    }
    report::say(&format!("{times} of {times} runs passed ({})", report::time(began.elapsed())));
    let this = Instant::now();
    let passed = tests("leader")?;
    let what = format!("leaders killed {LEADER_KILLS} times in a run");
    report::result(if passed { "passed" } else { "FAILED" }, &what, this.elapsed());
    Ok(passed)
}

fn tests(name: &str) -> anyhow::Result<bool> {
    let mut tests = cargo(&["test", "--package", "coditect-tests", "--test", name, "--", "--nocapture"]);
    tests.env("CODITECT_TEST_KILLS", LEADER_KILLS.to_string());
    Ok(tests.status().context("cannot run cargo")?.success())
}
