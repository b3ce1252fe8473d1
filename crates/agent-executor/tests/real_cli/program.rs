//! Where the programs are.

use std::path::{Path, PathBuf};

/// Claude Code; none: the test is skipped.
pub(crate) fn claude() -> Option<String> {
    found("Claude Code", "CODITECT_REAL_CLAUDE", || {
        let packages = packages()?.join("@anthropic-ai");
        let entries = std::fs::read_dir(packages).ok()?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path().join("claude")).collect();
        files.retain(|file: &PathBuf| Path::is_file(file));
        files.pop()
    })
}

/// Codex.
#[allow(dead_code, reason = "shared with tests that use one of them")]
pub(crate) fn codex() -> Option<String> {
    found("Codex", "CODITECT_REAL_CODEX", || Some(packages()?.join(".bin/codex")))
}

/// Gemini CLI.
#[allow(dead_code, reason = "shared with tests that use one of them")]
pub(crate) fn gemini() -> Option<String> {
    found("Gemini CLI", "CODITECT_REAL_GEMINI", || Some(packages()?.join(".bin/gemini")))
}

/// opencode: the package beside the one that asks for it, for this machine.
#[allow(dead_code, reason = "shared with tests that use one of them")]
pub(crate) fn opencode() -> Option<String> {
    found("opencode", "CODITECT_REAL_OPENCODE", || {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        Some(packages()?.join(format!("opencode-linux-{machine}/bin/opencode")))
    })
}

/// The program that the variable names, else the one that `cargo xtask real-cli` has installed.
fn found(name: &str, variable: &str, installed: impl Fn() -> Option<PathBuf>) -> Option<String> {
    let named = std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let found = named.or_else(installed).filter(|file| file.is_file());
    if found.is_none() {
        let hint = format!("{name} is not installed for tests: run `cargo xtask real-cli`, or set {variable}");
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{hint}");
        println!("skipped: {hint}");
    }
    found.map(|file| file.to_string_lossy().into_owned())
}

/// `<target>/real-cli/node_modules`
fn packages() -> Option<PathBuf> {
    // This test is <target>/<profile>/deps/<name>.
    let exe = std::env::current_exe().ok()?;
    Some(exe.ancestors().nth(3)?.join("real-cli/node_modules"))
}
