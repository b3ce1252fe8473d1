//! The brain: attempts, retries, leases, people.

use std::process::ExitCode;

use coditect_service::{ServiceName, boot};

fn main() -> ExitCode {
    boot::main(ServiceName::Orchestrator, orchestrator::run)
}
