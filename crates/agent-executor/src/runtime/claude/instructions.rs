//! What a repository tells every agent that works in it. The program reads it by itself only where it also obeys the rest of what the
//! repository wants of it, so it is passed on explicitly.

use std::fs;
use std::io::Read;
use std::path::Path;

/// How much of a repository's instructions is passed on.
const LIMIT: u64 = 256 * 1024;

/// The first of these files that is there and says something.
pub(super) fn of_repository(worktree: &Path, names: &[&str]) -> Option<String> {
    let root = worktree.canonicalize().ok()?;
    names.iter().find_map(|name| {
        // A link may lead to another file of the repository, and nowhere else.
        let file = root.join(name).canonicalize().ok().filter(|file| file.starts_with(&root) && file.is_file())?;
        let mut bytes = Vec::new();
        fs::File::open(file).ok()?.take(LIMIT).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes).replace('\0', "");
        let text = text.trim();
        (!text.is_empty()).then(|| format!("The instructions of this repository ({name}):\n\n{text}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_not_read_from_outside_the_repository() {
        let instructions = |tree: &Path| of_repository(tree, &["CLAUDE.md", ".claude/CLAUDE.md"]);
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", tree.join("CLAUDE.md")).unwrap();
        assert_eq!(instructions(&tree), None);
        fs::write(tree.join("AGENTS.md"), "Be kind.").unwrap();
        fs::remove_file(tree.join("CLAUDE.md")).unwrap();
        std::os::unix::fs::symlink("AGENTS.md", tree.join("CLAUDE.md")).unwrap();
        assert!(instructions(&tree).unwrap().ends_with("Be kind."));
    }
}
