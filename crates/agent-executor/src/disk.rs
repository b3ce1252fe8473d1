//! Room on the executor's disk: with too little of it no new work is taken, and what runs is left alone.

use std::io;
use std::path::Path;
use std::time::Duration;

use coditect_service::config::WorktreeConfig;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often it is looked whether there is room again.
const LOOK: Duration = Duration::from_secs(5);

/// A MiB, in bytes.
const MIB: u64 = 1024 * 1024;

/// Why no new work is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// The disk has less left than is to be kept free.
    #[error("the disk has {free} MiB left, and worktree.min_free_mib keeps {least} MiB free")]
    Disk {
        /// What is left, in MiB.
        free: u64,
        /// What is to be kept free, in MiB.
        least: u64,
    },
    /// The folder holds more than it may.
    #[error("the executor's folder holds {held} MiB, and worktree.max_mib allows {most} MiB")]
    Folder {
        /// What it holds, in MiB.
        held: u64,
        /// What it may hold, in MiB.
        most: u64,
    },
}

/// Whether there is room for another attempt: `free` and `held` are in bytes.
const fn judge(config: &WorktreeConfig, free: u64, held: u64) -> Result<(), Full> {
    let (free, held) = (free / MIB, held / MIB);
    if free < config.min_free_mib {
        return Err(Full::Disk { free, least: config.min_free_mib });
    }
    if config.max_mib > 0 && held > config.max_mib {
        return Err(Full::Folder { held, most: config.max_mib });
    }
    Ok(())
}

/// Waits until there is room; says when there is none, and when there is again. False: it was not waited for to the end.
pub(crate) async fn room(
    root: &Path,
    config: &WorktreeConfig,
    until: &CancellationToken,
    tell: impl Fn(Option<Full>),
) -> bool {
    let mut was_full = false;
    loop {
        let looked = {
            let (root, config) = (root.to_owned(), config.clone());
            tokio::task::spawn_blocking(move || look(&root, &config)).await
        };
        let full = match looked {
            Ok(Ok(judged)) => judged.err(),
            // What cannot be measured keeps nobody from working.
            Ok(Err(_)) | Err(_) => None,
        };
        tell(full);
        match full {
            None => {
                if was_full {
                    info!("there is room on the disk again: work is taken");
                }
                return true;
            }
            Some(full) if !was_full => {
                warn!("{full}: no new work is taken until there is room");
                was_full = true;
            }
            Some(_) => {}
        }
        tokio::select! {
            () = until.cancelled() => return false,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn look(root: &Path, config: &WorktreeConfig) -> io::Result<Result<(), Full>> {
    let held = if config.max_mib > 0 { held(root) } else { 0 };
    Ok(judge(config, free(root)?, held))
}

/// What the file system has left for this user, in bytes.
fn free(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// What a folder takes up on the disk, in bytes. What goes away meanwhile is not counted.
pub(crate) fn held(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            bytes += meta.blocks() * 512;
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_the_disk_has_left_and_what_the_folder_may_hold() {
        let config = WorktreeConfig { min_free_mib: 100, max_mib: 50, ..WorktreeConfig::default() };
        assert_eq!(judge(&config, 100 * MIB, 50 * MIB), Ok(()));
        assert_eq!(judge(&config, 99 * MIB, 0), Err(Full::Disk { free: 99, least: 100 }));
        assert_eq!(judge(&config, 100 * MIB, 51 * MIB), Err(Full::Folder { held: 51, most: 50 }));
        let boundless = WorktreeConfig { max_mib: 0, ..config };
        assert_eq!(judge(&boundless, 100 * MIB, u64::MAX), Ok(()));
    }

    #[test]
    fn what_a_folder_holds_is_measured() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c"), vec![1; 300_000]).unwrap();
        assert!((300_000..600_000).contains(&held(dir.path())), "{}", held(dir.path()));
        assert!(free(dir.path()).unwrap() > 0);
    }

    #[tokio::test]
    async fn without_room_it_is_waited_until_the_service_stops() {
        let dir = tempfile::tempdir().unwrap();
        let config = WorktreeConfig { min_free_mib: 1 << 40, ..WorktreeConfig::default() };
        let until = CancellationToken::new();
        let told = std::sync::Mutex::new(Vec::new());
        let waited = room(dir.path(), &config, &until, |full| {
            told.lock().unwrap().push(full.is_some());
            until.cancel();
        });
        assert!(!waited.await);
        assert_eq!(*told.lock().unwrap(), [true]);
        assert!(room(dir.path(), &WorktreeConfig { min_free_mib: 0, ..config }, &until, |_| {}).await);
    }
}
