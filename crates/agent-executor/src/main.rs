//! agent-executor.
fn main() {}
