//! The throw-away repository of the demo.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::check::BRANCH;
use super::plan::DemoPlan;
use crate::failure::{Failure, at};
use crate::git::{Repository, git};

/// The name of the plan file.
pub(super) const PLAN: &str = "PLAN.md";

/// A repository with the plan in it; gone when dropped, unless it is kept.
#[derive(Debug)]
pub(super) struct Sandbox {
    root: PathBuf,
    throw_away: Option<TempDir>,
}

impl Sandbox {
    /// Makes it.
    pub(super) fn new(plan: &DemoPlan, keep: Option<PathBuf>) -> Result<Self, Failure> {
        let (folder, throw_away) = match keep {
            Some(folder) => {
                let empty = fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
                if !empty || folder.is_file() {
                    return Err(Failure::usage(format!("--keep: {} is not an empty folder", folder.display()))
                        .help("name a folder that is empty or does not exist"));
                }
                fs::create_dir_all(&folder).map_err(at("create", &folder))?;
                (folder, None)
            }
            None => {
                let made = tempfile::Builder::new().prefix("coditect-demo-").tempdir();
                let made = made.map_err(|error| Failure::wrong(format!("cannot make a temporary folder: {error}")))?;
                (made.path().to_path_buf(), Some(made))
            }
        };
        let root = folder.canonicalize().map_err(at("find", &folder))?;
        let sandbox = Self { root, throw_away };
        sandbox.fill(plan)?;
        Ok(sandbox)
    }

    /// Its folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// As a repository.
    pub(super) fn repository(&self) -> Result<Repository, Failure> {
        Repository::find(&self.root)
    }

    /// Whether it stays.
    pub(super) const fn kept(&self) -> bool {
        self.throw_away.is_none()
    }

    fn fill(&self, plan: &DemoPlan) -> Result<(), Failure> {
        let write = |name: &str, text: &str| {
            let file = self.root.join(name);
            fs::write(&file, text).map_err(at("write", &file))
        };
        write(PLAN, &plan.text(false))?;
        write("README.md", "# A field guide to small birds\n\nMade by `coditect demo`, page by page.\n")?;
        for arguments in [
            &["init", "--quiet", &format!("--initial-branch={BRANCH}")][..],
            &["config", "user.name", "CODITECT Demo"],
            &["config", "user.email", "demo@coditect.invalid"],
            &["config", "commit.gpgsign", "false"],
            &["add", "--all"],
            &["commit", "--quiet", "--no-verify", "--message=The plan"],
        ] {
            let answer = git(&self.root, arguments)?;
            if !answer.ok {
                let what = arguments.first().copied().unwrap_or_default();
                return Err(Failure::wrong(format!("git {what} failed: {}", answer.complaint))
                    .help("the demo needs git 2.28 or later: see `git --version`"));
            }
        }
        Ok(())
    }
}
