//! `cargo xtask chart`: the Helm chart is linted, rendered with several sets of values, and held against Kubernetes'
//! schemas; `k8s/` and what else is made from the chart must be what it makes now.
//!
//! Helm comes as a Python package that carries its library, and Kubernetes' schemas as another, so that neither a
//! `helm` nor a cluster is needed. Both live in a virtual environment below cargo's target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::cargo::{root, target_directory};
use crate::install::ensure as ensure_tool;
use crate::report;
use crate::tool::Tool;

/// What is installed; another version is another environment.
const PACKAGES: [&str; 3] = ["helm-python-sdk==0.2.2", "kubernetes-validate==1.37.0", "PyYAML==6.0.4"];

const SCRIPT: &str = include_str!("chart.py");

/// Checks the chart, or writes what is made from it.
pub(crate) fn run(install: bool, write: bool) -> anyhow::Result<bool> {
    prepare(install)?;
    report::say(call(if write { "write" } else { "check" })?.trim_end());
    Ok(true)
}

/// Checks the chart.
///
/// # Errors
/// What is wrong, a line each.
pub(crate) fn check() -> anyhow::Result<()> {
    call("check").map(drop)
}

/// Makes sure that the packages are there.
///
/// # Errors
/// They are not, and what to do about it.
pub(crate) fn prepare(install: bool) -> anyhow::Result<()> {
    ensure_tool(Tool::Python, install)?;
    let folder = folder()?;
    let (stamp, wanted) = (folder.join("packages"), PACKAGES.join("\n"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if !install {
        bail!("the Python packages {} are not installed: run `cargo xtask chart`, which installs them", named());
    }
    report::remark(&format!("Installing the Python packages {} into {}", named(), folder.display()));
    said(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    said(Command::new(python(&folder)).args(pip).args(PACKAGES))
        .with_context(|| format!("the Python packages {} cannot be installed", named()))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn call(what: &str) -> anyhow::Result<String> {
    said(Command::new(python(&folder()?)).args(["-c", SCRIPT]).arg(root()).arg(what))
}

fn named() -> String {
    PACKAGES.map(|package| package.split("==").next().unwrap_or(package)).join(", ")
}

fn folder() -> anyhow::Result<PathBuf> {
    Ok(target_directory()?.join("chart-tools"))
}

fn python(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// What a command prints; all it said, if it fails.
fn said(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let [printed, complained] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(output.status.success(), "{}", format!("{printed}{complained}").trim_end());
    Ok(printed)
}
