//! Where the system runs: as processes of this machine ([`crate::system`]), or in containers ([`crate::compose`]).

use std::path::PathBuf;

use serde_json::Value;

/// Something that must hold, and what speaks against it.
pub type Check = (String, Vec<String>);

/// A place where the system runs on the example.
pub trait Place {
    /// The database, to count in.
    fn database(&self) -> String;

    /// Runs the plan to its end. False: nothing can move without a person.
    ///
    /// # Errors
    /// The system cannot be run, or does not end.
    fn work(&self) -> anyhow::Result<bool>;

    /// Starts the system again and asks how it stands: what it knows after a restart is what it has kept.
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    fn again(&self) -> anyhow::Result<Value>;

    /// What must hold in this place besides.
    ///
    /// # Errors
    /// It cannot be found out.
    fn checks(&self) -> anyhow::Result<Vec<Check>> {
        Ok(Vec::new())
    }

    /// The repository, to count in.
    ///
    /// # Errors
    /// It cannot be had.
    fn repository(&self) -> anyhow::Result<PathBuf>;
}
