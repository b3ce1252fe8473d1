//! `cargo xtask real-cli`: the tests against the real programs of agents, which are installed below the target folder, in the versions the
//! executor was measured with. Nothing else on the machine is touched.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

use crate::cargo::{cargo, target_directory};
use crate::report;
use crate::tool::in_path;

/// A program of an agent, as npm knows it.
struct Program {
    /// What people call it.
    name: &'static str,
    /// The package.
    package: String,
    /// The version that the recorded streams and the executor's tests are about.
    version: &'static str,
    /// What tests can name instead of the installed one.
    variable: &'static str,
    /// A file that is there if it is installed whole, below `node_modules`.
    file: String,
}

fn programs() -> [Program; 4] {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let program = |name, package: &str, version, variable, file: String| Program {
        name,
        package: package.to_owned(),
        version,
        variable,
        file,
    };
    // The one that asks for it brings those for other processors, too.
    let opencode = format!("opencode-{system}-{machine}");
    [
        program(
            "Claude Code",
            "@anthropic-ai/claude-code",
            "2.1.330",
            "CODITECT_REAL_CLAUDE",
            format!("@anthropic-ai/claude-code-{system}-{machine}/claude"),
        ),
        program("Codex", "@openai/codex", "0.169.0", "CODITECT_REAL_CODEX", ".bin/codex".to_owned()),
        program("Gemini CLI", "@google/gemini-cli", "0.61.0", "CODITECT_REAL_GEMINI", ".bin/gemini".to_owned()),
        program("opencode", &opencode, "1.18.33", "CODITECT_REAL_OPENCODE", format!("{opencode}/bin/opencode")),
    ]
}

/// Installs the programs and runs all their tests; answers whether all passed.
pub(crate) fn run(install: bool) -> anyhow::Result<bool> {
    ensure(install)?;
    report::remark("Building");
    if !cargo(&["build", "--quiet", "--workspace", "--bins"]).status().context("cannot run cargo")?.success() {
        bail!("the build failed: see above");
    }
    Ok(tests(&["--include-ignored", "--nocapture"]).status().context("cannot run cargo")?.success())
}

/// The tests that are not run with all the others, as there are too many.
pub(crate) fn rest() -> Command {
    tests(&["--ignored"])
}

fn tests(arguments: &[&str]) -> Command {
    let mut tests =
        cargo(&["test", "--test", "real_cli", "--package", "agent-executor", "--package", "coditect-tests"]);
    tests.arg("--").args(arguments);
    tests
}

/// Makes sure that the tests find the programs.
///
/// # Errors
/// One is not there, and what to do about it.
pub(crate) fn ensure(install: bool) -> anyhow::Result<()> {
    let folder = target_directory()?.join("real-cli");
    let named = |program: &Program| std::env::var_os(program.variable).is_some_and(|value| !value.is_empty());
    let mut missing: Vec<_> = programs().into();
    missing.retain(|program| !named(program) && !installed(&folder, program));
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|program| program.name).collect();
    let names = names.join(", ");
    // All at once: npm takes away what is not named.
    let wanted: Vec<_> = programs().iter().map(|it| format!("{}@{}", it.package, it.version)).collect();
    let by_hand = format!("npm install --no-save --prefix {} {}", folder.display(), wanted.join(" "));
    if !install {
        bail!("not installed for tests: {names}. To install what tests need: {by_hand}");
    }
    let Some(npm) = in_path("npm") else {
        bail!("not installed for tests: {names}; and there is no npm to install it: install Node.js with npm")
    };
    report::remark(&format!("Not installed for tests: {names}. Installing now: {by_hand}"));
    let began = Instant::now();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = Command::new(npm);
    // None of them needs a script to be installed.
    command.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    command.arg(&folder).args(&wanted);
    let output = command.stdin(Stdio::null()).output().context("cannot run npm")?;
    let not_there: Vec<_> = missing.iter().filter(|it| !installed(&folder, it)).map(|it| it.name).collect();
    if !output.status.success() || !not_there.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{names} could not be installed. Mend this and try again ({by_hand}):\n{}", said.trim_end());
    }
    report::remark(&format!("Installed: {names} ({})", report::time(began.elapsed())));
    Ok(())
}

/// Whether the program for this machine is there, in the version that is wanted.
fn installed(folder: &Path, program: &Program) -> bool {
    let packages = folder.join("node_modules");
    let manifest = packages.join(&program.package).join("package.json");
    let manifest = std::fs::read_to_string(manifest).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
    manifest["version"].as_str() == Some(program.version) && packages.join(&program.file).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_not_the_one_that_is_wanted() {
        let folder = std::env::temp_dir().join(format!("coditect-real-cli-{}", std::process::id()));
        let [program, ..] = programs();
        let package = folder.join("node_modules").join(&program.package);
        let file = folder.join("node_modules").join(&program.file);
        std::fs::create_dir_all(&package).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
        let manifest = package.join("package.json");
        std::fs::write(&manifest, r#"{"version": "1.0.0"}"#).unwrap();
        assert!(!installed(&folder, &program));
        std::fs::write(&manifest, format!(r#"{{"version": "{}"}}"#, program.version)).unwrap();
        assert!(installed(&folder, &program));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
