//! `cargo xtask real-cli`: the tests against the real Claude Code, which is installed below the target
//! folder, in the version the executor was measured with. Nothing else on the machine is touched.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

use crate::cargo::{cargo, target_directory};
use crate::report;
use crate::tool::in_path;

/// The package and the version that the recorded streams and the executor's tests are about.
const PACKAGE: &str = "@anthropic-ai/claude-code@2.1.330";

/// Installs the program and runs the tests; answers whether all passed.
pub(crate) fn run(install: bool) -> anyhow::Result<bool> {
    ensure(install)?;
    report::remark("Building");
    if !cargo(&["build", "--quiet", "--workspace", "--bins"]).status().context("cannot run cargo")?.success() {
        bail!("the build failed: see above");
    }
    let packages = ["--package", "agent-executor", "--package", "coditect-tests"];
    let mut tests = cargo(&["test", "--test", "real_cli"]);
    tests.args(packages).args(["--", "--nocapture"]);
    Ok(tests.status().context("cannot run cargo")?.success())
}

/// Makes sure that the tests find the program.
///
/// # Errors
/// It is not there, and what to do about it.
pub(crate) fn ensure(install: bool) -> anyhow::Result<()> {
    let folder = target_directory()?.join("real-cli");
    if std::env::var_os("CODITECT_REAL_CLAUDE").is_some() || installed(&folder) {
        return Ok(());
    }
    let by_hand = format!("npm install --prefix {} {PACKAGE}", folder.display());
    if !install {
        bail!("Claude Code is not installed for tests. To install it: {by_hand}");
    }
    let Some(npm) = in_path("npm") else {
        bail!("Claude Code is not installed for tests, and there is no npm to install it: install Node.js with npm")
    };
    report::remark(&format!("Claude Code is not installed for tests. Installing it now (100 MB): {by_hand}"));
    let began = Instant::now();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = Command::new(npm);
    // The program is a package of its own that needs no script to be installed.
    command.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder).arg(PACKAGE);
    let output = command.stdin(Stdio::null()).output().context("cannot run npm")?;
    if !output.status.success() || !installed(&folder) {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("Claude Code could not be installed. Mend this and try again ({by_hand}):\n{}", said.trim_end());
    }
    report::remark(&format!("Claude Code is installed ({})", report::time(began.elapsed())));
    Ok(())
}

/// Whether the program for this machine is there, in the version that is wanted.
fn installed(folder: &Path) -> bool {
    let packages = folder.join("node_modules/@anthropic-ai");
    let manifest = std::fs::read_to_string(packages.join("claude-code/package.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
    let wanted = PACKAGE.rsplit_once('@').map(|(_, version)| version);
    let entries = std::fs::read_dir(packages).into_iter().flatten().flatten();
    let programs: Vec<PathBuf> = entries.map(|entry| entry.path().join("claude")).collect();
    manifest["version"].as_str() == wanted && programs.iter().any(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_not_the_one_that_is_wanted() {
        let folder = std::env::temp_dir().join(format!("coditect-real-cli-{}", std::process::id()));
        let packages = folder.join("node_modules/@anthropic-ai");
        std::fs::create_dir_all(packages.join("claude-code")).unwrap();
        std::fs::create_dir_all(packages.join("claude-code-linux-x64")).unwrap();
        std::fs::write(packages.join("claude-code-linux-x64/claude"), "").unwrap();
        let manifest = packages.join("claude-code/package.json");
        std::fs::write(&manifest, r#"{"version": "1.0.0"}"#).unwrap();
        assert!(!installed(&folder));
        std::fs::write(&manifest, r#"{"version": "2.1.330"}"#).unwrap();
        assert!(installed(&folder));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
