//! The root folder of a confined command: a small file system in memory into which what it may see is bound.
//!
//! It is built in a mount namespace of the run's own, as bubblewrap does it: what is outside is moved to `/old`, what
//! is allowed is bound from there to its own place, and `/old` is let go. Nothing that is not bound exists.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, getgid, getuid, pivot_root};

use super::Confinement;
use super::mounts::{Mounts, below};
use super::view::{Access, View};

/// Where the new root is put together: a folder that every system has.
const BASE: &str = "/proc";

/// Where everything else is meanwhile.
const OLD: &str = "/old";

/// The devices that programs need.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Where in `/dev` the standard streams and the terminals are.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// What in a new `/proc` is about the whole machine: root may write it, and who is root outside still owns it.
const OF_THE_MACHINE: [&str; 6] = ["sys", "irq", "bus", "fs", "acpi", "sysrq-trigger"];

/// Builds it and moves in. The caller is the first process of a PID namespace where the confinement has one.
pub(crate) fn build(confinement: &Confinement) -> io::Result<()> {
    let view = View::of(confinement);
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let mounts = Mounts::read()?;
    let accounts = fs::read("/etc/passwd").unwrap_or_default();

    memory(Path::new(BASE), "size=1m,mode=755")?;
    fs::create_dir(below(Path::new(BASE), Path::new(OLD)))?;
    pivot_root(BASE, &below(Path::new(BASE), Path::new(OLD)))?;
    chdir("/")?;

    for folder in ["/tmp", "/run", "/var", "/dev", "/proc"] {
        fs::create_dir(folder)?;
    }
    symlink("/tmp", "/var/tmp")?;
    symlink("/run", "/var/run")?;
    if let Some(own) = &confinement.tmp {
        bind(own, Path::new("/tmp")).map_err(|error| at(own, &error))?;
    }
    for (path, access) in &view.binds {
        show(&view, path, *access, &mounts).map_err(|error| at(path, &error))?;
    }
    for (link, target) in view.links.iter().filter(|(link, _)| fs::symlink_metadata(link).is_err()) {
        link.parent().map_or(Ok(()), fs::create_dir_all)?;
        symlink(target, link).map_err(|error| at(link, &error))?;
    }
    devices()?;
    processes(confinement)?;
    name_user(&accounts)?;

    umount2(OLD, MntFlags::MNT_DETACH)?;
    fs::remove_dir(OLD)?;
    read_only(Path::new("/"))
}

/// Binds a file or folder to its own place, or hides it.
fn show(view: &View, path: &Path, access: Access, mounts: &Mounts) -> io::Result<()> {
    if access == Access::Hidden {
        return hide(path);
    }
    if !view.covers(path) {
        place(path)?;
    }
    bind(path, path)?;
    if access == Access::Read { mounts.read_only(path, path) } else { Ok(()) }
}

/// Makes something to mount on.
fn place(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    if below(Path::new(OLD), path).is_dir() {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    } else {
        File::create(path).map(|_| ())
    }
}

fn bind(outside: &Path, inside: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    Ok(mount(Some(&below(Path::new(OLD), outside)), inside, None::<&str>, flags, None::<&str>)?)
}

/// Lays something empty over a path.
fn hide(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => memory(path, "size=1m,mode=755"),
        Ok(meta) if meta.is_file() => bind(Path::new("/dev/null"), path),
        // Links lead to what is hidden itself or not there; what is gone need not be hidden.
        _ => Ok(()),
    }
}

fn devices() -> io::Result<()> {
    memory(Path::new("/dev"), "size=1m,mode=755")?;
    for name in DEVICES {
        let path = Path::new("/dev").join(name);
        if below(Path::new(OLD), &path).exists() {
            File::create(&path)?;
            bind(&path, &path)?;
        }
    }
    for folder in ["/dev/shm", "/dev/pts"] {
        fs::create_dir(folder)?;
    }
    memory(Path::new("/dev/shm"), "size=512m,mode=1777")?;
    let options = Some("newinstance,ptmxmode=0666,mode=620");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("devpts"), "/dev/pts", Some("devpts"), flags, options)?;
    for (name, target) in DEVICE_LINKS {
        symlink(target, Path::new("/dev").join(name))?;
    }
    read_only(Path::new("/dev"))
}

fn processes(confinement: &Confinement) -> io::Result<()> {
    if !confinement.layers.proc {
        return bind(Path::new("/proc"), Path::new("/proc")).and_then(|()| keep_machine());
    }
    own_proc()?;
    keep_machine()
}

/// Mounts a `/proc` of this PID namespace.
pub(crate) fn own_proc() -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
        .map_err(|error| io::Error::new(io::Error::from(error).kind(), format!("/proc: {error}")))
}

/// Who is root outside owns the machine's settings, whatever the rights in here.
fn keep_machine() -> io::Result<()> {
    for name in OF_THE_MACHINE {
        let path = Path::new("/proc").join(name);
        if !path.exists() {
            continue;
        }
        mount(Some(&path), &path, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        let flags = flags | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(None::<&str>, &path, None::<&str>, flags, None::<&str>)?;
    }
    Ok(())
}

/// Some programs refuse a user without a name, and who is root outside is somebody else here.
fn name_user(accounts: &[u8]) -> io::Result<()> {
    let (user, group) = (getuid(), getgid());
    let known = String::from_utf8_lossy(accounts).lines().any(|line| line.split(':').nth(2) == Some(&user.to_string()));
    if known || !Path::new("/etc/passwd").exists() {
        return Ok(());
    }
    let mut text = accounts.to_vec();
    text.extend(format!("agent:x:{user}:{group}:agent:/tmp:/bin/sh\n").into_bytes());
    fs::write("/.passwd", text)?;
    mount(Some("/.passwd"), "/etc/passwd", None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    read_only(Path::new("/etc/passwd"))
}

fn memory(target: &Path, options: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))?)
}

/// Of what was mounted by us.
fn read_only(target: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(None::<&str>, target, None::<&str>, flags, None::<&str>)?)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
