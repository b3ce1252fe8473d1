//! Runs attempts; re-executed as `run-shim` it supervises one run.

use std::process::ExitCode;

use coditect_service::{ServiceName, boot};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(word) if word == agent_executor::shim::SUBCOMMAND => agent_executor::shim::main(args),
        _ => boot::main(ServiceName::AgentExecutor, agent_executor::service::run),
    }
}
