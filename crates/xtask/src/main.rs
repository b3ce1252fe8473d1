//! Developer commands: `cargo xtask demo` and `cargo xtask test`, on a machine that has Rust and little else.

mod alerts;
mod cargo;
mod chart;
mod dashboard;
mod demo;
mod images;
mod install;
mod kill_matrix;
mod plan_tools;
mod real_cli;
mod report;
mod test;
mod tool;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Developer commands",
    arg_required_else_help = true,
    after_help = "Start with: cargo xtask demo"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the system and run a plan of 24 tasks to its end
    #[command(after_help = "Example: cargo xtask demo --tasks 24 --keep /tmp/demo")]
    Demo {
        #[command(flatten)]
        tools: Tools,
        /// Handed to `coditect demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        arguments: Vec<OsString>,
    },
    /// Build the dashboard, which the next build of the orchestrator embeds
    #[command(after_help = "Example: cargo xtask dashboard --check && cargo build -p orchestrator")]
    Dashboard {
        /// Its types, lints and tests first
        #[arg(long)]
        check: bool,
    },
    /// Everything that continuous integration checks
    #[command(
        long_about = "Everything that continuous integration checks: format, lints, build, tests.\n\nThe tests start \
                      servers of their own: Redis, and PostgreSQL where it is installed. With CI=true nothing is \
                      skipped: what is missing is installed, or the run fails.",
        after_help = "Example: CI=true cargo xtask test"
    )]
    Test {
        #[command(flatten)]
        tools: Tools,
        /// Also what takes longer: the documentation, without a warning, every case of the real programs of agents, the validation
        /// run, the system in containers
        #[arg(long)]
        full: bool,
    },
    /// Run a plan of 122 tasks with agents that go wrong and nobody who helps; say go or no-go
    #[command(after_help = "Example: cargo xtask validate --seed 7 --keep /tmp/validation")]
    Validate {
        #[command(flatten)]
        tools: Tools,
        /// `--seed N`: how the agents go wrong; `--keep DIR`: work there and keep it; `--database URL`: an empty one
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        arguments: Vec<OsString>,
    },
    /// Run the tests that kill services many times over; stop at the first failure
    #[command(after_help = "Example: cargo xtask kill-matrix 20")]
    KillMatrix {
        #[command(flatten)]
        tools: Tools,
        /// How many times
        #[arg(default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        times: u32,
    },
    /// Install the programs of agents below the target folder and run all tests against them, with a scripted API
    #[command(after_help = "Example: cargo xtask real-cli")]
    RealCli {
        #[command(flatten)]
        tools: Tools,
    },
    /// Run the tests of plan formats with the programs the formats belong to, installed below the target folder
    #[command(after_help = "Example: cargo xtask plan-tools")]
    PlanTools {
        #[command(flatten)]
        tools: Tools,
    },
    /// Lint and render the Helm chart, and check it against Kubernetes' schemas
    #[command(after_help = "Example: cargo xtask chart --write")]
    Chart {
        #[command(flatten)]
        tools: Tools,
        /// Write what is made from the chart: k8s/, the schema of its values, copies of alerts and dashboard
        #[arg(long)]
        write: bool,
    },
    /// Check and test the alert rules, and the queries of the Grafana dashboard
    #[command(after_help = "Example: cargo xtask alerts")]
    Alerts {
        #[command(flatten)]
        tools: Tools,
    },
    /// Build the image and do what `validate` does in containers: PostgreSQL, two executors, one of them killed
    #[command(after_help = "Example: cargo xtask images --inside -- --seed 7")]
    Images {
        /// Compile inside the engine, as the Dockerfile does by default, instead of taking binaries from here
        #[arg(long)]
        inside: bool,
        /// `--seed N`: how the agents go wrong; `--keep DIR`: work there and keep it
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Clone, Copy, Args)]
struct Tools {
    /// Install nothing; say what is missing and how to install it
    #[arg(long)]
    no_install: bool,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo { tools, arguments } => demo::run(!tools.no_install, &arguments),
        Command::Dashboard { check } => dashboard::run(check),
        Command::Test { tools, full } => test::run(!tools.no_install, full),
        Command::Validate { tools, arguments } => validate::run(!tools.no_install, &arguments),
        Command::Chart { tools, write } => chart::run(!tools.no_install, write),
        Command::Alerts { tools } => alerts::run(!tools.no_install),
        Command::Images { inside, arguments } => images::run(inside, &arguments),
        Command::KillMatrix { tools, times } => kill_matrix::run(!tools.no_install, times),
        Command::RealCli { tools } => real_cli::run(!tools.no_install),
        Command::PlanTools { tools } => plan_tools::run(!tools.no_install),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::remark(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_demo_is_handed_on() {
        let cli = Cli::parse_from(["cargo xtask", "demo", "--no-install", "--tasks", "3", "--keep", "x"]);
        let Command::Demo { tools, arguments } = cli.command else { panic!("not the demo") };
        assert!(tools.no_install);
        assert_eq!(arguments, ["--tasks", "3", "--keep", "x"]);
    }
}
