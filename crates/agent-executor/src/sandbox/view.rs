//! Which files and folders a confined command sees.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::Confinement;

/// What every command may read: programs, libraries and settings of the system, and what tells programs how many
/// processors and how much memory there is. Not `/run`, `/var`, `/srv` and homes: there are the sockets of servers, and
/// what belongs to somebody.
const SYSTEM: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/snap",
    "/sys/devices/system",
    "/sys/fs/cgroup",
];

/// How many links in a row are followed.
const LINKS: usize = 40;

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Hidden,
    Read,
    Write,
}

/// The root folder of a command: what is bound into it, parents before what is in them, and the links that lead there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) binds: BTreeMap<PathBuf, Access>,
    pub(crate) links: BTreeMap<PathBuf, PathBuf>,
}

impl View {
    /// Looks the confinement's paths up. What is not there, or cannot be reached, is left out.
    pub(crate) fn of(confinement: &Confinement) -> Self {
        let mut view = Self::default();
        for path in &confinement.hide {
            view.add(path, Access::Hidden);
        }
        for path in system().chain(confinement.read.iter().cloned()) {
            view.add(&path, Access::Read);
        }
        for path in &confinement.write {
            view.add(path, Access::Write);
        }
        view.reduce();
        view
    }

    fn add(&mut self, path: &Path, access: Access) {
        let (Ok(real), Some(links)) = (path.canonicalize(), links(path)) else { return };
        if real == Path::new("/") {
            return;
        }
        self.links.extend(links);
        let had = self.binds.entry(real).or_insert(access);
        *had = access.max(*had);
    }

    /// Leaves out what comes with its parent anyway, and what need not be hidden.
    fn reduce(&mut self) {
        let all = self.binds.clone();
        self.binds.retain(|path, access| match (above(&all, path), access) {
            (None | Some(Access::Hidden), access) => *access != Access::Hidden,
            (Some(Access::Read), access) => *access != Access::Read,
            (Some(Access::Write), access) => *access == Access::Hidden,
        });
        let binds = &self.binds;
        self.links.retain(|path, _| !matches!(above(binds, path), Some(Access::Read | Access::Write)));
    }

    /// Whether the path is there by way of something that is bound above it.
    pub(crate) fn covers(&self, path: &Path) -> bool {
        matches!(above(&self.binds, path), Some(Access::Read | Access::Write))
    }
}

/// What becomes of the nearest folder above a path of which something is said.
fn above(binds: &BTreeMap<PathBuf, Access>, path: &Path) -> Option<Access> {
    path.ancestors().skip(1).find_map(|above| binds.get(above)).copied()
}

fn system() -> impl Iterator<Item = PathBuf> {
    SYSTEM.into_iter().map(PathBuf::from)
}

/// What may be read, without what is hidden in it. What is named itself may be read wherever it is.
pub(crate) fn readable(confinement: &Confinement, hidden: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for path in system().chain(confinement.read.iter().cloned()) {
        expand(&path, hidden, &mut paths);
    }
    paths
}

/// The path, or where something in it is hidden, everything else that is in it.
fn expand(path: &Path, hidden: &[PathBuf], into: &mut Vec<PathBuf>) {
    if !hidden.iter().any(|hidden| hidden != path && hidden.starts_with(path)) {
        into.push(path.to_owned());
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let entry = entry.path();
        if !hidden.contains(&entry) {
            expand(&entry, hidden, into);
        }
    }
}

/// The links that are passed on the way to a path, each with where it leads; none if they go round.
fn links(path: &Path) -> Option<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect();
    let mut at = PathBuf::new();
    while let Some(part) = left.pop() {
        match part.components().next() {
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::CurDir) | None => continue,
            Some(_) => at.push(&part),
        }
        let Ok(target) = std::fs::read_link(&at) else { continue };
        if found.len() == LINKS {
            return None;
        }
        left.extend(target.components().rev().map(|part| PathBuf::from(part.as_os_str())));
        found.push((at.clone(), target));
        at.pop();
    }
    Some(found)
}

/// What not everybody may read in the system's settings. A confined command has the executor's user: what is root's, where that is root,
/// and otherwise what is meant for the service alone, like a file with its keys.
pub(crate) fn not_for_everybody() -> Vec<PathBuf> {
    let mut found = Vec::new();
    look(Path::new("/etc"), &mut found);
    found
}

fn look(folder: &Path, found: &mut Vec<PathBuf>) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let everybody = if meta.is_dir() { 0o005 } else { 0o004 };
        if meta.permissions().mode() & everybody != everybody && !meta.is_symlink() {
            found.push(entry.path());
        } else if meta.is_dir() {
            look(&entry.path(), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_in_a_folder_comes_with_it_unless_more_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::create_dir_all(root.join("a/c")).unwrap();
        let confinement = Confinement::default()
            .reading([root.join("a"), root.join("a/b"), root.join("gone")])
            .writing([root.join("a/c")]);
        let view = View::of(&confinement);
        let own: Vec<_> = view.binds.iter().filter(|(path, _)| path.starts_with(&root)).collect();
        assert_eq!(own, [(&root.join("a"), &Access::Read), (&root.join("a/c"), &Access::Write)]);
        assert!(view.covers(&root.join("a/c")) && !view.covers(&root.join("a")));
    }

    #[test]
    fn what_is_hidden_does_not_hide_what_is_allowed_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/data/own")).unwrap();
        std::fs::create_dir_all(root.join("b")).unwrap();
        let mut confinement = Confinement::default().reading([root.join("a")]).writing([root.join("a/data/own")]);
        confinement.hide = vec![root.join("a/data"), root.join("b")];
        let view = View::of(&confinement);
        let own: Vec<_> = view.binds.iter().filter(|(path, _)| path.starts_with(&root)).collect();
        let expected = [
            (&root.join("a"), &Access::Read),
            (&root.join("a/data"), &Access::Hidden),
            (&root.join("a/data/own"), &Access::Write),
        ];
        assert_eq!(own, expected);
        assert!(!view.covers(&root.join("a/data/own")));
    }

    #[test]
    fn a_link_leads_where_it_led() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/bin")).unwrap();
        symlink("real", root.join("alias")).unwrap();
        let view = View::of(&Confinement::default().reading([root.join("alias/bin")]));
        assert_eq!(view.binds.get(&root.join("real/bin")), Some(&Access::Read));
        assert_eq!(view.links.get(&root.join("alias")), Some(&PathBuf::from("real")));
        symlink("round", root.join("round")).unwrap();
        assert_eq!(links(&root.join("round")), None);
    }

    #[test]
    fn what_is_hidden_is_left_out_of_what_may_be_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/secret")).unwrap();
        std::fs::create_dir_all(dir.path().join("a/open")).unwrap();
        let mut paths = Vec::new();
        expand(dir.path(), &[dir.path().join("a/secret")], &mut paths);
        assert_eq!(paths, [dir.path().join("a/open")]);
        paths.clear();
        expand(&dir.path().join("a/secret/own"), &[dir.path().join("a/secret")], &mut paths);
        assert_eq!(paths.len(), 1, "what is named is allowed");
    }
}
