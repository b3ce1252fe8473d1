//! The plan files that are configured, and what they are called.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use coditect_core::document_slug;
use coditect_plan::{Format, Plan, parse_as};
use coditect_service::config::PlanPath;

/// A plan file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its slug: what the tasks' ids begin with.
    pub id: String,
    /// Its path within the repository, with `/` between the parts.
    pub path: String,
    /// Where it is on this machine.
    pub file: PathBuf,
    /// The format that is set for it.
    pub format: Option<Format>,
    /// Whether it was found by looking: such a file may go without being missed.
    pub found: bool,
}

impl Document {
    /// The file at `path` within `root`, which was named itself.
    #[must_use]
    pub fn named(root: &Path, path: &str, format: Option<Format>) -> Self {
        Self { id: document_slug(path), path: path.to_owned(), file: root.join(path), format, found: false }
    }

    /// Reads a text as the content of this document.
    #[must_use]
    pub fn parse(&self, text: &str) -> Plan {
        parse_as(self.format.unwrap_or_else(|| Format::detect(&self.path, text)), &self.path, text)
    }
}

/// The documents at `paths`, which are relative to `root` and mean one file each.
///
/// # Errors
/// No path at all, one that leads out of `root`, or two that would give their tasks the same ids.
pub fn configured(root: &Path, paths: &[PlanPath]) -> anyhow::Result<Vec<Document>> {
    if paths.is_empty() {
        bail!("`plan.paths` names no plan file; name at least one, like \"PLAN.md\"");
    }
    let mut taken: HashMap<String, &str> = HashMap::new();
    let mut documents = Vec::with_capacity(paths.len());
    for PlanPath { path: given, format } in paths {
        let document = Document::named(root, &within(root, given)?, *format);
        if let Some(other) = taken.insert(document.id.clone(), given) {
            bail!(
                "`plan.paths`: `{other}` and `{given}` would both be called `{}`, and their tasks could not be told \
                 apart; rename one of them or leave it out",
                document.id
            );
        }
        documents.push(document);
    }
    Ok(documents)
}

/// The path from `root`, without detours.
pub(crate) fn within(root: &Path, given: &str) -> anyhow::Result<String> {
    let outside = || format!("`plan.paths`: `{given}` is not a file within the repository {}", root.display());
    let path = Path::new(given);
    let path = if path.is_absolute() { path.strip_prefix(root).with_context(outside)? } else { path };
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().with_context(outside)?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => bail!(outside()),
        }
    }
    if parts.is_empty() {
        bail!(outside());
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured_in_r(paths: &[&str]) -> anyhow::Result<Vec<Document>> {
        configured(Path::new("/r"), &paths.iter().map(|path| PlanPath::from(*path)).collect::<Vec<_>>())
    }

    #[test]
    fn a_document_is_called_by_its_path_in_the_repository() {
        let documents = configured_in_r(&["./docs/PLAN.md", "/r/TODO.md"]).unwrap();
        let names: Vec<_> = documents.iter().map(|d| (d.id.as_str(), d.path.as_str())).collect();
        assert_eq!(names, [("docs-plan", "docs/PLAN.md"), ("todo", "TODO.md")]);
        assert_eq!(documents[0].file, Path::new("/r/docs/PLAN.md"));
    }

    #[test]
    fn two_paths_of_one_name_are_refused_and_both_are_named() {
        let refusal = configured_in_r(&["docs/plan.md", "docs-plan.md"]).unwrap_err().to_string();
        assert!(refusal.contains("`docs/plan.md` and `docs-plan.md`"), "{refusal}");
    }

    #[test]
    fn a_path_out_of_the_repository_is_refused() {
        assert!(configured_in_r(&["../PLAN.md"]).is_err());
        assert!(configured_in_r(&["/elsewhere/PLAN.md"]).is_err());
        assert!(configured_in_r(&["."]).is_err() && configured_in_r(&[]).is_err());
    }
}
