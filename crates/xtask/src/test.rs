//! `cargo xtask test`: every check, one after the other, a line for each; what a failing one printed is shown whole.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::cargo::cargo;
use crate::install::ensure;
use crate::report::{self, Counts};
use crate::tool::{Tool, postgres};
use crate::{alerts, chart, dashboard, images, validate};
use crate::{plan_tools, real_cli};

/// Runs the checks; answers whether all passed.
pub(crate) fn run(install: bool, full: bool) -> anyhow::Result<bool> {
    let began = Instant::now();
    let strict = env::var("CI").as_deref() == Ok("true");
    for tool in [Tool::Git, Tool::Redis] {
        ensure(tool, install)?;
    }
    let or_skip = |there: anyhow::Result<()>, what: &str| match there {
        Ok(()) => Ok(true),
        Err(error) if strict => Err(error.context(format!("with CI=true {what} may not be skipped"))),
        Err(error) => {
            let why = error.to_string();
            report::say(&format!("skipped: {what}: {}", why.lines().next().unwrap_or_default()));
            Ok(false)
        }
    };
    let optional = |tool: Tool, what: &str| or_skip(ensure(tool, install), what);
    let format = optional(Tool::Rustfmt, "format")?;
    let lints = optional(Tool::Clippy, "lints")?;
    optional(Tool::Postgres, "tests on PostgreSQL")?;
    let real = or_skip(real_cli::ensure(install), "tests with the real programs of agents")?;
    or_skip(plan_tools::ensure(install), "tests with the tools of plan formats")?;
    let chart = or_skip(chart::prepare(install), "chart")?;
    let alerts = optional(Tool::Promtool, "alerts")?;
    let images = full && or_skip(images::prepare(), "images")?;
    let dashboard = optional(Tool::Node, "dashboard")?;
    optional(Tool::Chromium, "tests of the dashboard in a browser")?;

    let mut checks = Vec::new();
    if format {
        checks.push(check("format", &["fmt", "--all", "--check"])?);
    }
    if lints {
        checks.push(check("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?);
    }
    if chart {
        checks.push(within("chart", chart::check));
    }
    if alerts {
        checks.push(within("alerts", alerts::check));
    }
    if dashboard {
        checks.push(dashboard::check()? && dashboard::build()?);
    }
    if full {
        checks.push(documentation()?);
    }
    // The end-to-end tests run the binaries.
    let built = check("build", &["build", "--workspace", "--bins"])?;
    checks.push(built);
    checks.push(built && tests(strict)?);
    if full {
        checks.push(!real || (built && quietly("tests with the real programs of agents", real_cli::rest())?));
        checks.push(built && quietly("validation", validate::built()?)?);
    }
    if images {
        let built = within("images", || images::build(false));
        checks.push(built && quietly("validation in containers", images::built()?)?);
    }

    let passed = checks.iter().all(|passed| *passed);
    let verdict = if passed { "passed" } else { "FAILED" };
    report::result(verdict, "cargo xtask test", began.elapsed());
    Ok(passed)
}

/// Runs one check quietly.
fn check(name: &str, arguments: &[&str]) -> anyhow::Result<bool> {
    quietly(name, cargo(arguments))
}

/// Makes one check that is ours.
fn within(name: &str, check: impl FnOnce() -> anyhow::Result<()>) -> bool {
    report::doing(name);
    let began = Instant::now();
    let checked = check();
    report::result(if checked.is_ok() { "ok" } else { "FAILED" }, name, began.elapsed());
    if let Err(error) = &checked {
        report::say(&format!("{error:#}"));
    }
    checked.is_ok()
}

fn documentation() -> anyhow::Result<bool> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    quietly("documentation", command)
}

fn quietly(name: &str, mut command: Command) -> anyhow::Result<bool> {
    report::doing(name);
    let began = Instant::now();
    // One pipe for both, so that what is shown is in the order it was said.
    let (mut said, writer) = std::io::pipe().context("no pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().context("no pipe")?).stderr(writer);
    let mut child = command.spawn().context("cannot run cargo")?;
    // The command holds copies of the pipe's writing end, and its end is ours.
    drop(command);
    let mut output = Vec::new();
    said.read_to_end(&mut output).context("cannot read what cargo says")?;
    let passed = child.wait().context("cannot wait for cargo")?.success();
    report::result(if passed { "ok" } else { "FAILED" }, name, began.elapsed());
    if !passed {
        report::say(String::from_utf8_lossy(&output).trim_end());
    }
    Ok(passed)
}

/// Runs the tests in the open: cargo's own result lines are what continuous integration reads.
fn tests(strict: bool) -> anyhow::Result<bool> {
    let began = Instant::now();
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    if !strict {
        // Dots instead of names; failures and results are told all the same.
        command.arg("--quiet");
    }
    if let Some(path) = path_with_postgres() {
        command.env("PATH", path);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut counts = Counts::default();
    if let Some(mut said) = child.stdout.take().map(BufReader::new) {
        let mut line = Vec::new();
        while said.read_until(b'\n', &mut line).context("cannot read what the tests say")? > 0 {
            let _ = std::io::stdout().write_all(&line);
            counts.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let passed = child.wait().context("cannot wait for cargo")?.success();
    tell(passed, &counts, began.elapsed());
    Ok(passed)
}

fn tell(passed: bool, counts: &Counts, took: Duration) {
    let Counts { passed: good, failed, ignored } = counts;
    let what = format!("tests: {good} passed, {failed} failed, {ignored} ignored");
    report::result(if passed { "ok" } else { "FAILED" }, &what, took);
}

/// `PATH` with PostgreSQL's programs, which some packages put elsewhere.
fn path_with_postgres() -> Option<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    // At the end: there may be other programs in the folder that must not come before those people chose.
    env::join_paths(env::split_paths(&path).chain([postgres()?])).ok()
}
