//! How a verified result reaches the target branch.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, SecretText};

/// How a verified result reaches the target branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LandingConfig {
    /// What is done with a verified result.
    pub mode: LandingMode,
    /// From how many results that wait for one target branch on they are verified and landed together.
    #[schemars(range(min = 2, max = 1_000))]
    pub batch_from: u32,
    /// How many results are verified and landed together at most; 1: each is verified by itself, so that every commit of
    /// the target branch was.
    #[schemars(range(min = 1, max = 64))]
    pub batch_max: u32,
    /// With `mode` "branch" or "pull-request": what the names of the branches begin with.
    pub branch_prefix: String,
    /// With `mode` "pull-request": how often a result goes back to an agent because of what was said of it, before a
    /// person is asked.
    #[schemars(range(max = 100))]
    pub max_rounds: u32,
    /// With `mode` "pull-request": where requests are opened.
    pub forge: ForgeConfig,
}

impl Default for LandingConfig {
    fn default() -> Self {
        Self {
            mode: LandingMode::Merge,
            batch_from: 3,
            batch_max: 8,
            branch_prefix: "coditect/task/".into(),
            max_rounds: 3,
            forge: ForgeConfig::default(),
        }
    }
}

/// What is done with a verified result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LandingMode {
    /// It goes onto the target branch, which completes the task.
    #[default]
    Merge,
    /// It is left on a branch of its own; a person's word completes the task.
    Branch,
    /// It is left on a branch of its own and put to people as a pull request; merging that completes the task.
    PullRequest,
}

impl LandingConfig {
    /// From how many results that wait on they land together, and how many at most.
    #[must_use]
    pub fn batch(&self) -> (usize, usize) {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        (count(self.batch_from), count(self.batch_max))
    }
}

impl LandingMode {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Branch => "branch",
            Self::PullRequest => "pull-request",
        }
    }
}

/// The service that keeps pull requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForgeKind {
    /// GitHub, or GitHub Enterprise.
    Github,
    /// GitLab, anybody's.
    Gitlab,
}

/// Where pull requests are opened.
///
/// The token comes from the environment variable `CODITECT_FORGE_TOKEN`, or from a file that `CODITECT_FORGE_TOKEN_FILE`
/// names; the orchestrator alone needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForgeConfig {
    /// Which service it is: "github" or "gitlab".
    pub kind: Option<ForgeKind>,
    /// The URL of its REST API, where it is not the public service: `https://HOST/api/v3` for GitHub Enterprise,
    /// `https://HOST/api/v4` for GitLab.
    pub api_url: Option<String>,
    /// The repository there, as `owner/name`; without one, what `repository.path` says.
    pub project: Option<String>,
    /// How often open requests are looked at, in milliseconds.
    #[schemars(range(min = 100, max = 86_400_000))]
    pub poll_interval_ms: u64,
    /// Who we are there. Only from the environment; the configuration file refuses it.
    #[schemars(skip)]
    pub token: Option<SecretText>,
}

impl Default for ForgeConfig {
    fn default() -> Self {
        Self { kind: None, api_url: None, project: None, poll_interval_ms: 30_000, token: None }
    }
}

impl ForgeConfig {
    /// How often open requests are looked at.
    #[must_use]
    pub const fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }

    /// The repository there, as `owner/name`: what is set, else what the repository's URL ends with.
    #[must_use]
    pub fn project(&self, repository: &str) -> Option<String> {
        if let Some(project) = &self.project {
            return Some(project.clone());
        }
        let path = match repository.split_once("://") {
            Some(("http" | "https" | "ssh", rest)) => rest.split_once('/')?.1,
            Some(_) => return None,
            // `git@host:owner/name.git`
            None => repository.split_once(':').filter(|(host, _)| !host.contains('/'))?.1,
        };
        let path = path.trim_matches('/').trim_end_matches(".git");
        is_project(path).then(|| path.to_owned())
    }
}

fn is_project(path: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(fine);
    path.contains('/') && path.split('/').all(part)
}

/// The rules that these settings break: each the setting, its value, and what was expected.
pub(super) fn broken(config: &Config) -> Vec<(String, Option<String>, String)> {
    let LandingConfig { mode, branch_prefix, forge, .. } = &config.landing;
    let mut broken = Vec::new();
    let mut refuse = |path: &str, value: Option<&str>, expected: &str| {
        broken.push((path.to_owned(), value.map(|value| format!("{value:?}")), expected.to_owned()));
    };
    if !super::rules::is_branch(&format!("{branch_prefix}x")) {
        let expected = "expected what the name of a git branch may begin with, like coditect/task/";
        refuse("landing.branch_prefix", Some(branch_prefix), expected);
    }
    if let Some(url) = forge.api_url.as_deref()
        && !["http://", "https://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    {
        refuse("landing.forge.api_url", Some(url), "expected a URL like https://git.example.org/api/v4");
    }
    if let Some(project) = forge.project.as_deref().filter(|project| !is_project(project)) {
        refuse("landing.forge.project", Some(project), "expected the repository there, like owner/name");
    }
    if *mode == LandingMode::PullRequest {
        if forge.kind.is_none() {
            let expected = "expected \"github\" or \"gitlab\", because `landing.mode` is \"pull-request\"";
            refuse("landing.forge.kind", None, expected);
        }
        if forge.project(&config.repository.path).is_none() {
            let expected = "expected the repository there, like owner/name: `repository.path` does not say it";
            refuse("landing.forge.project", None, expected);
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_read_from_every_kind_of_url() {
        let forge = ForgeConfig::default();
        for url in [
            "https://github.com/owner/name",
            "https://user@git.example.org/owner/name.git",
            "ssh://git@git.example.org:2222/owner/name.git",
            "git@github.com:owner/name.git",
        ] {
            assert_eq!(forge.project(url).as_deref(), Some("owner/name"), "{url}");
        }
        assert_eq!(forge.project("git@gitlab.com:group/sub/name.git").as_deref(), Some("group/sub/name"));
        for url in [".", "/srv/git/name.git", "file:///srv/git/name", "https://github.com"] {
            assert_eq!(forge.project(url), None, "{url}");
        }
        let set = ForgeConfig { project: Some("a/b".into()), ..forge };
        assert_eq!(set.project(".").as_deref(), Some("a/b"));
    }

    #[test]
    fn pull_requests_without_a_place_for_them_are_refused() {
        let mut config = Config::default();
        assert_eq!(broken(&config), []);
        config.landing.mode = LandingMode::PullRequest;
        let paths: Vec<_> = broken(&config).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(paths, ["landing.forge.kind", "landing.forge.project"]);
        config.landing.forge.kind = Some(ForgeKind::Gitlab);
        config.landing.forge.project = Some("owner/name".into());
        assert_eq!(broken(&config), []);
        config.landing.branch_prefix = "a b/".into();
        config.landing.forge.api_url = Some("git.example.org".into());
        config.landing.forge.project = Some("name".into());
        assert_eq!(broken(&config).len(), 3);
    }
}
