//! agent-executor.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(word) if word == agent_executor::shim::SUBCOMMAND => agent_executor::shim::main(args),
        _ => ExitCode::from(2),
    }
}
