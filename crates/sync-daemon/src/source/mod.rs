//! Where plan files are: in a working tree on this machine, or on a branch of a repository.
//!
//! Both can be read and listed, and a file's content can be replaced if it still is what was expected. That is all the
//! rest of the daemon knows of them.

pub mod clone;
pub mod file;
pub mod git;
pub mod poll;
pub mod tree;
pub mod trouble;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use self::file::{Content, Replaced, Unreadable};
use self::git::GitSource;
use crate::document::Document;

/// A place that plan files are in. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Source {
    /// The files at [`Document::file`].
    WorkingTree {
        /// The folder that the documents' paths are relative to.
        root: PathBuf,
    },
    /// The files at [`Document::path`] on a branch.
    Git(Arc<GitSource>),
}

/// Why a plan file cannot be written, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unwritable(pub String);

impl Source {
    /// Whether the file system tells of changes.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        matches!(self, Self::WorkingTree { .. })
    }

    /// What the document holds.
    ///
    /// # Errors
    /// [`Unreadable`], with the cure.
    pub async fn read(&self, document: &Document) -> Result<Content, Unreadable> {
        match self {
            Self::WorkingTree { .. } => {
                let file = document.file.clone();
                off_thread(move || file::read(&file)).await.map_err(Unreadable::Refused)?
            }
            Self::Git(git) => git.read(&document.path).await,
        }
    }

    /// Replaces what the document holds by `new` if it is `expected`: all of it or nothing, and nothing that somebody
    /// else writes meanwhile is lost.
    ///
    /// # Errors
    /// [`Unwritable`], with the cure; the document is as it was.
    pub async fn replace(&self, document: &Document, expected: &str, new: &str) -> Result<Replaced, Unwritable> {
        match self {
            Self::WorkingTree { .. } => {
                let (file, expected, new) = (document.file.clone(), expected.to_owned(), new.to_owned());
                let replaced = off_thread(move || file::replace(&file, &expected, &new)).await;
                replaced.and_then(|replaced| replaced).map_err(|error| {
                    let cure = "let the user that runs the sync-daemon write to its folder, and make room on the disk";
                    Unwritable(format!("{error}; {cure}"))
                })
            }
            Self::Git(git) => git.replace(&document.id, &document.path, expected, new).await,
        }
    }

    /// The paths of all files, with `/` between the parts, in order.
    ///
    /// # Errors
    /// [`Unreadable`], with the cure.
    pub async fn list(&self) -> Result<Vec<String>, Unreadable> {
        match self {
            Self::WorkingTree { root } => {
                let root = root.clone();
                off_thread(move || file::list(&root)).await.and_then(|listed| listed).map_err(Unreadable::Refused)
            }
            Self::Git(git) => git.list().await,
        }
    }

    /// Looks at once whether something has changed, where that is not seen anyway: somebody is waiting for it.
    pub async fn refresh(&self) {
        if let Self::Git(git) = self {
            // Whoever waits is told by what can be read.
            let _ = git.asked().await;
        }
    }
}

/// Runs what blocks beside the loop.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}
