//! `cargo xtask demo`: from a fresh clone to a plan that is worked to its end.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::{BINARIES, cargo, target_directory};
use crate::dashboard;
use crate::install::ensure;
use crate::report;
use crate::tool::Tool;

/// Builds the system and becomes `coditect demo`.
pub(crate) fn run(install: bool, arguments: &[OsString]) -> anyhow::Result<bool> {
    ensure(Tool::Git, install)?;
    ensure(Tool::Redis, install)?;
    if !dashboard::run(false)? {
        report::remark("The demo goes on without a dashboard");
    }
    report::remark("Building the six binaries; the first time takes a few minutes");
    let mut build = cargo(&["build", "--quiet", "--bins"]);
    build.args(BINARIES.iter().flat_map(|package| ["--package", package]));
    if !build.status().context("cannot run cargo")?.success() {
        bail!("the system does not build: see above");
    }
    // The profile that builds quickest, whose folder is `debug`.
    let coditect = target_directory()?.join("debug").join("coditect");
    // It takes our place, so that Ctrl-C and the exit code are its own.
    let error = Command::new(&coditect).arg("demo").args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", coditect.display()))
}
