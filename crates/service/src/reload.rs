//! Follows the configuration file: when it changes, and on SIGHUP, what may change is taken over. A file that is refused
//! changes nothing.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use tracing::{info, warn};

use crate::{
    Config, Readiness,
    config::{DEFAULT_FILE, Reloaded, reload},
    telemetry::Telemetry,
};

/// How often the file is looked at. Not watched: what replaces files on a cluster does so by exchanging folders.
const EVERY: Duration = Duration::from_secs(2);

/// What `/readyz` calls it.
const NOTE: &str = "configuration";

/// Who follows the file.
pub(crate) struct Follower {
    file: Option<PathBuf>,
    live: watch::Sender<Arc<Config>>,
    readiness: Readiness,
    telemetry: Arc<Telemetry>,
    hangup: Signal,
}

impl Follower {
    /// Begins to listen for SIGHUP. Call it within the runtime.
    pub(crate) fn new(
        file: Option<PathBuf>,
        live: watch::Sender<Arc<Config>>,
        readiness: Readiness,
        telemetry: Arc<Telemetry>,
    ) -> io::Result<Self> {
        Ok(Self { file, live, readiness, telemetry, hangup: signal(SignalKind::hangup())? })
    }

    /// Does not return.
    pub(crate) async fn run(mut self) {
        let file = self.file.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        // The first look compares: the file may have changed since it was loaded.
        let mut seen = None;
        loop {
            let asked = tokio::select! {
                Some(()) = self.hangup.recv() => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            let now = read(&file).await;
            if asked || now != seen {
                seen = now;
                self.reload(asked).await;
            }
        }
    }

    async fn reload(&self, asked: bool) {
        let file = self.file.clone();
        let loaded = tokio::task::spawn_blocking(move || Config::load(file.as_deref())).await;
        let Ok(loaded) = loaded else { return };
        match loaded {
            Ok(new) => self.apply(&new, asked),
            Err(error) => {
                let cause = format!("{:#}", anyhow::Error::new(error));
                warn!(cause, "the changed configuration is refused; the one from before stays");
                self.readiness.note(NOTE, format!("the changed one is refused, the one from before stays: {cause}"));
            }
        }
    }

    fn apply(&self, new: &Config, asked: bool) {
        let old = self.live.borrow().clone();
        let Reloaded { config, applied, restart } = reload(&old, new);
        if config.log != old.log
            && let Err(error) = self.telemetry.set_level(&config.log)
        {
            let cause = format!("{:#}", anyhow::Error::new(error));
            warn!(cause, "the changed configuration is refused; the one from before stays");
            self.readiness.note(NOTE, format!("the changed one is refused, the one from before stays: {cause}"));
            return;
        }
        let (follows, waits) = (applied.join(", "), restart.join(", "));
        match (applied.is_empty(), restart.is_empty()) {
            (true, true) if asked => info!("the configuration is read again; nothing has changed"),
            (true, true) => {}
            (_, true) => info!(applied = follows, "the configuration has changed"),
            (_, false) => warn!(applied = follows, restart = waits, "some of what changed needs a restart"),
        }
        self.readiness.note(
            NOTE,
            match restart.is_empty() {
                true => "as in the file".to_owned(),
                false => format!("as in the file, but for what needs a restart: {waits}"),
            },
        );
        if !applied.is_empty() {
            self.live.send_replace(Arc::new(config));
        }
    }
}

/// What is in the file, if it can be read.
async fn read(file: &Path) -> Option<Vec<u8>> {
    tokio::fs::read(file).await.ok()
}
