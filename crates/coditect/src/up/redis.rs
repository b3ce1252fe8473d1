//! The private redis-server: its command line, its folder, and what a run that was killed has left of it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The name of the file that redis-server writes its process id into.
const PID_FILE: &str = "redis.pid";

/// How long a leftover may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// The arguments of the guard that runs it.
pub(super) fn guarded(server: &Path, folder: &Path, port: u16) -> Vec<OsString> {
    let pid_file = folder.join(PID_FILE);
    let mut arguments: Vec<OsString> = vec!["guard".into(), "--".into(), server.into()];
    let options: [(&str, OsString); 11] = [
        ("--port", port.to_string().into()),
        ("--bind", "127.0.0.1".into()),
        ("--dir", folder.into()),
        ("--daemonize", "no".into()),
        ("--appendonly", "yes".into()),
        ("--appendfsync", "everysec".into()),
        ("--save", "".into()),
        ("--maxmemory-policy", "noeviction".into()),
        ("--pidfile", pid_file.into()),
        ("--logfile", "".into()),
        ("--loglevel", "warning".into()),
    ];
    arguments.extend(options.into_iter().flat_map(|(name, value)| [name.into(), value]));
    arguments
}

/// Makes its folder, and ends a server that still uses it: one whose guard was killed.
pub(super) async fn make_ready(folder: &Path) {
    let _ = fs::create_dir_all(folder);
    let Some(pid) = leftover(folder) else { return };
    let _ = kill(pid, Signal::SIGTERM);
    for _ in 0..GRACE.as_millis() / 50 {
        if leftover(folder).is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = kill(pid, Signal::SIGKILL);
}

/// Puts data aside that the server cannot start with. Nothing in it would be missed: the database is the truth.
pub(super) fn set_aside(folder: &Path) -> Option<PathBuf> {
    let aside = folder.with_extension("unreadable");
    let _ = fs::remove_dir_all(&aside);
    fs::rename(folder, &aside).ok().map(|()| aside)
}

/// A live process whose id is in the folder and which works in it.
fn leftover(folder: &Path) -> Option<Pid> {
    let pid: i32 = fs::read_to_string(folder.join(PID_FILE)).ok()?.trim().parse().ok()?;
    let works_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    (pid > 1 && works_in == folder.canonicalize().ok()?).then(|| Pid::from_raw(pid))
}
