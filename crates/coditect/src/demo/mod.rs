//! `coditect demo`: a throw-away repository with a plan, run to its end by the same code as `coditect up`, then checked.

mod check;
mod plan;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OK, WRONG, at};
use crate::git::{Repository, git};
use crate::output::say;
use crate::up;

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect demo --tasks 24")]
pub(crate) struct Args {
    /// How many tasks the plan has
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(8..=10_000))]
    tasks: u16,
    /// Make the repository in this folder and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Makes the repository, runs the plan, checks the end.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let temporary = match &args.keep {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("coditect-demo-")
                .tempdir()
                .map_err(|error| Failure::wrong(format!("cannot make a temporary folder: {error}")))?,
        ),
    };
    let folder = match (&args.keep, &temporary) {
        (Some(folder), _) => std::path::absolute(folder).map_err(at("find", folder))?,
        (None, Some(temporary)) => temporary.path().to_path_buf(),
        (None, None) => return Err(Failure::wrong("there is no folder for the demo")),
    };
    let text = plan::text(usize::from(args.tasks));
    make(&folder, &text)?;
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = up::Args {
        plans: vec![folder.join(plan::NAME)],
        repo: Some(folder.clone()),
        runtime: Some("script".to_owned()),
        until_done: true,
        http: Some(http()),
        database: Some(format!("sqlite://{}", folder.join(".coditect/coditect.db").display())),
        settings: vec![setting("CODITECT_PLAN__DEBOUNCE_MS", "200"), setting("CODITECT_RETRY__BASE_MS", "500")],
        ..up::Args::default()
    };
    let code = up::run(options).await?;
    let fine = check::check(&Repository::find(&folder)?, &text)?;
    if args.keep.is_some() {
        say(format_args!("the repository is kept in {}: git log coditect/integration", folder.display()));
    }
    // The current folder is about to go.
    let _ = std::env::set_current_dir(std::env::temp_dir());
    Ok(if code == OK && fine { OK } else { WRONG })
}

fn make(folder: &Path, text: &str) -> Result<(), Failure> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty", folder.display()))
            .help("name a folder that is new or empty with --keep"));
    }
    fs::create_dir_all(folder).map_err(at("make the folder", folder))?;
    fs::write(folder.join(plan::NAME), text).map_err(at("write", &folder.join(plan::NAME)))?;
    let author = ["-c", "user.name=Demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"];
    let commit = [&author[..], &["commit", "--quiet", "-m", "The plan"]].concat();
    for arguments in [&["init", "--quiet", "-b", "main"][..], &["add", "."], &commit] {
        let answer = git(folder, arguments)?;
        if !answer.ok {
            return Err(Failure::wrong(format!("git {}: {}", arguments.join(" "), answer.complaint)));
        }
    }
    Ok(())
}

/// The usual address, or any free port where that is taken.
fn http() -> String {
    let usual = "127.0.0.1:8080";
    match TcpListener::bind(usual) {
        Ok(_) => usual.to_owned(),
        Err(_) => "127.0.0.1:0".to_owned(),
    }
}
