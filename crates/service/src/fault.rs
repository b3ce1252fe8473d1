//! Places at which a test can end a process, as a power cut would.
//!
//! Without the feature `faults` they are nothing. With it, the environment variable `FAILPOINTS` says where and when, as
//! in `FAILPOINTS=resolver::settled=2*off->return`: at the third time.

/// Here the process may end, if a test says so.
#[cfg_attr(not(feature = "faults"), allow(unused_variables, reason = "the points are nothing then"))]
pub fn point(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
}

/// Reads `FAILPOINTS`. To be kept as long as the process runs.
pub(crate) fn set_up() -> Option<fail::FailScenario<'static>> {
    fail::has_failpoints().then(fail::FailScenario::setup)
}
