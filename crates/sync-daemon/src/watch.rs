//! What the file system tells: which plan file may have changed.
//!
//! The folders are watched rather than the files, so that editors which save by renaming are seen. Nothing depends on
//! it: whatever the system does not tell is found by comparing, a little later.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use coditect_service::plan_files::may_be_plan;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::warn;

use crate::document::Document;

/// How many changes may wait. What does not fit is found by comparing.
const CHANGES: usize = 1_024;

/// What is told when a file may have come that is none of the documents yet.
pub const UNKNOWN: usize = usize::MAX;

/// A watch over the folders of the plan files.
#[derive(Debug)]
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    files: Vec<PathBuf>,
    /// Folders in which documents come and go.
    open: BTreeSet<PathBuf>,
    told: Arc<Mutex<Told>>,
    /// The folders that could not be watched, as it was logged.
    blind: BTreeSet<PathBuf>,
}

/// What is told of.
#[derive(Debug, Default)]
struct Told {
    /// The names of each document's file.
    names: Vec<BTreeSet<OsString>>,
    /// Folders in which everything is told of that may be a plan.
    open: BTreeSet<PathBuf>,
}

impl Watch {
    /// Begins to watch. The receiver gives the places in `documents` of files that may have changed, and [`UNKNOWN`].
    #[must_use]
    pub fn start(documents: &[Document]) -> (Self, mpsc::Receiver<usize>) {
        let (changes, changed) = mpsc::channel(CHANGES);
        let told = Arc::new(Mutex::new(Told::default()));
        let looked_up = Arc::clone(&told);
        let tell = move |event: notify::Result<Event>| {
            let told = looked_up.lock().unwrap_or_else(PoisonError::into_inner);
            for at in touched(&told, event) {
                // A full channel means that the loop has enough to look at.
                let _ = changes.try_send(at);
            }
        };
        let watcher = notify::recommended_watcher(tell)
            .inspect_err(|error| warn!(%error, "files cannot be watched; they are compared every few seconds instead"))
            .ok();
        let mut watch = Self { watcher, files: Vec::new(), open: BTreeSet::new(), told, blind: BTreeSet::new() };
        watch.follow(documents.iter(), BTreeSet::new());
        (watch, changed)
    }

    /// Watches these documents from now on, and these folders in which others may come.
    pub fn follow<'d>(&mut self, documents: impl Iterator<Item = &'d Document>, open: BTreeSet<PathBuf>) {
        let files: Vec<_> = documents.map(|document| document.file.clone()).collect();
        if files == self.files && open == self.open {
            return;
        }
        let told = Told { names: files.iter().map(|file| names(file)).collect(), open: open.clone() };
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
        (self.files, self.open) = (files, open);
        self.renew();
    }

    /// Watches every folder that is there, those that were made anew included.
    pub fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let closed = self.files.iter().flat_map(|file| folders(file));
        for folder in closed.chain(self.open.iter().cloned()).collect::<BTreeSet<_>>() {
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.blind.remove(&folder);
                }
                Err(error) => {
                    if self.blind.insert(folder.clone()) {
                        warn!(folder = %folder.display(), %error, "a plan's folder cannot be watched yet");
                    }
                }
            }
        }
    }
}

/// The names by which a file is told of: its own, and that of what it links to.
fn names(file: &Path) -> BTreeSet<OsString> {
    let target = fs::canonicalize(file).ok();
    [Some(file), target.as_deref()].into_iter().flatten().filter_map(|f| f.file_name()).map(OsString::from).collect()
}

/// The folders in which a change of the file is seen.
fn folders(file: &Path) -> BTreeSet<PathBuf> {
    let target = fs::canonicalize(file).ok();
    [Some(file), target.as_deref()].into_iter().flatten().filter_map(Path::parent).map(Path::to_path_buf).collect()
}

/// The files that an event is about; all of them when the system has lost track.
fn touched(told: &Told, event: notify::Result<Event>) -> Vec<usize> {
    let names = &told.names;
    let all = || (0..names.len()).chain((!told.open.is_empty()).then_some(UNKNOWN)).collect();
    let Ok(event) = event else { return all() };
    if event.need_rescan() {
        return all();
    }
    if event.kind.is_access() {
        return Vec::new();
    }
    let own = |names: &BTreeSet<OsString>| event.paths.iter().filter_map(|p| p.file_name()).any(|n| names.contains(n));
    let mut touched: Vec<usize> = (0..names.len()).filter(|at| own(&names[*at])).collect();
    // A file that may be a plan, or a folder that may hold some.
    let open = |path: &PathBuf| path.parent().is_some_and(|folder| told.open.contains(folder));
    let telling = |path: &PathBuf| may_be_plan(path) || path.extension().is_none();
    if event.paths.iter().any(|path| open(path) && telling(path)) {
        touched.push(UNKNOWN);
    }
    touched
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn told(changed: &mut mpsc::Receiver<usize>) -> usize {
        tokio::time::timeout(Duration::from_secs(20), changed.recv()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_file_that_is_saved_in_place_or_by_renaming_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let document = |name: &str| Document::named(folder.path(), name, None);
        let documents = [document("OTHER.md"), document("PLAN.md")];
        let (_watch, mut changed) = Watch::start(&documents);
        fs::write(folder.path().join("PLAN.md"), "a").unwrap();
        assert_eq!(told(&mut changed).await, 1);
        while changed.try_recv().is_ok() {}
        fs::write(folder.path().join("saved.tmp"), "b").unwrap();
        fs::rename(folder.path().join("saved.tmp"), folder.path().join("OTHER.md")).unwrap();
        while told(&mut changed).await != 0 {}
    }

    #[tokio::test]
    async fn a_file_that_comes_into_a_watched_folder_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let (mut watch, mut changed) = Watch::start(&[]);
        watch.follow([].iter(), BTreeSet::from([folder.path().to_owned()]));
        fs::write(folder.path().join("NEW.md"), "a").unwrap();
        assert_eq!(told(&mut changed).await, UNKNOWN);
        fs::create_dir(folder.path().join("deeper")).unwrap();
        assert_eq!(told(&mut changed).await, UNKNOWN);
    }

    #[test]
    fn reading_a_file_is_no_change_of_it() {
        let known = Told { names: vec![BTreeSet::from([OsString::from("PLAN.md")])], open: BTreeSet::new() };
        let event = |kind| Ok(Event::new(kind).add_path("/r/PLAN.md".into()));
        let read = notify::EventKind::Access(notify::event::AccessKind::Any);
        assert!(touched(&known, event(read)).is_empty());
        assert_eq!(touched(&known, event(notify::EventKind::Any)), [0]);
    }
}
