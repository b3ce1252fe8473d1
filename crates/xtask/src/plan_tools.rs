//! `cargo xtask plan-tools`: the tests of plan formats, with the programs that the formats belong to. They are
//! installed below the target folder, in the versions the tests were written with. Nothing else on the machine is
//! touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

use crate::cargo::{cargo, target_directory};
use crate::install::ensure as ensure_tool;
use crate::report;
use crate::tool::Tool;

/// Packages that are installed together, each into a folder of its own.
struct Set {
    folder: &'static str,
    packages: &'static [&'static str],
    install: fn(&Path, &[&str]) -> Vec<Command>,
}

const SETS: [Set; 3] = [
    Set { folder: "node", packages: &["@fission-ai/openspec@1.13.2", "backlog.md@1.52.0"], install: node },
    // Most of what it brings along is for talking to models, and some of it is not needed to read a list of tasks.
    Set { folder: "task-master", packages: &["task-master-ai@0.43.1"], install: node_without_optional },
    Set { folder: "python", packages: &["specify-cli==1.2.3"], install: python },
];

/// Installs the programs and runs the tests; answers whether all passed.
pub(crate) fn run(install: bool) -> anyhow::Result<bool> {
    ensure(install)?;
    report::remark("Building");
    if !cargo(&["build", "--quiet", "--workspace", "--bins"]).status().context("cannot run cargo")?.success() {
        bail!("the build failed: see above");
    }
    let mut tests = cargo(&["test", "--package", "coditect-tests", "--test", "formats"]);
    tests.args(["--", "--nocapture"]);
    Ok(tests.status().context("cannot run cargo")?.success())
}

/// Makes sure that the tests find the programs.
///
/// # Errors
/// They are not there, and what to do about it.
pub(crate) fn ensure(install: bool) -> anyhow::Result<()> {
    ensure_tool(Tool::Node, install)?;
    ensure_tool(Tool::Python, install)?;
    let folder = target_directory()?.join("plan-tools");
    SETS.iter().try_for_each(|set| set.ensure(&folder, install))
}

impl Set {
    fn ensure(&self, folder: &Path, install: bool) -> anyhow::Result<()> {
        let (folder, named) = (folder.join(self.folder), self.packages.join(", "));
        let stamp = folder.join("packages");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == named) {
            return Ok(());
        }
        if !install {
            bail!("{named} is not installed for tests: run `cargo xtask plan-tools`, which installs it");
        }
        report::remark(&format!("Installing {named} for tests into {}", folder.display()));
        let began = Instant::now();
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for mut command in (self.install)(&folder, self.packages) {
            let output = command.stdin(Stdio::null()).output();
            let output = output.with_context(|| format!("cannot run {}", command.get_program().display()))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("{named} cannot be installed. Mend this and try again:\n{}", said.trim_end());
            }
        }
        fs::write(&stamp, &named).with_context(|| format!("cannot write {}", stamp.display()))?;
        report::remark(&format!("{named}: installed ({})", report::time(began.elapsed())));
        Ok(())
    }
}

fn node(folder: &Path, packages: &[&str]) -> Vec<Command> {
    let mut command = Command::new("npm");
    // The programs come ready to run: no package needs a script to be installed.
    command.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder).args(packages);
    vec![command]
}

fn node_without_optional(folder: &Path, packages: &[&str]) -> Vec<Command> {
    let mut commands = node(folder, packages);
    for command in &mut commands {
        command.arg("--omit=optional");
    }
    commands
}

fn python(folder: &Path, packages: &[&str]) -> Vec<Command> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv"]).arg(folder);
    let program: PathBuf = folder.join("bin/python");
    let mut install = Command::new(program);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    vec![environment, install]
}
