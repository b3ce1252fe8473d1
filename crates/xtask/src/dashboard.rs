//! `cargo xtask dashboard`: builds the dashboard, which the next build of the orchestrator embeds; and its checks.
//!
//! Needs Node.js, which is not installed for anyone who did not ask: without it the rest of the system builds and
//! works all the same.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use anyhow::Context;

use crate::cargo::root;
use crate::install::ensure;
use crate::report;
use crate::tool::Tool;

/// Builds the dashboard, after its checks if asked for; answers whether all went well.
pub(crate) fn run(checked: bool) -> anyhow::Result<bool> {
    let strict = env::var("CI").as_deref() == Ok("true");
    if let Err(error) = ensure(Tool::Node, strict) {
        if strict {
            return Err(error.context("with CI=true the dashboard may not be skipped"));
        }
        let why = error.to_string();
        report::say(&format!("skipped: dashboard: {}", why.lines().next().unwrap_or_default()));
        return Ok(true);
    }
    if checked && !check()? {
        return Ok(false);
    }
    build()
}

/// Builds it; answers whether that went well. Node.js has to be there.
pub(crate) fn build() -> anyhow::Result<bool> {
    Ok(install()? && npm("dashboard: build", &["run", "build"])?)
}

/// The checks alone: types, lints, tests; answers whether all passed. Node.js has to be there.
pub(crate) fn check() -> anyhow::Result<bool> {
    Ok(install()? && npm("dashboard: types, lints, tests", &["run", "check"])?)
}

/// Puts the packages of the lock file into `node_modules`, unless they are there already.
fn install() -> anyhow::Result<bool> {
    let changed = |file: &str| fs::metadata(folder().join(file)).and_then(|meta| meta.modified());
    if let (Ok(lock), Ok(installed)) = (changed("package-lock.json"), changed("node_modules/.package-lock.json"))
        && installed >= lock
    {
        return Ok(true);
    }
    npm("dashboard: npm ci, into dashboard/node_modules", &["ci"])
}

fn folder() -> PathBuf {
    root().join("dashboard")
}

/// Runs npm quietly; what a failing one printed is shown whole.
fn npm(name: &str, arguments: &[&str]) -> anyhow::Result<bool> {
    report::doing(name);
    let began = Instant::now();
    let output = Command::new("npm")
        .args(arguments)
        .current_dir(folder())
        .stdin(Stdio::null())
        .output()
        .context("cannot run npm")?;
    let passed = output.status.success();
    report::result(if passed { "ok" } else { "FAILED" }, name, began.elapsed());
    if !passed {
        report::say(String::from_utf8_lossy(&output.stdout).trim_end());
        report::say(String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(passed)
}
