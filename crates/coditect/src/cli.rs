//! The command line: what there is, and which part does it.

use std::ffi::OsString;
use std::future::Future;
use std::io;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{
    agents, backup, config, conflicts, doctor, init, logs, migrate, pause, plan, queue, runs, status, task,
};
use crate::failure::{Failure, OK};
use crate::{demo, guard, up};

/// Runs a plan kept as markdown to its end with coding agents: proved, landed, ticked.
#[derive(Debug, Parser)]
#[command(name = "coditect", version, max_term_width = 100, after_help = EXAMPLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "\
Exit codes: 0 done, 1 the thing asked about is wrong or failed, 2 wrong usage, 3 the system cannot be reached.

Example: coditect demo";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration and an example plan into a repository
    Init(init::Args),
    /// Run a project's plans on this machine: Redis, the five services, and a watch over them
    Up(Box<up::Args>),
    /// Run an example plan to its end in a throw-away repository
    Demo(demo::Args),
    /// Look at plan files and edit them, without a running system; and their history
    #[command(subcommand)]
    Plan(plan::Command),
    /// The definitions of agents, and which agent a task is for, without a running system
    #[command(subcommand)]
    Agents(agents::Command),
    /// How the running system stands
    Status(status::Args),
    /// Look at tasks, and say what is to become of them
    #[command(subcommand)]
    Task(task::Command),
    /// Where plan and database disagree, and which side is taken
    #[command(subcommand)]
    Conflicts(conflicts::Command),
    /// What an agent printed
    Logs(logs::Args),
    /// The attempts that run now
    Runs(runs::Args),
    /// Start no new attempts: at all, of an agent, or with an account
    Pause(pause::PauseArgs),
    /// Start attempts again
    Resume(pause::ResumeArgs),
    /// Depth, lag, pending and oldest entry of every stream
    Queue(queue::Args),
    /// The configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Check what the system stands on, and say how to mend it
    Doctor(doctor::Args),
    /// Backups of the database
    #[command(subcommand)]
    Backup(backup::Command),
    /// Bring a database's schema up to date
    Migrate(migrate::Args),
    /// Print a completion script for a shell
    #[command(after_help = "Example: coditect completions bash > ~/.local/share/bash-completion/completions/coditect")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Run a command that ends with whoever holds standard input open
    #[command(hide = true)]
    Guard {
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// Runs the command line to its exit code.
pub(crate) fn run() -> Result<u8, Failure> {
    match Cli::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Up(args) => live(up::run(*args)),
        Command::Demo(args) => live(demo::run(args)),
        Command::Plan(command) => live(plan::run(command)),
        Command::Agents(command) => agents::run(command),
        Command::Status(args) => live(status::run(args)),
        Command::Task(command) => live(task::run(command)),
        Command::Conflicts(command) => live(conflicts::run(command)),
        Command::Logs(args) => live(logs::run(args)),
        Command::Runs(args) => live(runs::run(args)),
        Command::Pause(args) => live(pause::pause(args)),
        Command::Resume(args) => live(pause::resume(args)),
        Command::Queue(args) => live(queue::run(args)),
        Command::Config(command) => config::run(command),
        Command::Doctor(args) => live(doctor::run(args)),
        Command::Backup(command) => live(backup::run(command)),
        Command::Migrate(args) => live(migrate::run(args)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "coditect", &mut io::stdout());
            Ok(OK)
        }
        Command::Guard { command } => guard::run(&command),
    }
}

fn live(work: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| Failure::wrong(format!("cannot start the runtime: {error}")))?;
    let code = runtime.block_on(work);
    runtime.shutdown_background();
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_every_command_has_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if command.has_subcommands() {
                command.get_subcommands().for_each(|sub| check(sub, &path));
            } else if !command.is_hide_set() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{path} has no example");
            }
        }
        check(&command, "");
    }
}
