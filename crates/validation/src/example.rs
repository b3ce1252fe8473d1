//! The repository that is worked on: the seed, the plan, the agents and the configuration of `examples/v2`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::repository::git;

/// The name of the plan file.
pub const PLAN: &str = "PLAN.md";

/// The branch that is checked out.
pub const BRANCH: &str = "main";

/// Where the work lands.
pub const TARGET: &str = "coditect/integration";

/// How many attempts may be open at once.
pub const SLOTS: usize = 5;

/// The folder `examples/v2`.
#[must_use]
pub fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "examples", "v2"].iter().collect()
}

/// Makes the repository in `root`, which must be missing or empty.
///
/// # Errors
/// The folder is not empty, the example is not there, or git fails.
pub fn make(root: &Path) -> anyhow::Result<()> {
    let empty = fs::read_dir(root).map_or(true, |mut entries| entries.next().is_none());
    ensure!(empty, "{} is not empty: name a folder that is empty or does not exist", root.display());
    let from = folder();
    copy(&from.join("seed"), root)?;
    copy(&from.join("agents"), &root.join("agents"))?;
    for (name, to) in [(PLAN, PLAN), ("orchestrator-config.json", "config/orchestrator-config.json")] {
        let (file, to) = (from.join(name), root.join(to));
        fs::copy(&file, &to).with_context(|| format!("cannot copy {} to {}", file.display(), to.display()))?;
    }
    for arguments in [
        &["init", "--quiet", &format!("--initial-branch={BRANCH}")][..],
        &["config", "user.name", "CODITECT Validation"],
        &["config", "user.email", "validation@coditect.invalid"],
        &["config", "commit.gpgsign", "false"],
        &["add", "--all"],
        &["commit", "--quiet", "--no-verify", "--message=Folio, as far as it is"],
    ] {
        git(root, arguments)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}
