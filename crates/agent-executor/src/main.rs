//! Runs attempts; re-executed as `run-shim` it supervises one run, as `run-init` it is the first process of one, as
//! `run-probe` it finds out what the machine allows.

use std::process::ExitCode;

use coditect_service::{ServiceName, boot};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(word) if word == agent_executor::shim::SUBCOMMAND => agent_executor::shim::main(args),
        Some(word) if word == agent_executor::shim::init::SUBCOMMAND => agent_executor::shim::init::main(args),
        Some(word) if word == agent_executor::sandbox::probe::SUBCOMMAND => agent_executor::sandbox::probe::main(args),
        _ => boot::main(ServiceName::AgentExecutor, agent_executor::service::run),
    }
}
