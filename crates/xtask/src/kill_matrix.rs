//! `cargo xtask kill-matrix`: the tests that kill services in mid-run, again and again. A race that is lost once in
//! twenty runs is found here.

use std::time::Instant;

use anyhow::{Context, bail};

use crate::cargo::cargo;
use crate::install::ensure;
use crate::report;
use crate::tool::Tool;

/// Runs the tests so many times; answers whether all passed.
pub(crate) fn run(install: bool, times: u32) -> anyhow::Result<bool> {
    for tool in [Tool::Git, Tool::Redis] {
        ensure(tool, install)?;
    }
    report::remark("Building");
    for build in [
        ["build", "--quiet", "--workspace", "--bins"].as_slice(),
        &["test", "--quiet", "--package", "coditect-tests", "--test", "kill", "--no-run"],
    ] {
        if !cargo(build).status().context("cannot run cargo")?.success() {
            bail!("cargo {} failed: see above", build.join(" "));
        }
    }
    let began = Instant::now();
    for run in 1..=times {
        let this = Instant::now();
        let mut tests = cargo(&["test", "--package", "coditect-tests", "--test", "kill", "--", "--nocapture"]);
        let passed = tests.status().context("cannot run cargo")?.success();
        report::result(if passed { "passed" } else { "FAILED" }, &format!("run {run} of {times}"), this.elapsed());
        if !passed {
            report::say(&format!("{} of {times} runs passed; stopped at the first that did not", run - 1));
            return Ok(false);
        }
    }
    report::say(&format!("{times} of {times} runs passed ({})", report::time(began.elapsed())));
    Ok(true)
}
