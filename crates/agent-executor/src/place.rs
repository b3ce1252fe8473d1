//! Where a repository is: on this machine, or at a server.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::git::Git;
use crate::job::Failure;

/// What is special about a repository on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) common_dir: PathBuf,
    pub(crate) objects: PathBuf,
    pub(crate) bare: bool,
    /// It can be changed without the programs of a server.
    pub(crate) ours: bool,
}

/// What a path or URL stands for.
pub(crate) struct Place {
    /// What git is given to reach it.
    pub(crate) url: String,
    /// How its objects are named, where that is known without asking a server.
    pub(crate) format: Option<String>,
    pub(crate) local: Option<Local>,
}

/// Finds out what a path or URL stands for. The folder is ours, whoever we are.
pub(crate) async fn locate(git: &Git, folder: &Path, repository: &str) -> Result<Place, Failure> {
    let path = Path::new(repository);
    if !path.is_dir() {
        if repository.is_empty() || repository.starts_with('-') || !repository.contains(':') {
            return Err(Failure::config(format!(
                "there is no repository at `{repository}`: neither a folder nor a URL"
            )));
        }
        return Ok(Place { url: repository.to_owned(), format: None, local: None });
    }
    let ask = ["rev-parse", "--path-format=absolute", "--git-common-dir", "--git-path", "objects"];
    let ask = ask.into_iter().chain(["--is-bare-repository", "--show-object-format"]);
    let said = git.call(ask).dir(path).ok().await.map_err(|error| {
        Failure::config(format!(
            "`{repository}` is no git repository; run `git init` there or give another path. {error}"
        ))
    })?;
    let mut lines = said.lines();
    let (Some(common), Some(objects), Some(bare), Some(format)) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(Failure::config(format!("git says nothing about the repository at `{repository}`")));
    };
    let common_dir = std::fs::canonicalize(common).unwrap_or_else(|_| PathBuf::from(common));
    // Asked from inside a linked worktree, git speaks of that; the repository is bare if its own configuration says so.
    let bare =
        bare == "true" || common_dir.file_name().is_some_and(|name| name != ".git") && is_bare(git, &common_dir).await;
    let shared = git.call(["config", "core.sharedRepository"]).git_dir(&common_dir).answer().await?.code == 0;
    let owner = |path: &Path| std::fs::metadata(path).map(|meta| meta.uid()).ok();
    let files = !common_dir.join("reftable").exists();
    let ours = !shared && files && owner(Path::new(objects)) == owner(folder);
    Ok(Place {
        url: common_dir.to_string_lossy().into_owned(),
        format: Some(format.to_owned()),
        local: Some(Local { common_dir, objects: PathBuf::from(objects), bare, ours }),
    })
}

async fn is_bare(git: &Git, common_dir: &Path) -> bool {
    let said = git.call(["config", "--type=bool", "core.bare"]).git_dir(common_dir).answer().await;
    said.is_ok_and(|answer| answer.text().trim() == "true")
}
