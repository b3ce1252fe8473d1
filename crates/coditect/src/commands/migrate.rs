//! `coditect migrate`: brings a database's schema up to date.

use std::path::PathBuf;

use coditect_service::Config;
use coditect_service::config::SecretUrl;
use coditect_store::{Durability, Store, StoreError};

use crate::failure::{Failure, OK};
use crate::output;
use crate::run_file::FOLDER;

/// The flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: DATABASE_URL=postgres://me@localhost/coditect coditect migrate")]
pub(crate) struct Args {
    /// The database [default: DATABASE_URL, then the configuration's]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The configuration file [default: config/orchestrator-config.json, if it exists]
    #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
    config: Option<PathBuf>,
}

/// Applies what is missing.
pub(crate) async fn run(args: Args) -> Result<u8, Failure> {
    let url = match args.database {
        Some(url) => SecretUrl::new(url),
        None => Config::load(args.config.as_deref())?.database.url,
    };
    apply(&url).await?;
    output::say(format_args!("{url}: the schema is up to date"));
    Ok(OK)
}

/// Opens the database and applies what is missing; a SQLite file is made where there is none.
pub(crate) async fn apply(url: &SecretUrl) -> Result<(), Failure> {
    if let Some(folder) = sqlite_file(url).as_deref().and_then(std::path::Path::parent) {
        std::fs::create_dir_all(folder).map_err(crate::failure::at("create", folder))?;
        let ignore = folder.join(".gitignore");
        if folder.ends_with(FOLDER) && !ignore.exists() {
            std::fs::write(&ignore, "*\n").map_err(crate::failure::at("write", &ignore))?;
        }
    }
    open(url).await?.migrate().await.map_err(|error| {
        Failure::wrong(format!("{url}: {:#}", anyhow::Error::from(error))).help(
            "if the database belongs to a newer version of coditect, use that version; else restore a backup or name \
             another database with --database URL",
        )
    })
}

/// Opens the database.
pub(crate) async fn open(url: &SecretUrl) -> Result<Store, Failure> {
    Store::open(url.expose(), Durability::Full).await.map_err(|error| match error {
        StoreError::Url(_) => Failure::usage(format!("{url} is no database URL"))
            .help("name one like sqlite://FILE or postgres://USER@HOST/NAME with --database URL or DATABASE_URL"),
        error => {
            Failure::unreachable(format!("the database {url} cannot be reached: {:#}", anyhow::Error::from(error)))
                .help("start it, or name another one with --database URL or DATABASE_URL")
        }
    })
}

/// The file of a SQLite URL.
pub(crate) fn sqlite_file(url: &SecretUrl) -> Option<PathBuf> {
    let path = url.expose().strip_prefix("sqlite://")?;
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    (!path.is_empty() && !path.starts_with(':')).then(|| PathBuf::from(path))
}
