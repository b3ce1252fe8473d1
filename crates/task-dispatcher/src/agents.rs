//! Which agent a task gets, and why: definitions from the folders of the configuration, its rules, and the tasks of the plan
//! whose agent is declared.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use coditect_catalog::{DeclaredTask, Definition, Matcher, Query, Rules, folder};
use coditect_service::Config;
use coditect_store::{AgentRow, Store, TaskRow};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

/// How often the folders are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// How deep folders are looked into, as when definitions are read.
const DEEPEST: usize = 16;

/// An agent for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The agent.
    pub agent: String,
    /// Why that one, in sentences.
    pub because: Vec<String>,
}

/// The agents there are.
#[derive(Debug)]
pub struct Agents {
    config: Arc<Config>,
    definitions: Vec<Definition>,
    matcher: Matcher,
    looked: Option<Instant>,
    /// What the folders and the plan looked like when they were last read.
    folders: Option<u64>,
    plan: Vec<(String, i64)>,
}

impl Agents {
    /// The agents of this configuration; none is defined before [`Agents::refresh`].
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        let matcher = Matcher::new(Vec::new(), rules(&config), Vec::new());
        Self { config, definitions: Vec::new(), matcher, looked: None, folders: None, plan: Vec::new() }
    }

    /// Follows this configuration from now on, where it is another one.
    pub fn follow(&mut self, config: &Arc<Config>) -> &mut Self {
        if !Arc::ptr_eq(&self.config, config) {
            *self = Self::new(Arc::clone(config));
        }
        self
    }

    /// Whether it is time for [`Agents::refresh`].
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.looked.is_none_or(|at| at.elapsed() >= EVERY)
    }

    /// Reads the definitions again where their folders have changed, and the plan's declarations where the plan has. What was
    /// found is kept in the database, where others read it.
    ///
    /// # Errors
    /// The database failed. A folder that cannot be read is a warning, and what was known stays.
    pub async fn refresh(&mut self, store: &Store, now_ms: i64) -> anyhow::Result<()> {
        self.looked = Some(Instant::now());
        let directories = directories(&self.config);
        let (folders, found) = {
            let before = self.folders;
            tokio::task::spawn_blocking(move || {
                let now = fingerprint(&directories);
                (now, (Some(now) != before).then(|| folder::read_all(&directories)))
            })
            .await?
        };
        let plan: Vec<_> = store.documents().await?.into_iter().map(|row| (row.id, row.revision)).collect();
        if found.is_none() && plan == self.plan {
            return Ok(());
        }
        match found {
            Some(Ok(found)) => {
                for warning in &found.warnings {
                    warn!("{warning}");
                }
                keep(store, &found.definitions, now_ms).await?;
                info!(agents = found.definitions.len(), "agent definitions read");
                self.definitions = found.definitions;
            }
            Some(Err(error)) => {
                let cause = format!("{:#}", anyhow::Error::new(error));
                warn!(cause, "agent definitions were not read; mend `agents.directories`, or the folder");
            }
            None => {}
        }
        let declared = store.tasks().await?.into_iter().filter_map(|task| {
            let agent = task.agent?;
            let (key, title, description) = (task.id.to_string(), task.title, task.description);
            Some(DeclaredTask { key, title, description, section: task.section, steps: task.steps, agent })
        });
        self.matcher = Matcher::new(self.definitions.clone(), rules(&self.config), declared.collect());
        for trouble in self.matcher.troubles() {
            warn!(setting = trouble.setting, agent = trouble.agent, "a setting names an agent that is not defined");
        }
        (self.folders, self.plan) = (Some(folders), plan);
        Ok(())
    }

    /// The agent of a task: the one that a person gave it to, else the one that fits best.
    #[must_use]
    pub fn choose(&self, task: &TaskRow) -> Choice {
        if let Some(agent) = &task.agent_override {
            return Choice { agent: agent.clone(), because: vec!["a person gave the task to it".to_owned()] };
        }
        let found = self.matcher.choose(&Query {
            key: task.id.to_string(),
            title: task.title.clone(),
            description: task.description.clone(),
            section: task.section.clone(),
            steps: task.steps.clone(),
            declared: task.agent.clone(),
        });
        Choice { agent: found.chosen, because: found.because }
    }
}

fn rules(config: &Config) -> Rules {
    config.agents.rules(&config.dispatch.default_agent)
}

/// The folders of definitions, as paths that mean the same to every process.
fn directories(config: &Config) -> Vec<PathBuf> {
    let repository = Path::new(&config.repository.path);
    // A repository elsewhere has no folders here.
    let base = if repository.is_dir() { repository } else { Path::new("") };
    let absolute = |folder: PathBuf| std::path::absolute(&folder).unwrap_or(folder);
    config.agents.folders(base).into_iter().map(absolute).collect()
}

/// What the markdown files below the folders look like from outside: their names, sizes and times.
fn fingerprint(directories: &[PathBuf]) -> u64 {
    let mut files = Vec::new();
    for folder in directories {
        list(folder, DEEPEST, &mut files);
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish()
}

fn list(folder: &Path, deep: usize, files: &mut Vec<(PathBuf, u64, Option<std::time::SystemTime>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && deep > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&path, deep - 1, files);
        } else if !hidden
            && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"))
            && let Ok(data) = fs::metadata(&path)
        {
            files.push((path, data.len(), data.modified().ok()));
        }
    }
}

async fn keep(store: &Store, definitions: &[Definition], now_ms: i64) -> anyhow::Result<()> {
    let rows: Vec<_> = definitions
        .iter()
        .map(|one| AgentRow {
            name: one.name.clone(),
            description: one.description.clone(),
            path: one.path.clone(),
            hash: hash(one),
            updated_at_ms: now_ms,
        })
        .collect();
    let mut tx = store.begin().await?;
    tx.replace_agents(&rows).await?;
    tx.commit().await?;
    Ok(())
}

fn hash(definition: &Definition) -> String {
    let digest = Sha256::digest(format!("{definition:?}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
