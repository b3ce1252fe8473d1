//! Time as a parameter.

/// Where the time comes from: the system in a service, the test in a test.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
}
