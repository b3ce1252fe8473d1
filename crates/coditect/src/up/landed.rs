//! How many tasks have landed in a run: counted on the target branch of a repository on this machine, and in the refs
//! that landing leaves where the repository is elsewhere.

use super::settings::Settings;
use crate::failure::Failure;
use crate::git::{Repository, git};

/// Where landing stood before the run.
#[derive(Debug)]
pub(super) enum Before {
    /// The commit that the target branch was at, or begins with.
    Tip(String),
    /// So many refs.
    Refs(usize),
}

impl Before {
    /// How it stands now.
    pub(super) fn of(settings: &Settings) -> Result<Self, Failure> {
        if let Some(remote) = &settings.remote {
            return refs(&settings.repository, remote).map(Self::Refs);
        }
        let branch = format!("refs/heads/{}", settings.config.repository.target_branch);
        let tip = match settings.repository.commit(&branch)? {
            Some(tip) => Some(tip),
            None => settings.repository.commit("HEAD")?,
        };
        Ok(Self::Tip(tip.unwrap_or_else(|| "HEAD".to_owned())))
    }

    /// How many have landed since.
    pub(super) fn landed(&self, settings: &Settings) -> Result<usize, Failure> {
        match (self, &settings.remote) {
            (Self::Refs(before), Some(remote)) => Ok(refs(&settings.repository, remote)?.saturating_sub(*before)),
            (Self::Tip(before), _) => {
                let target = format!("refs/heads/{}", settings.config.repository.target_branch);
                match settings.repository.commit(&target)? {
                    Some(tip) => Ok(settings.repository.landed(&format!("{before}..{tip}"))?.len()),
                    None => Ok(0),
                }
            }
            (Self::Refs(_), None) => Ok(0),
        }
    }
}

fn refs(repository: &Repository, remote: &str) -> Result<usize, Failure> {
    let answer = git(&repository.root, &["ls-remote", "--quiet", "--", remote, "refs/coditect/landed/*"])?;
    if !answer.ok {
        return Err(Failure::wrong(format!(
            "the repository that `repository.path` names does not answer: {}",
            answer.complaint
        ))
        .help("look at `repository.path`, and at what git needs to reach it"));
    }
    Ok(answer.text.lines().count())
}
