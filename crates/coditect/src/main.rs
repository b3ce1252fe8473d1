//! `coditect`: the command line, and the supervisor of the whole system on one machine.

mod cli;
mod client;
mod commands;
mod demo;
mod failure;
mod git;
mod guard;
mod output;
mod plans;
mod run_file;
mod up;
mod views;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}
