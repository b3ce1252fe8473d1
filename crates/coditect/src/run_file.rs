//! `.coditect/run.json`: where a running `coditect up` can be reached. Only its owner can read it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, at};

/// The folder of a project that everything of a run lives in.
pub(crate) const FOLDER: &str = ".coditect";

/// The name of the file in it.
pub(crate) const NAME: &str = "run.json";

/// What a running `coditect up` says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// Of `coditect up` itself.
    pub(crate) pid: u32,
    /// The project's name, which is part of every key in Redis.
    pub(crate) project: String,
    /// gRPC endpoint of the orchestrator.
    pub(crate) orchestrator: String,
    /// gRPC endpoint of the dependency-resolver.
    pub(crate) dependency_resolver: String,
    /// gRPC endpoint of the sync-daemon.
    pub(crate) sync_daemon: String,
    /// gRPC endpoint of the task-dispatcher.
    pub(crate) task_dispatcher: String,
    /// gRPC endpoint of the agent-executor.
    pub(crate) agent_executor: String,
    /// The private Redis.
    pub(crate) redis_url: String,
    /// The database, without a password.
    pub(crate) database_url: String,
    /// Where the dashboard and the API are.
    pub(crate) http: String,
    /// When the run began.
    pub(crate) started_at_ms: i64,
    /// The processes by name, as they are now.
    #[serde(default)]
    pub(crate) processes: BTreeMap<String, u32>,
}

impl RunFile {
    /// The run file of the project that `folder` is in, found by walking up.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.ancestors().map(|folder| folder.join(FOLDER).join(NAME)).find(|path| path.is_file());
        path.map(|path| Self::read(&path)).transpose()
    }

    /// Whether the `coditect up` that wrote it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid).map(nix::unistd::Pid::from_raw);
        pid.is_ok_and(|pid| nix::sys::signal::kill(pid, None).is_ok())
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(at("read", path))?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::wrong(format!("{} is not what `coditect up` writes: {error}", path.display()))
                .help("remove the file and start `coditect up` again")
        })
    }

    /// Writes the file so that a reader sees either the old or the new.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Failure::wrong(error.to_string()))?;
        private(&folder.join(NAME), &format!("{text}\n"))
    }

    /// Removes the file.
    pub(crate) fn remove(folder: &Path) {
        let _ = fs::remove_file(folder.join(NAME));
    }
}

/// Writes a file that only its owner can read, in one step.
pub(crate) fn private(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(at("write", path))
}
