//! The programs that the formats of plans belong to, as `cargo xtask plan-tools` installs them below the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that reads the plans of a format.
#[derive(Debug, Clone, Copy)]
pub enum PlanTool {
    OpenSpec,
    BacklogMd,
    TaskMaster,
    Specify,
}

impl PlanTool {
    const fn path(self) -> &'static str {
        match self {
            Self::OpenSpec => "node/node_modules/.bin/openspec",
            Self::BacklogMd => "node/node_modules/.bin/backlog",
            Self::TaskMaster => "task-master/node_modules/.bin/task-master",
            Self::Specify => "python/bin/specify",
        }
    }

    /// Where it is; none: what needs it is skipped, with a word, unless `CI=true`.
    pub fn find(self) -> Option<PathBuf> {
        // This test is <target>/<profile>/deps/<name>.
        let exe = std::env::current_exe().unwrap();
        let file = exe.ancestors().nth(3).unwrap().join("plan-tools").join(self.path());
        if file.is_file() {
            return Some(file);
        }
        let hint = format!("{self:?} is not installed for tests: run `cargo xtask plan-tools`");
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{hint}");
        println!("skipped: {hint}");
        None
    }

    /// What it prints when it is run in a folder, whether or not it likes what it sees. It has a home of its own, and
    /// is told to report to nobody and to leave itself as it is.
    pub fn run(self, program: &Path, folder: &Path, arguments: &[&str]) -> String {
        let home = tempfile::tempdir().unwrap();
        let output = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env("HOME", home.path())
            .env("DO_NOT_TRACK", "1")
            .env("OPENSPEC_TELEMETRY", "0")
            .env("TASKMASTER_SKIP_AUTO_UPDATE", "1")
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{self:?} {arguments:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}
