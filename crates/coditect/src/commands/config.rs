//! `coditect config`: checks a configuration, shows its schema, or what is in force.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use coditect_service::config::{DEFAULT_FILE, Environment};
use coditect_service::{Config, ConfigError};

use crate::failure::{Failure, OK, USAGE, WRONG};
use crate::output;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a configuration file; exit 1 if a service would refuse it
    #[command(after_help = "Example: coditect config check config/orchestrator-config.json")]
    Check {
        /// The file
        #[arg(default_value = DEFAULT_FILE)]
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration file
    #[command(after_help = "Example: coditect config schema > config/orchestrator-config.schema.json")]
    Schema,
    /// Print what is in force: defaults, file and environment together; secrets are left out
    #[command(after_help = "Example: CODITECT_EXECUTOR__SLOTS=2 coditect config show")]
    Show {
        /// The configuration file [default: config/orchestrator-config.json, if it exists]
        #[arg(long, value_name = "FILE", env = "CODITECT_CONFIG")]
        config: Option<PathBuf>,
    },
}

/// Runs a subcommand.
pub(crate) fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Check { file } => check(&file),
        Command::Schema => output::json(&Config::schema()).map(|()| OK),
        Command::Show { config } => output::json(&Config::load(config.as_deref())?).map(|()| OK),
    }
}

/// Checks the file alone: what the environment says is no matter of the file.
fn check(file: &Path) -> Result<u8, Failure> {
    let nothing = Environment::from_iter(Vec::<(String, String)>::new());
    match Config::load_from(Some(file), &nothing) {
        Ok(_) => {
            output::line(format_args!("{}: fine", file.display()))?;
            Ok(OK)
        }
        Err(error) => {
            let code = if matches!(error, ConfigError::Unreadable { .. }) { USAGE } else { WRONG };
            Err(Failure { code, ..Failure::from(error) })
        }
    }
}
