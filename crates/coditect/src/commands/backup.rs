//! `coditect backup`: writes, looks at and restores backups, on the database itself.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use coditect_proto::v1;
use coditect_service::Config;
use coditect_service::config::SecretUrl;
use coditect_store::backup::{self, BackupError, BackupFile, Manifest};
use serde_json::json;

use super::migrate;
use crate::failure::{Failure, OK};
use crate::run_file::RunFile;
use crate::{output, views};

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a backup now; the system may go on meanwhile
    #[command(after_help = "Example: coditect backup create")]
    Create(Args),
    /// List the backups, newest first
    #[command(after_help = "Example: coditect backup list --json")]
    List(Args),
    /// Read a backup to its end, and compare it with its checksum
    #[command(after_help = "Example: coditect backup verify .coditect/backups/coditect-1790000000000.jsonl.gz")]
    Verify {
        /// The backup
        file: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Replace everything in the database with a backup; only while nothing runs
    #[command(after_help = "Example: coditect backup restore .coditect/backups/coditect-1790000000000.jsonl.gz\n\n\
        Work that landed after the backup was made is not done again: its commits carry the task they are of.")]
    Restore {
        /// The backup
        file: PathBuf,
        #[command(flatten)]
        args: Args,
    },
}

/// Which database, and which folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The database [default: DATABASE_URL, then the configuration's]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The folder of the backups [default: the configuration's]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The configuration file [default: config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    config: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    fn settled(&self) -> Result<(SecretUrl, PathBuf), Failure> {
        let config = Config::load(self.config.as_deref())?;
        let url = self.database.as_ref().map_or(config.database.url, SecretUrl::new);
        Ok((url, self.directory.clone().unwrap_or_else(|| PathBuf::from(config.backup.directory))))
    }
}

/// Runs a subcommand.
pub(crate) async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Create(args) => create(&args).await,
        Command::List(args) => {
            let (_, folder) = args.settled()?;
            show(&backup::list(&folder).map_err(failed)?, &folder, args.json)
        }
        Command::Verify { file, json } => {
            let manifest = backup::verify(&file).map_err(failed)?;
            tell(&format!("{}: whole", file.display()), &manifest, json)
        }
        Command::Restore { file, args } => restore(&file, &args).await,
    }
}

async fn create(args: &Args) -> Result<u8, Failure> {
    let (url, folder) = args.settled()?;
    let store = existing(&url).await?;
    let file = store.back_up(&folder, output::now_ms()).await.map_err(failed)?;
    if args.json {
        output::json(&view(&file))?;
    } else {
        output::say(format_args!("{}: {}", file.path.display(), contents(&file.manifest)));
    }
    Ok(OK)
}

/// The database, which has to be there and of this version.
async fn existing(url: &SecretUrl) -> Result<coditect_store::Store, Failure> {
    if let Some(file) = migrate::sqlite_file(url).filter(|file| !file.is_file()) {
        return Err(Failure::unreachable(format!("there is no database {}", file.display()))
            .help("run this in the project's folder, or name the database with --database URL or DATABASE_URL"));
    }
    let store = migrate::open(url).await?;
    store.check_schema().await.map_err(|error| Failure::wrong(format!("{url}: {error}")))?;
    Ok(store)
}

async fn restore(file: &Path, args: &Args) -> Result<u8, Failure> {
    let (url, _) = args.settled()?;
    backup::verify(file).map_err(failed)?;
    let folder = std::env::current_dir().map_err(|error| Failure::wrong(format!("no current folder: {error}")))?;
    if let Some(run) = RunFile::find(&folder)?.filter(RunFile::is_alive) {
        return Err(Failure::wrong(format!("`coditect up` runs in this project (pid {})", run.pid))
            .help("stop it with Ctrl-C in its terminal first; a restore is for a system that stands still"));
    }
    migrate::apply(&url).await?;
    let store = migrate::open(&url).await?;
    let unread = |error| Failure::wrong(format!("{:#}", anyhow::Error::from(error)));
    let holders = store.lease_holders(output::now_ms()).await.map_err(unread)?;
    if !holders.is_empty() {
        let who: Vec<_> = holders.iter().map(|(service, holder)| format!("{service} ({holder})")).collect();
        return Err(Failure::wrong(format!("these services are running on the database: {}", who.join(", ")))
            .help("stop them, and wait until their leases have run out, which takes less than a minute"));
    }
    let manifest = store.restore(file).await.map_err(failed)?;
    tell(&format!("{url}: restored from {}", file.display()), &manifest, args.json)
}

fn tell(what: &str, manifest: &Manifest, json: bool) -> Result<u8, Failure> {
    if json {
        output::json(&json!({ "at_ms": manifest.at_ms, "tasks": manifest.rows("tasks"),
            "events": manifest.rows("task_events"), "format": manifest.format }))?;
    } else {
        output::say(format_args!("{what}: {}", contents(manifest)));
    }
    Ok(OK)
}

fn contents(manifest: &Manifest) -> String {
    let age = output::duration(output::now_ms() - manifest.at_ms);
    format!("{} tasks and {} events, as of {age} ago", manifest.rows("tasks"), manifest.rows("task_events"))
}

fn show(files: &[BackupFile], folder: &Path, json: bool) -> Result<u8, Failure> {
    if json {
        output::json(&json!({ "backups": files.iter().map(view).collect::<Vec<_>>() }))?;
        return Ok(OK);
    }
    if files.is_empty() {
        output::say(format_args!("there is no backup in {}; `coditect backup create` writes one", folder.display()));
        return Ok(OK);
    }
    let mut table = output::table(["backup", "age", "bytes", "tasks", "events"]);
    for file in files {
        table.add_row([
            file.path.display().to_string(),
            output::duration(output::now_ms() - file.manifest.at_ms),
            file.bytes.to_string(),
            file.manifest.rows("tasks").to_string(),
            file.manifest.rows("task_events").to_string(),
        ]);
    }
    output::line(table.trim_fmt())?;
    Ok(OK)
}

fn view(file: &BackupFile) -> serde_json::Value {
    views::backup(&v1::Backup {
        file: file.path.display().to_string(),
        bytes: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        at_ms: file.manifest.at_ms,
        tasks: file.manifest.rows("tasks"),
        events: file.manifest.rows("task_events"),
    })
}

fn failed(error: BackupError) -> Failure {
    Failure::wrong(format!("{:#}", anyhow::Error::from(error)))
}
