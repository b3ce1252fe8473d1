//! The task-dispatcher's process; the service is in the library.

use std::process::ExitCode;

use coditect_service::{ServiceName, boot};

fn main() -> ExitCode {
    boot::main(ServiceName::TaskDispatcher, task_dispatcher::run)
}
