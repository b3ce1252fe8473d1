//! Which files a path of `plan.paths`, or on a command line, means: one file, a folder, or all that fit a pattern.
//!
//! Of a folder, and of a pattern, only what can be a plan is taken: markdown, `tasks.json`, `prd.json`; nothing hidden,
//! and no link that leads out of the folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use coditect_plan::{Format, Plan};
use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

/// Folders that are never looked into, beside the hidden ones.
const SKIPPED: [&str; 1] = ["node_modules"];

/// Folders that are hidden and hold plans all the same.
const PLANNING: [&str; 3] = [".kiro", ".specify", ".taskmaster"];

/// So many files are taken at most: more are no plans, but a path that was meant otherwise.
const MOST_FILES: usize = 10_000;

/// A path that may mean several files.
#[derive(Debug, Clone)]
pub struct PlanFiles {
    root: PathBuf,
    path: PathBuf,
    pattern: Option<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// The folder above the first part with a sign in it.
    folder: PathBuf,
    matcher: GlobMatcher,
    /// Whether folders below that one can hold what fits.
    deep: bool,
}

impl PlanFiles {
    /// What `path` means, from `root` on. A file that is there is that file, whatever signs are in its name.
    ///
    /// # Errors
    /// The path is a pattern that cannot be understood.
    pub fn new(root: &Path, path: &str) -> Result<Self, globset::Error> {
        let path = path.strip_prefix("./").unwrap_or(path);
        let whole = root.join(path);
        let pattern = match is_sign(path) && !whole.exists() {
            true => Some(Pattern::new(root, path)?),
            false => None,
        };
        Ok(Self { root: root.to_owned(), path: whole, pattern })
    }

    /// Whether it means one file, which is there or should be.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.pattern.is_none() && !self.path.is_dir()
    }

    /// The folder that is looked through, and whether those below it are as well.
    fn folder(&self) -> Option<(&Path, bool)> {
        match &self.pattern {
            Some(pattern) => Some((&pattern.folder, pattern.deep)),
            None => self.path.is_dir().then_some((self.path.as_path(), true)),
        }
    }

    /// The folders in which files can come and go, as they are now.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let folders = self.walk().filter(|entry| entry.file_type().is_dir()).map(DirEntry::into_path);
        folders.take(MOST_FILES).collect()
    }

    fn walk(&self) -> impl Iterator<Item = DirEntry> {
        let (folder, deep) = self.folder().unwrap_or((&self.path, false));
        let walk = WalkDir::new(folder).max_depth(if deep { usize::MAX } else { 1 }).sort_by_file_name();
        let named = |entry: &DirEntry| self.pattern.as_ref().is_some_and(|p| p.names(entry.path()));
        let seen = walk.into_iter().filter_entry(move |entry| entry.depth() == 0 || named(entry) || is_open(entry));
        seen.filter_map(Result::ok)
    }

    /// The files as they are now, in order. One that was named itself is always among them.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let Some((folder, _)) = self.folder() else { return vec![self.path.clone()] };
        let root = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let fits = |path: &Path| match &self.pattern {
            Some(pattern) => pattern.matcher.is_match(path.strip_prefix(&self.root).unwrap_or(path)),
            None => true,
        };
        self.walk()
            .filter(|entry| may_be_plan(entry.path()) && is_file_within(entry, &root))
            .map(|entry| entry.path().strip_prefix("./").unwrap_or(entry.path()).to_owned())
            .filter(|path| fits(path))
            .take(MOST_FILES)
            .collect()
    }

    /// Whether a file of this path, relative to the root, is meant, where files are not on this machine.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        let spelt = |part: &str| self.pattern.as_ref().is_some_and(|pattern| pattern.names(Path::new(part)));
        let open = path.split('/').all(|part| is_open_name(part, true) || spelt(part));
        let within = match &self.pattern {
            Some(pattern) => pattern.matcher.is_match(path),
            None => self.root.join(path).starts_with(&self.path),
        };
        within && open && may_be_plan(Path::new(path))
    }

    /// Whether what was found by looking is a plan at all: it has tasks, or is surely written in one of the formats.
    #[must_use]
    pub fn is_plan(plan: &Plan) -> bool {
        !plan.tasks.is_empty() || plan.format != Format::Coditect
    }
}

impl Pattern {
    fn new(root: &Path, path: &str) -> Result<Self, globset::Error> {
        let matcher = GlobBuilder::new(path).literal_separator(true).build()?.compile_matcher();
        let plain = Path::new(path).components().take_while(|part| !is_sign(&part.as_os_str().to_string_lossy()));
        let plain: PathBuf = plain.collect();
        let signs = Path::new(path).components().count() - plain.components().count();
        let (folder, deep) = (root.join(plain), signs > 1 || path.contains("**") || path.contains('{'));
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        Ok(Self { folder, matcher, deep })
    }

    /// Whether the pattern itself spells out this hidden folder.
    fn names(&self, folder: &Path) -> bool {
        let name = folder.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| {
            Path::new(self.matcher.glob().glob()).components().any(|p| p == Component::Normal(name.as_ref().as_ref()))
        })
    }
}

/// Whether a text is a pattern.
fn is_sign(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Whether a file or a folder is looked at.
fn is_open(entry: &DirEntry) -> bool {
    is_open_name(&entry.file_name().to_string_lossy(), entry.file_type().is_dir())
}

fn is_open_name(name: &str, folder: bool) -> bool {
    let hidden = name.starts_with('.') && !(folder && PLANNING.contains(&name));
    !hidden && !SKIPPED.contains(&name)
}

/// Whether the name is one that plans have.
#[must_use]
pub fn may_be_plan(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    matches!(name.as_str(), "tasks.json" | "prd.json")
        || Path::new(&name).extension().is_some_and(|ending| ending == "md")
}

/// A file, or a link to one within `root`.
fn is_file_within(entry: &DirEntry, root: &Path) -> bool {
    if !entry.path_is_symlink() {
        return entry.file_type().is_file();
    }
    fs::canonicalize(entry.path()).is_ok_and(|target| target.is_file() && target.starts_with(root))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "- [ ] 1.1 One\n").unwrap();
        }
        folder
    }

    fn found(folder: &Path, path: &str) -> Vec<String> {
        let files = PlanFiles::new(folder, path).unwrap().files();
        files.iter().map(|file| file.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_folder_is_every_file_below_it_that_can_be_a_plan() {
        let files = ["p/b.md", "p/a/tasks.json", "p/a/other.json", "p/.git/x.md", "p/.coditect/x.md", "p/.x.md"];
        let more = ["p/node_modules/x.md", "p/.kiro/specs/login/tasks.md", "p/notes.txt", "elsewhere.md"];
        let folder = tree(&[files.as_slice(), more.as_slice()].concat());
        assert_eq!(found(folder.path(), "p"), ["p/.kiro/specs/login/tasks.md", "p/a/tasks.json", "p/b.md"]);
    }

    #[test]
    fn a_pattern_is_what_fits_it() {
        let folder = tree(&["p/a.md", "p/b.md", "p/x/c.md", "p/x/y/d.md", "p/n.txt", "p/.h/a.md"]);
        assert_eq!(found(folder.path(), "p/*.md"), ["p/a.md", "p/b.md"]);
        assert_eq!(found(folder.path(), "p/**/*.md"), ["p/a.md", "p/b.md", "p/x/c.md", "p/x/y/d.md"]);
        assert_eq!(found(folder.path(), "p/{a,x/c}.md"), ["p/a.md", "p/x/c.md"]);
        assert_eq!(found(folder.path(), "p/.h/*.md"), ["p/.h/a.md"]);
        assert!(found(folder.path(), "none/*.md").is_empty());
    }

    #[test]
    fn a_file_with_signs_in_its_name_is_that_file() {
        let folder = tree(&["[draft] plan.md", "d.md"]);
        assert_eq!(found(folder.path(), "[draft] plan.md"), ["[draft] plan.md"]);
        assert_eq!(found(folder.path(), "missing.md"), ["missing.md"]);
    }

    #[test]
    fn links_are_followed_within_the_folder_only() {
        let folder = tree(&["p/a.md", "out.md", "more/z.md"]);
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(folder.path().join(target), folder.path().join(name)).unwrap();
        };
        link("p/a.md", "p/inside.md");
        link("out.md", "p/outside.md");
        link("more", "p/more");
        assert_eq!(found(folder.path(), "p"), ["p/a.md", "p/inside.md"]);
    }
}
