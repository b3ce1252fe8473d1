//! The commands, one file a group.

pub(crate) mod agents;
pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod conflicts;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod queue;
pub(crate) mod runs;
pub(crate) mod status;
pub(crate) mod task;
