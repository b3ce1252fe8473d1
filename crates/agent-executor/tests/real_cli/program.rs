//! Where the program is.

use std::path::{Path, PathBuf};

/// The variable that names the program, where it is not where `cargo xtask real-cli` installs it.
const VARIABLE: &str = "CODITECT_REAL_CLAUDE";

/// The program; none: the test is skipped.
pub(crate) fn claude() -> Option<String> {
    let found = std::env::var_os(VARIABLE).map(PathBuf::from).or_else(installed).filter(|file| file.is_file());
    if found.is_none() {
        let hint = format!("Claude Code is not installed for tests: run `cargo xtask real-cli`, or set {VARIABLE}");
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{hint}");
        println!("skipped: {hint}");
    }
    found.map(|file| file.to_string_lossy().into_owned())
}

/// `<target>/real-cli/node_modules/@anthropic-ai/claude-code-<system>/claude`
fn installed() -> Option<PathBuf> {
    // This test is <target>/<profile>/deps/<name>.
    let exe = std::env::current_exe().ok()?;
    let target = exe.ancestors().nth(3)?;
    let packages = target.join("real-cli/node_modules/@anthropic-ai");
    let entries = std::fs::read_dir(packages).ok()?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path().join("claude")).collect();
    files.retain(|file: &PathBuf| Path::is_file(file));
    files.pop()
}
