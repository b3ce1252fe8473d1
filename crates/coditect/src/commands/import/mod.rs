//! `coditect import`: takes over what an earlier tool's database knows of the plan's tasks.
//!
//! The plan decides what tasks there are; the database only says which of them are done. Nothing is changed in it.

mod map;
mod report;

use std::path::{Path, PathBuf};

use coditect_core::document_slug;
use coditect_plan::{Format, Plan};
use coditect_service::Config;
use coditect_service::config::{PlanPath, SecretUrl};
use coditect_service::plan_files::PlanFiles;
use coditect_store::adoption::source::{self, SourceError};

use self::map::Map;
use self::report::Report;
use super::migrate;
use crate::failure::{Failure, OK, WRONG, at};
use crate::git::Repository;
use crate::{output, plans};

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: coditect import old/project.db --dry-run\n\n\
    Rows are tied to the plan's tasks by id, by title and section, or by a title that is nearly the same. What is completed \
    or cancelled there becomes so here; where the plan says that a task is done, the plan stands.")]
pub(crate) struct Args {
    /// The SQLite database of the earlier tool; it is only read
    file: PathBuf,
    /// A JSON file that says what its tables, columns and statuses are called
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// A plan file; may be given several times [default: the configuration's]
    #[arg(long = "plan", value_name = "PATH")]
    plans: Vec<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// The project's database [default: DATABASE_URL, then the configuration's]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The configuration file [default: config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    config: Option<PathBuf>,
}

/// Imports.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let cwd = std::env::current_dir().map_err(|error| Failure::wrong(format!("no current folder: {error}")))?;
    let file = cwd.join(&args.file);
    let map = Map::read(args.map.as_deref())?;
    let config_file = args.config.map(|file| cwd.join(file));
    let mut repository = enter(&cwd)?;
    let config = Config::load(config_file.as_deref())?;
    // The configuration may work on another repository than the one it is in.
    let other = Path::new(&config.repository.path);
    if other != Path::new(".") && other.is_dir() {
        repository = enter(&repository.root.join(other))?;
    }
    let plans = documents(&repository.root, &cwd, &args.plans, &config)?;

    let rows = source::read(&file, &map.shape()).await.map_err(|error| unreadable(&error))?;
    let statuses = map.statuses(&rows)?;
    let sought: Vec<_> = rows.iter().map(sought).collect();
    let parsed: Vec<Plan> = plans.iter().map(|(_, plan)| plan.clone()).collect();
    let tying = coditect_plan::tie(&sought, &parsed);
    let report = Report { source: remembered(&file, &repository.root), rows, statuses, plans, tying };

    let nothing = report.tying.ties.is_empty();
    if !args.json {
        report.show()?;
    }
    let stored = !args.dry_run && !nothing;
    if stored {
        store(&report, &args.database.as_ref().map_or(config.database.url, SecretUrl::new)).await?;
    }
    if args.json {
        report.json(stored)?;
    }
    if nothing {
        return Err(Failure {
            code: WRONG,
            ..Failure::wrong("no row matches a task of the plan; nothing was imported")
        }
        .help("name the plans with --plan PATH, or say with --map what the tables and columns are called"));
    }
    output::say(match stored {
        true => "imported: what is completed or cancelled there becomes so here, now or when `coditect up` runs",
        false => "nothing was written: leave --dry-run out to import",
    });
    Ok(OK)
}

/// Keeps the rows, and lets those take effect whose tasks the database has.
async fn store(report: &Report, url: &SecretUrl) -> Result<(), Failure> {
    migrate::apply(url).await?;
    let store = migrate::open(url).await?;
    let failed = |error| Failure::wrong(format!("{url}: {:#}", anyhow::Error::from(error)));
    let now_ms = output::now_ms();
    let mut tx = store.begin().await.map_err(failed)?;
    for row in report.adopted() {
        tx.keep_adopted(&row, now_ms).await.map_err(failed)?;
    }
    for (document, _) in &report.plans {
        tx.apply_adopted(document, now_ms).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}

/// The repository around `folder`, which becomes the current one.
fn enter(folder: &Path) -> Result<Repository, Failure> {
    let repository = Repository::find(folder)?;
    std::env::set_current_dir(&repository.root).map_err(at("enter", &repository.root))?;
    Ok(repository)
}

/// The plans that were named, or those of the configuration, each with the id of its document.
fn documents(root: &Path, cwd: &Path, given: &[PathBuf], config: &Config) -> Result<Vec<(String, Plan)>, Failure> {
    let meant: Vec<(PathBuf, PlanPath)> = match given.is_empty() {
        true => config.plan.paths.iter().map(|path| (root.to_owned(), path.clone())).collect(),
        false => given.iter().map(|path| (cwd.to_owned(), PlanPath::from(path.to_string_lossy().as_ref()))).collect(),
    };
    let mut documents = Vec::new();
    for (folder, PlanPath { path, format }) in meant {
        let files = PlanFiles::new(&folder, &path).map_err(|error| Failure::usage(format!("`{path}`: {error}")))?;
        for file in files.files() {
            let text = plans::text(&file)?;
            // As the sync-daemon calls it: a link is not followed.
            let folder = file.parent().unwrap_or(root).canonicalize().map_err(at("read", &file))?;
            let whole = folder.join(file.file_name().unwrap_or_default());
            let path = whole.strip_prefix(root).unwrap_or(&whole).display().to_string();
            let plan = coditect_plan::parse_as(format.unwrap_or_else(|| Format::detect(&path, &text)), &path, &text);
            let id = if files.is_one() { document_slug(&path) } else { plan.document_id() };
            if files.is_one() || PlanFiles::is_plan(&plan) {
                documents.push((id, plan));
            }
        }
    }
    Ok(documents)
}

/// What is looked for of a row in the plans.
fn sought(row: &source::SourceRow) -> coditect_plan::Row {
    coditect_plan::Row {
        id: row.id.clone(),
        title: row.title.clone(),
        description: row.description.clone(),
        sections: row.sections.clone(),
    }
}

/// What the file is called in the history: its path within the repository where it is there.
fn remembered(file: &Path, root: &Path) -> String {
    let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    whole.strip_prefix(root).unwrap_or(&whole).display().to_string()
}

fn unreadable(error: &SourceError) -> Failure {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        message.push_str(&format!(": {deeper}"));
        cause = deeper.source();
    }
    match error {
        SourceError::File(..) | SourceError::NoDatabase(_) => {
            Failure::usage(message).help("name the SQLite database of the earlier tool")
        }
        SourceError::Database(..) => Failure::wrong(message)
            .help("if another program has just crashed with it, open it there once; or import a copy of it"),
        SourceError::NoTable { .. } | SourceError::NoColumn { .. } => Failure::usage(message)
            .help("say in a JSON file what it is called, and name that with --map; docs/adoption.md has an example"),
    }
}
