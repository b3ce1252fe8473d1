//! Who is running on this machine, as `/proc` tells. Where there is no `/proc`, nobody is found.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Every process below this one, at any depth.
#[must_use]
pub fn descendants(of: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in all() {
        if let Some(above) = parent(pid) {
            children.entry(above).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut seen = HashSet::from([of.as_raw()]);
    let mut next = vec![of.as_raw()];
    while let Some(parent) = next.pop() {
        for &child in children.get(&parent).into_iter().flatten() {
            if seen.insert(child) {
                found.push(Pid::from_raw(child));
                next.push(child);
            }
        }
    }
    found
}

/// Kills every process whose `HOME` satisfies the condition, and again until none is left (for at most five
/// seconds). This is how what a dead shim left behind is found: every command of an attempt has a home of its own.
pub fn kill_by_home(condition: impl Fn(&Path) -> bool) -> usize {
    let until = Instant::now() + Duration::from_secs(5);
    let mut killed = HashSet::new();
    loop {
        let found: Vec<i32> =
            all().into_iter().filter(|pid| home(*pid).is_some_and(|h| condition(Path::new(&h)))).collect();
        if found.is_empty() || Instant::now() > until {
            return killed.len();
        }
        for pid in found {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            killed.insert(pid);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn all() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The parent of a process. A zombie counts too: threads of it may be alive.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in brackets and may contain anything.
    let after = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let rest = std::str::from_utf8(stat.get(after..)?).ok()?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn home(pid: i32) -> Option<std::ffi::OsString> {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = environ.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"HOME="))?;
    Some(OsStr::from_bytes(value).to_owned())
}
