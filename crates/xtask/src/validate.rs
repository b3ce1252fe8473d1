//! `cargo xtask validate`: builds the system, the agents that go wrong and the run that counts, and becomes that run.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::{cargo, target_directory};
use crate::install::ensure;
use crate::report;
use crate::tool::Tool;

/// The run that counts.
const PROGRAM: &str = "coditect-validate";

/// Builds everything and becomes the run.
pub(crate) fn run(install: bool, arguments: &[OsString]) -> anyhow::Result<bool> {
    ensure(Tool::Git, install)?;
    ensure(Tool::Redis, install)?;
    report::remark("Building");
    if !cargo(&["build", "--quiet", "--workspace", "--bins"]).status().context("cannot run cargo")?.success() {
        bail!("the system does not build: see above");
    }
    // It takes our place, so that Ctrl-C and the exit code are its own.
    let error = built()?.args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {PROGRAM}"))
}

/// The run, which has been built.
pub(crate) fn built() -> anyhow::Result<Command> {
    // The profile that builds quickest, whose folder is `debug`.
    Ok(Command::new(target_directory()?.join("debug").join(PROGRAM)))
}
