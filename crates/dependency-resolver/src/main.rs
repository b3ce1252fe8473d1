//! dependency-resolver.
fn main() {}
