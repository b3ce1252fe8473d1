//! `coditect init`: the two files a project begins with.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use coditect_service::config::DEFAULT_FILE;

use crate::failure::{Failure, OK, at};
use crate::output;

/// The plan a project begins with.
pub(crate) const EXAMPLE_PLAN: &str = include_str!("../../../../examples/PLAN.md");

/// The configuration a project begins with: what people change first. Everything else has defaults.
const EXAMPLE_CONFIG: &str = r#"{
  "project": { "name": "default" },
  "plan": { "paths": ["PLAN.md"] },
  "repository": { "target_branch": "coditect/integration" },
  "dispatch": { "max_concurrent": 5 },
  "executor": { "runtime": "script", "slots": 5 }
}
"#;

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect init && coditect plan check PLAN.md && coditect up")]
pub(crate) struct Args {
    /// The repository
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Writes the files; refuses if one is there.
pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let files = [(args.folder.join(DEFAULT_FILE), EXAMPLE_CONFIG), (args.folder.join("PLAN.md"), EXAMPLE_PLAN)];
    for (file, _) in &files {
        if fs::symlink_metadata(file).is_ok() {
            return Err(Failure::wrong(format!(
                "{} exists, and is not overwritten; nothing was written",
                file.display()
            ))
            .help("move it away, or keep it and go on with `coditect up`"));
        }
    }
    for (file, text) in &files {
        write_new(file, text).map_err(at("write", file))?;
        output::line(file.display())?;
    }
    output::say("next: edit PLAN.md, commit it, then `coditect up`");
    Ok(OK)
}

fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(file)?.write_all(text.as_bytes())
}
