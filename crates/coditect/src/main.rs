//! coditect.
fn main() {}
