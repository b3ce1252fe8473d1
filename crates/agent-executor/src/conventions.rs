//! What a repository tells everybody who works in it: found in the worktree, passed on in the prompt.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use coditect_prompt::Page;

/// How much of one file is read; the prompt has a bound for all of them.
const LONGEST: u64 = 128 * 1024;

/// The files of these names that are there, each once, also where one is a link to another.
pub(crate) fn conventions(worktree: &Path, names: &[String]) -> Vec<Page> {
    let Ok(root) = worktree.canonicalize() else { return Vec::new() };
    let mut seen = HashSet::new();
    let mut pages = Vec::new();
    for name in names {
        // A link may lead to another file of the repository, and nowhere else.
        let file = root.join(name).canonicalize().ok().filter(|file| file.starts_with(&root) && file.is_file());
        let Some(file) = file.filter(|file| seen.insert(file.clone())) else { continue };
        let mut bytes = Vec::new();
        let read = fs::File::open(file).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        if read.is_ok() && !text.is_empty() && pages.iter().all(|page: &Page| page.text != text) {
            pages.push(Page { path: name.clone(), text });
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_file_is_passed_on_once_and_none_from_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("worktree");
        fs::create_dir(&root).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        fs::write(root.join("CLAUDE.md"), "Be brief.\n").unwrap();
        symlink("CLAUDE.md", root.join("AGENTS.md")).unwrap();
        symlink("../secret", root.join("GEMINI.md")).unwrap();
        fs::write(root.join("COPY.md"), "Be brief.").unwrap();
        let names = ["AGENTS.md", "CLAUDE.md", "GEMINI.md", "COPY.md", "none.md"].map(str::to_owned);
        let page = Page { path: "AGENTS.md".to_owned(), text: "Be brief.".to_owned() };
        assert_eq!(conventions(&root, &names), [page]);
    }
}
