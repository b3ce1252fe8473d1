//! The five services, by name.

use std::fmt;

/// A service of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceName {
    /// Moves tasks through their lifecycle and speaks with people.
    Orchestrator,
    /// Keeps plan files and the database in step.
    SyncDaemon,
    /// Decides which tasks may start.
    DependencyResolver,
    /// Gives ready tasks to agents.
    TaskDispatcher,
    /// Runs the agents.
    AgentExecutor,
}

impl ServiceName {
    /// All of them, in the order in which they are started.
    pub const ALL: [Self; 5] =
        [Self::Orchestrator, Self::SyncDaemon, Self::DependencyResolver, Self::TaskDispatcher, Self::AgentExecutor];

    /// The name of the binary.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::SyncDaemon => "sync-daemon",
            Self::DependencyResolver => "dependency-resolver",
            Self::TaskDispatcher => "task-dispatcher",
            Self::AgentExecutor => "agent-executor",
        }
    }

    /// The name as a key of the configuration.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::SyncDaemon => "sync_daemon",
            Self::DependencyResolver => "dependency_resolver",
            Self::TaskDispatcher => "task_dispatcher",
            Self::AgentExecutor => "agent_executor",
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
