//! Pull requests at GitHub and merge requests at GitLab, by their REST APIs: opened, looked at, and understood in one way.
//!
//! What is looked for is what decides on a result: whether it was merged (however: a squash or a rebase is a merge), closed, or whether
//! people or checks ask for something else. The token is shown by nothing.

mod client;
mod github;
mod gitlab;
#[cfg(feature = "testing")]
pub mod testing;

use std::fmt;

use client::Client;
pub use client::ForgeError;
use jiff::Timestamp;

/// The service that keeps requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// GitHub, or GitHub Enterprise.
    Github,
    /// GitLab, anybody's.
    Gitlab,
}

impl Kind {
    /// Where its API is, unless it is somebody's own.
    #[must_use]
    pub const fn usual_api(self) -> &'static str {
        match self {
            Self::Github => "https://api.github.com",
            Self::Gitlab => "https://gitlab.com/api/v4",
        }
    }
}

/// One project at a service.
#[derive(Clone)]
pub struct Forge {
    kind: Kind,
    client: Client,
    project: String,
}

impl fmt::Debug for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forge").field("kind", &self.kind).field("project", &self.project).finish_non_exhaustive()
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The title.
    pub title: String,
    /// The text, in markdown.
    pub body: String,
    /// The branch with the result.
    pub branch: String,
    /// The branch that it is to be merged into.
    pub target: String,
}

/// A request that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number in the project.
    pub number: i64,
    /// Where people look at it.
    pub url: String,
}

/// What was put on a request's branch last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The commit.
    pub commit: String,
    /// What was said before, in milliseconds since 1970, is known already.
    pub since_ms: i64,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It waits. What people or checks ask for is listed; nothing: for nothing yet.
    Open {
        /// What they ask for, as sentences.
        asks: Vec<String>,
    },
    /// It was merged.
    Merged {
        /// The commit on the target branch, where that is told.
        commit: Option<String>,
    },
    /// It was closed and not merged.
    Closed,
}

impl Forge {
    /// A project, as `owner/name`, at a service.
    ///
    /// # Errors
    /// The address or the token cannot be used.
    pub fn new(kind: Kind, api: Option<&str>, project: &str, token: &str) -> Result<Self, ForgeError> {
        let client = Client::new(kind, api.unwrap_or(kind.usual_api()), token)?;
        Ok(Self { kind, client, project: project.to_owned() })
    }

    /// Opens a request; one that is open for the same branches already is taken for it.
    ///
    /// # Errors
    /// The service cannot be reached, or refuses.
    pub async fn open(&self, proposal: &Proposal) -> Result<Request, ForgeError> {
        match self.kind {
            Kind::Github => github::open(&self.client, &self.project, proposal).await,
            Kind::Gitlab => gitlab::open(&self.client, &self.project, proposal).await,
        }
    }

    /// Looks at a request, on whose branch `delivered` was put last.
    ///
    /// # Errors
    /// The service cannot be reached, or refuses.
    pub async fn look(&self, number: i64, delivered: &Delivered) -> Result<Standing, ForgeError> {
        match self.kind {
            Kind::Github => github::look(&self.client, &self.project, number, delivered).await,
            Kind::Gitlab => gitlab::look(&self.client, &self.project, number, delivered).await,
        }
    }
}

/// Whether something was said since then. What has no time was.
fn since(at: Option<Timestamp>, since_ms: i64) -> bool {
    at.is_none_or(|at| at.as_millisecond() >= since_ms)
}
