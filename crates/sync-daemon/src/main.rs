//! sync-daemon.
fn main() {}
