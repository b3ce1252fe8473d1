//! Running cargo in this workspace, whatever folder we were called from.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The packages of the six binaries that make up the system.
pub(crate) const BINARIES: [&str; 6] =
    ["coditect", "orchestrator", "sync-daemon", "dependency-resolver", "task-dispatcher", "agent-executor"];

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // Where cargo finds us now, which need not be where we were built.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package.ancestors().nth(2).map_or_else(|| package.clone(), Path::to_path_buf)
}

/// A cargo command, run at the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> anyhow::Result<PathBuf> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"]).output().context("cannot run cargo")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed:\n{}", complaint.trim_end());
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata answered something that is not JSON")?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_where_the_workspace_is() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn cargo_says_where_it_builds() {
        assert!(target_directory().unwrap().is_absolute());
    }
}
