//! Which documents there are: those that `plan.paths` names, and those that are found in its folders and patterns.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};
use coditect_service::config::PlanPath;
use coditect_service::plan_files::PlanFiles;

use crate::document::{self, Document};

/// What `plan.paths` says.
#[derive(Debug, Clone)]
pub struct PlanSet {
    root: PathBuf,
    named: Vec<Document>,
    looked: Vec<(PlanFiles, PlanPath)>,
    /// What files were when they were last read, and what they are called if they are plans.
    known: HashMap<PathBuf, (Option<SystemTime>, u64, Option<String>)>,
}

/// What there is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The documents: those that are named, then those that were found, by path.
    pub documents: Vec<Document>,
    /// Files that cannot be taken, and why.
    pub troubles: Vec<(String, String)>,
}

impl Found {
    /// Adds a document that was found, unless another is called so.
    pub(crate) fn add(&mut self, document: Document) {
        match self.documents.iter().find(|other| other.id == document.id) {
            Some(other) => {
                let why = format!(
                    "it would be called `{}` like {}, so it is left out; rename one of them",
                    document.id, other.path
                );
                self.troubles.push((document.path, why));
            }
            None => self.documents.push(document),
        }
    }
}

impl PlanSet {
    /// What `paths` mean, which are relative to `root`.
    ///
    /// # Errors
    /// No path at all, one that leads out of `root`, a pattern that cannot be understood, or two files that are named and
    /// would give their tasks the same ids.
    pub fn new(root: &Path, paths: &[PlanPath]) -> anyhow::Result<Self> {
        if paths.is_empty() {
            bail!("`plan.paths` names no plan file; name at least one, like \"PLAN.md\"");
        }
        let (mut named, mut looked) = (Vec::new(), Vec::new());
        for given in paths {
            let path = match given.path.as_str() {
                "." | "./" => String::new(),
                path => document::within(root, path)?,
            };
            let files = PlanFiles::new(root, &path)
                .with_context(|| format!("`plan.paths`: `{}` is no pattern that can be understood", given.path))?;
            match files.is_one() && !given.path.ends_with('/') {
                true => named.push(given.clone()),
                false => looked.push((files, given.clone())),
            }
        }
        let named = if named.is_empty() { Vec::new() } else { document::configured(root, &named)? };
        Ok(Self { root: root.to_owned(), named, looked, known: HashMap::new() })
    }

    /// Whether documents can come and go.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.looked.is_empty()
    }

    /// The folders in which documents can come and go.
    #[must_use]
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        self.looked.iter().flat_map(|(files, _)| files.folders()).collect()
    }

    /// The documents as they are now. Only files that changed since are read again.
    pub fn look(&mut self) -> Found {
        let mut found = Found { documents: self.named.clone(), troubles: Vec::new() };
        let mut seen: BTreeSet<PathBuf> = self.named.iter().map(|document| document.file.clone()).collect();
        for (files, given) in &self.looked {
            for file in files.files() {
                if !seen.insert(file.clone()) {
                    continue;
                }
                let Some(path) = file.strip_prefix(&self.root).ok().and_then(Path::to_str) else { continue };
                let document = Document { found: true, ..Document::named(&self.root, path, given.format) };
                let Some(id) = called(&mut self.known, &document) else { continue };
                found.add(Document { id, ..document });
            }
        }
        self.known.retain(|file, _| seen.contains(file));
        found
    }
}

impl PlanSet {
    /// The documents among files that are only listed, not on this machine: those that are named, and what may be a plan
    /// in patterns and in folders, which are those whose path ends in `/`.
    #[must_use]
    pub fn listed(&self, listing: &[String]) -> Vec<Document> {
        let mut documents = self.named.clone();
        for (files, given) in &self.looked {
            let fits = listing.iter().filter(|path| files.fits(path));
            let found = |path| Document { found: true, ..Document::named(&self.root, path, given.format) };
            documents.extend(fits.map(|path| found(path)));
        }
        let mut seen = BTreeSet::new();
        documents.retain(|document| seen.insert(document.path.clone()));
        documents
    }
}

/// What a file is called, if it is a plan.
fn called(
    known: &mut HashMap<PathBuf, (Option<SystemTime>, u64, Option<String>)>,
    document: &Document,
) -> Option<String> {
    let meta = fs::metadata(&document.file).ok()?;
    let (time, length) = (meta.modified().ok(), meta.len());
    if let Some((before, long, id)) = known.get(&document.file)
        && (before, *long) == (&time, length)
    {
        return id.clone();
    }
    let bytes = fs::read(&document.file).ok()?;
    let plan = coditect_plan::decode(&bytes).ok().map(|text| document.parse(text));
    let id = plan.filter(PlanFiles::is_plan).map(|plan| plan.document_id());
    known.insert(document.file.clone(), (time, length, id.clone()));
    id
}

#[cfg(test)]
mod tests {
    use coditect_plan::Format;

    use super::*;

    const PLAN: &str = "- [ ] 1.1 One\n";

    fn write(root: &Path, name: &str, text: &str) {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text).unwrap();
    }

    fn set(root: &Path, paths: &[&str]) -> PlanSet {
        PlanSet::new(root, &paths.iter().map(|path| PlanPath::from(*path)).collect::<Vec<_>>()).unwrap()
    }

    fn names(set: &mut PlanSet) -> Vec<(String, String)> {
        set.look().documents.into_iter().map(|document| (document.id, document.path)).collect()
    }

    #[test]
    fn documents_come_and_go_with_the_files_of_a_folder() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "plans/a.md", PLAN);
        write(root.path(), "plans/notes.md", "No task.\n");
        let mut set = set(root.path(), &["PLAN.md", "plans"]);
        let (named, a) = (("plan".to_owned(), "PLAN.md".to_owned()), ("plans-a".to_owned(), "plans/a.md".to_owned()));
        assert_eq!(names(&mut set), [named.clone(), a], "a file that is named is a document although it is not there");
        write(root.path(), "plans/notes.md", "No task.\n\n- [ ] 1.1 Or one?\n");
        fs::remove_file(root.path().join("plans/a.md")).unwrap();
        assert_eq!(names(&mut set), [named, ("plans-notes".to_owned(), "plans/notes.md".to_owned())]);
    }

    #[test]
    fn a_file_of_backlog_md_is_called_by_its_id_whatever_its_name() {
        let root = tempfile::tempdir().unwrap();
        let text = "---\nid: BACK-7\ntitle: Log in\nstatus: To Do\ndependencies: []\n---\n";
        write(root.path(), "backlog/tasks/back-7 - Log-in.md", text);
        let mut set = set(root.path(), &["backlog/tasks"]);
        assert_eq!(names(&mut set)[0].0, "back-7");
        let tasks = root.path().join("backlog/tasks");
        fs::rename(tasks.join("back-7 - Log-in.md"), tasks.join("back-7 - Sign-in.md")).unwrap();
        assert_eq!(names(&mut set), [("back-7".to_owned(), "backlog/tasks/back-7 - Sign-in.md".to_owned())]);
    }

    #[test]
    fn of_two_found_files_of_one_name_the_second_is_left_out_with_a_word() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "p/a-b.md", PLAN);
        write(root.path(), "p/a/b.md", PLAN);
        let found = set(root.path(), &["p"]).look();
        assert_eq!((found.documents.len(), found.troubles.len()), (1, 1));
        let (path, why) = &found.troubles[0];
        assert!(why.contains("p/a") && path.starts_with("p/a"), "{path}: {why}");
    }

    #[test]
    fn two_named_files_of_one_name_are_refused() {
        let paths = ["docs/plan.md", "docs-plan.md"].map(PlanPath::from);
        assert!(PlanSet::new(Path::new("/r"), &paths).unwrap_err().to_string().contains("`docs/plan.md`"));
        assert!(PlanSet::new(Path::new("/r"), &[PlanPath::from("../x/*.md")]).is_err());
    }

    #[test]
    fn a_format_that_is_set_is_the_one_that_is_read() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "p/a.md", PLAN);
        let path = PlanPath { path: "p/*.md".to_owned(), format: Some(Format::GitHub) };
        let document = PlanSet::new(root.path(), &[path]).unwrap().look().documents.remove(0);
        assert_eq!(document.parse(PLAN).format, Format::GitHub);
    }
}
