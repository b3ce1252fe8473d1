//! `cargo xtask images`: the Dockerfile and the compose file, for real. The whole system comes up in containers with
//! PostgreSQL and two executors, one of them is killed in the middle of the validation run, and the run is judged as it
//! is outside of containers. The agents that go wrong are mounted, and never in the image.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::cargo::{BINARIES, cargo, root, target_directory};
use crate::tool::in_path;
use crate::{report, validate};

const IMAGE: &str = "coditect:check";

/// Builds the image, and becomes the run.
pub(crate) fn run(inside: bool, arguments: &[OsString]) -> anyhow::Result<bool> {
    prepare()?;
    report::remark("Building");
    build(inside)?;
    // It takes our place, so that Ctrl-C and the exit code are its own.
    let error = built()?.args(arguments).exec();
    Err(error).context("cannot run the validation")
}

/// Whether there is an engine.
///
/// # Errors
/// There is none, or none that answers.
pub(crate) fn prepare() -> anyhow::Result<()> {
    let answers = Command::new("docker").arg("info").output().is_ok_and(|output| output.status.success());
    ensure!(answers, "no Docker engine answers (`docker info`)");
    let plugin = Command::new("docker").args(["compose", "version"]).output();
    let plugin = plugin.is_ok_and(|output| output.status.success());
    ensure!(plugin || in_path("docker-compose").is_some(), "neither `docker compose` nor docker-compose is installed");
    Ok(())
}

/// The validation run, which has been built, in containers of the image.
pub(crate) fn built() -> anyhow::Result<Command> {
    let mut command = validate::built()?;
    command.args(["--compose", IMAGE]);
    Ok(command)
}

/// Builds the image and, on this machine, the agents and the run.
///
/// # Errors
/// What went wrong.
pub(crate) fn build(inside: bool) -> anyhow::Result<()> {
    let mut docker = Command::new("docker");
    docker.current_dir(root()).args(["build", "--tag", IMAGE]);
    let mut build =
        cargo(&["build", "--quiet", "--bins", "--package", "fake-agent", "--package", "coditect-validation"]);
    if !inside {
        build.args(BINARIES.iter().flat_map(|package| ["--package", package]));
    }
    ensure!(build.status().context("cannot run cargo")?.success(), "the system does not build: see above");
    // Beside the Dockerfile, wherever cargo puts what it builds. Engines without BuildKit copy from it in any case.
    let place = root().join("target/container");
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    if inside {
        docker.args(["--build-arg", "PROFILE=dev"]);
    } else {
        for name in BINARIES {
            let built = target_directory()?.join("debug").join(name);
            fs::copy(&built, place.join(name)).with_context(|| format!("cannot copy {}", built.display()))?;
        }
        docker.args(["--target", "prebuilt"]);
    }
    let output = docker.arg(".").stdin(Stdio::null()).output().context("cannot run docker")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the image does not build:\n{}", complaint.trim_end());
    Ok(())
}
