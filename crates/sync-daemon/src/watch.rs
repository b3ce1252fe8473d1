//! What the file system tells: which plan file may have changed.
//!
//! The folders are watched rather than the files, so that editors which save by renaming are seen. Nothing depends on
//! it: whatever the system does not tell is found by comparing, a little later.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::warn;

use crate::document::Document;

/// How many changes may wait. What does not fit is found by comparing.
const CHANGES: usize = 1_024;

/// A watch over the folders of the plan files.
#[derive(Debug)]
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    files: Vec<PathBuf>,
    /// The folders that could not be watched, as it was logged.
    blind: BTreeSet<PathBuf>,
}

impl Watch {
    /// Begins to watch. The receiver gives the places in `documents` of files that may have changed.
    #[must_use]
    pub fn start(documents: &[Document]) -> (Self, mpsc::Receiver<usize>) {
        let (changes, changed) = mpsc::channel(CHANGES);
        let names: Vec<_> = documents.iter().map(|document| names(&document.file)).collect();
        let tell = move |event: notify::Result<Event>| {
            for at in touched(&names, event) {
                // A full channel means that the loop has enough to look at.
                let _ = changes.try_send(at);
            }
        };
        let watcher = notify::recommended_watcher(tell)
            .inspect_err(|error| warn!(%error, "files cannot be watched; they are compared every few seconds instead"))
            .ok();
        let files = documents.iter().map(|document| document.file.clone()).collect();
        let mut watch = Self { watcher, files, blind: BTreeSet::new() };
        watch.renew();
        (watch, changed)
    }

    /// Watches every folder that is there, those that were made anew included.
    pub fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in self.files.iter().flat_map(|file| folders(file)).collect::<BTreeSet<_>>() {
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
fn touched(names: &[BTreeSet<OsString>], event: notify::Result<Event>) -> Vec<usize> {
    let Ok(event) = event else { return (0..names.len()).collect() };
    if event.need_rescan() {
        return (0..names.len()).collect();
    }
    if event.kind.is_access() {
        return Vec::new();
    }
    let told = |names: &BTreeSet<OsString>| event.paths.iter().filter_map(|p| p.file_name()).any(|n| names.contains(n));
    (0..names.len()).filter(|at| told(&names[*at])).collect()
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
        let document = |name: &str| Document { id: name.into(), path: name.into(), file: folder.path().join(name) };
        let documents = [document("OTHER.md"), document("PLAN.md")];
        let (_watch, mut changed) = Watch::start(&documents);
        fs::write(folder.path().join("PLAN.md"), "a").unwrap();
        assert_eq!(told(&mut changed).await, 1);
        while changed.try_recv().is_ok() {}
        fs::write(folder.path().join("saved.tmp"), "b").unwrap();
        fs::rename(folder.path().join("saved.tmp"), folder.path().join("OTHER.md")).unwrap();
        while told(&mut changed).await != 0 {}
    }

    #[test]
    fn reading_a_file_is_no_change_of_it() {
        let names = [BTreeSet::from([OsString::from("PLAN.md")])];
        let event = |kind| Ok(Event::new(kind).add_path("/r/PLAN.md".into()));
        let read = notify::EventKind::Access(notify::event::AccessKind::Any);
        assert!(touched(&names, event(read)).is_empty());
        assert_eq!(touched(&names, event(notify::EventKind::Any)), [0]);
    }
}
