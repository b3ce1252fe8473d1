//! The mounts of this mount namespace, and how a part of them is made read-only.
//!
//! In a user namespace a mount that came from outside keeps the restrictions it has there: a remount has to repeat
//! them (`nosuid`, `nodev`, how times of access are kept), or the kernel refuses it.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

/// The mounts, those below others later.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Vec<(PathBuf, MsFlags)>);

impl Mounts {
    /// Those of this process.
    pub(crate) fn read() -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read("/proc/self/mountinfo")?))
    }

    /// The fields are explained in proc_pid_mountinfo(5): the fifth is the place, the sixth the options.
    fn parse(text: &[u8]) -> Self {
        let line = |line: &[u8]| {
            let mut fields = line.split(|byte| *byte == b' ').skip(4);
            Some((unescaped(fields.next()?), flags(std::str::from_utf8(fields.next()?).ok()?)))
        };
        Self(text.split(|byte| *byte == b'\n').filter_map(line).collect())
    }

    /// Makes what was bound from `source` to `target` read-only, with everything that is mounted in it.
    pub(crate) fn read_only(&self, source: &Path, target: &Path) -> io::Result<()> {
        let above = self.0.iter().rev().filter(|(place, _)| source.starts_with(place));
        let at = above.max_by_key(|(place, _)| place.as_os_str().len()).map_or(MsFlags::empty(), |(_, flags)| *flags);
        remount(target, at | MsFlags::MS_RDONLY)?;
        let below = self.0.iter().filter(|(place, _)| place != source && place.starts_with(source));
        for (place, flags) in below {
            let Ok(rest) = place.strip_prefix(source) else { continue };
            match remount(&target.join(rest), *flags | MsFlags::MS_RDONLY) {
                // Another mount lies over it, or it is in a folder that is somebody else's: nobody in here gets there.
                Ok(()) | Err(Errno::ENOENT | Errno::EINVAL | Errno::EACCES) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn remount(target: &Path, flags: MsFlags) -> nix::Result<()> {
    let flags = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
}

fn flags(options: &str) -> MsFlags {
    let mut flags = MsFlags::empty();
    let mut times = false;
    for option in options.split(',') {
        flags |= match option {
            "ro" => MsFlags::MS_RDONLY,
            "nosuid" => MsFlags::MS_NOSUID,
            "nodev" => MsFlags::MS_NODEV,
            "noexec" => MsFlags::MS_NOEXEC,
            "nodiratime" => MsFlags::MS_NODIRATIME,
            "noatime" => {
                times = true;
                MsFlags::MS_NOATIME
            }
            "relatime" => {
                times = true;
                MsFlags::MS_RELATIME
            }
            _ => MsFlags::empty(),
        };
    }
    if times { flags } else { flags | MsFlags::MS_STRICTATIME }
}

/// Spaces and the like are written as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let code = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// `/a/b` below `root`.
pub(crate) fn below(root: &Path, path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    root.join(Path::new(std::ffi::OsStr::from_bytes(bytes.strip_prefix(b"/").unwrap_or(bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_keeps_its_restrictions_and_its_name() {
        let text = b"36 35 98:0 /mnt1 /mnt/my\\040disk rw,nosuid,noatime master:1 - ext3 /dev/root rw\n\
                     37 35 98:0 / /x ro,nodev - tmpfs t rw\n";
        let Mounts(mounts) = Mounts::parse(text);
        assert_eq!(mounts[0].0, Path::new("/mnt/my disk"));
        assert_eq!(mounts[0].1, MsFlags::MS_NOSUID | MsFlags::MS_NOATIME);
        assert_eq!(mounts[1].1, MsFlags::MS_RDONLY | MsFlags::MS_NODEV | MsFlags::MS_STRICTATIME);
    }

    #[test]
    fn a_path_goes_below_another_root() {
        assert_eq!(below(Path::new("/old"), Path::new("/a/b")), Path::new("/old/a/b"));
        assert_eq!(below(Path::new("/old"), Path::new("/")), Path::new("/old/"));
    }
}
