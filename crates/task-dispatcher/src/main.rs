//! task-dispatcher.
fn main() {}
