//! Paths that no result changes without a person's word, as globs.

use globset::{GlobBuilder, GlobMatcher};

/// Where the common forges read what they run, with their secrets, on every push.
pub const DEFAULT: [&str; 9] = [
    ".github/workflows/**",
    ".github/actions/**",
    ".gitlab-ci.yml",
    ".circleci/**",
    ".buildkite/**",
    ".travis.yml",
    "/Jenkinsfile",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
];

/// A set of guarded paths; the last glob that fits a path decides on it.
#[derive(Debug, Clone, Default)]
pub struct Guarded(Vec<(bool, Vec<GlobMatcher>)>);

impl Guarded {
    /// The paths that the globs mean.
    ///
    /// # Errors
    /// A glob cannot be understood.
    pub fn new<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<Self, globset::Error> {
        globs.into_iter().map(matchers).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the path, from the root of the repository on, is guarded.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let fits = |(_, globs): &&(bool, Vec<GlobMatcher>)| globs.iter().any(|glob| glob.is_match(path));
        self.0.iter().rev().find(fits).is_some_and(|(guards, _)| *guards)
    }
}

/// Whether a glob guards, and what it means: the path itself, and all that is in it.
fn matchers(glob: &str) -> Result<(bool, Vec<GlobMatcher>), globset::Error> {
    let (guards, text) = glob.strip_prefix('!').map_or((true, glob), |rest| (false, rest));
    let text = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
    let text = match text.strip_prefix('/') {
        Some(rooted) => rooted.to_owned(),
        None if text.contains('/') || text.is_empty() => text.to_owned(),
        None => format!("**/{text}"),
    };
    let build = |text: &str| Ok(GlobBuilder::new(text).literal_separator(true).build()?.compile_matcher());
    Ok((guards, vec![build(&text)?, build(&format!("{text}/**"))?]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn a_glob_guards_paths_and_what_is_in_them() {
        let guarded =
            Guarded::new(["ci/**", "Makefile", "/setup.py", "deploy/", "!deploy/notes.md", "*.lock"]).unwrap();
        for path in ["ci/a.yml", "ci/x/b.yml", "Makefile", "sub/Makefile", "setup.py", "deploy/a", "x/Cargo.lock"] {
            assert!(guarded.has(path), "{path}");
        }
        for path in ["ci.yml", "sub/setup.py", "deploy/notes.md", "Makefile.am", "deployment", "src/ci/x"] {
            assert!(!guarded.has(path), "{path}");
        }
    }

    #[test]
    fn what_continuous_integration_reads_is_guarded_unless_told_otherwise() {
        let guarded = Guarded::new(DEFAULT).unwrap();
        assert!(guarded.has(".github/workflows/ci.yml") && guarded.has(".gitlab-ci.yml") && guarded.has("Jenkinsfile"));
        assert!(!guarded.has(".github/CODEOWNERS") && !guarded.has("src/main.rs") && !guarded.has("docs/Jenkinsfile"));
        assert!(Guarded::new(["a[b"]).is_err());
    }
}
