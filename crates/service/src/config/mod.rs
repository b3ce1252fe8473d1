//! The configuration: what can be set, where it is read from, and what is refused.
//!
//! Defaults, then the JSON file, then `CODITECT_<SECTION>__<KEY>`, then `DATABASE_URL` and `REDIS_URL`; what comes
//! later wins. The doc comments of the sections are the descriptions in the generated JSON Schema.

mod accounts;
mod agents;
mod environment;
mod error;
mod gateway;
mod http;
mod infrastructure;
mod landing;
mod load;
mod plan_path;
mod prompt;
mod reload;
mod rules;
mod runtimes;
mod sandbox;
mod secret;
mod verify;
mod work;
mod worktree;

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use accounts::{AccountConfig, BreakerConfig, BudgetConfig, micros};
pub use agents::{AgentRule, AgentsConfig};
pub use environment::{Environment, variable};
pub use error::{ConfigError, Problem};
pub use gateway::PriceConfig;
pub use http::{BackupConfig, HttpConfig};
pub use infrastructure::{
    AdminListenConfig, DatabaseConfig, GrpcListenConfig, ListenConfig, LogConfig, LogFormat, RedisConfig,
    ShutdownConfig,
};
pub use landing::{ForgeConfig, ForgeKind, LandingConfig, LandingMode};
pub use load::DEFAULT_FILE;
pub use plan_path::PlanPath;
pub use prompt::PromptConfig;
pub use reload::{Live, Reloaded, reload};
pub use runtimes::{CodexConfig, CodexSandbox, GeminiConfig, OpencodeApi, OpencodeConfig};
pub use sandbox::{SandboxConfig, SandboxMode, SandboxNetwork};
pub use secret::{SecretText, SecretUrl};
pub use verify::{RemovedTests, VerifyConfig};
pub use work::{
    ClaudeConfig, CyclePolicy, CyclesConfig, DispatchConfig, ExecutorConfig, OptionalTasks, PermissionMode, PlanConfig,
    PlanSource, ProjectConfig, ReconcileConfig, RepositoryConfig, RetryConfig, Runtime,
};
pub use worktree::WorktreeConfig;

use crate::ServiceName;

/// Settings of the CODITECT orchestration system. Every one has a default; environment variables named
/// `CODITECT_<SECTION>__<KEY>` override the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The project that is worked on.
    pub project: ProjectConfig,
    /// The plan files.
    pub plan: PlanConfig,
    /// Tasks that wait for each other.
    pub cycles: CyclesConfig,
    /// The git repository that agents change.
    pub repository: RepositoryConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// How ready tasks are given to agents.
    pub dispatch: DispatchConfig,
    /// Where agents are defined, what they are called, and which tasks they get.
    pub agents: AgentsConfig,
    /// The accounts that attempts are charged to, by name.
    pub accounts: BTreeMap<String, AccountConfig>,
    /// What may be spent.
    pub budget: BudgetConfig,
    /// What models cost, by the beginning of their names, where it is not what the price lists of their services say.
    pub pricing: BTreeMap<String, PriceConfig>,
    /// When an agent or an account that keeps failing is left alone.
    pub breaker: BreakerConfig,
    /// How agents are run.
    pub executor: ExecutorConfig,
    /// The folders that agents work in.
    pub worktree: WorktreeConfig,
    /// What agents are told beside their task.
    pub prompt: PromptConfig,
    /// How results are verified.
    pub verify: VerifyConfig,
    /// How a verified result reaches the target branch.
    pub landing: LandingConfig,
    /// What follows a failed attempt.
    pub retry: RetryConfig,
    /// The loops that repair.
    pub reconcile: ReconcileConfig,
    /// The addresses that services listen on.
    pub listen: ListenConfig,
    /// Who may use the dashboard and the REST API.
    pub http: HttpConfig,
    /// Backups of the database.
    pub backup: BackupConfig,
    /// How services stop.
    pub shutdown: ShutdownConfig,
    /// What services log.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            project: Default::default(),
            plan: Default::default(),
            cycles: Default::default(),
            repository: Default::default(),
            database: Default::default(),
            redis: Default::default(),
            dispatch: Default::default(),
            agents: Default::default(),
            accounts: accounts::default_accounts(),
            budget: Default::default(),
            pricing: Default::default(),
            breaker: Default::default(),
            http: Default::default(),
            backup: Default::default(),
            executor: Default::default(),
            worktree: Default::default(),
            prompt: Default::default(),
            verify: Default::default(),
            landing: Default::default(),
            retry: Default::default(),
            reconcile: Default::default(),
            listen: Default::default(),
            shutdown: Default::default(),
            log: Default::default(),
        }
    }
}

impl Config {
    /// The configuration from `file` and this process's environment.
    ///
    /// Without `file`, [`DEFAULT_FILE`] is read if it exists.
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong, where, and what was expected.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_from(file, &Environment::of_process()?)
    }

    /// The configuration from `file` and `environment`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_from(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        load::load(file, environment)
    }

    /// The JSON Schema of the configuration file.
    #[must_use]
    pub fn schema() -> Value {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut schema = settings.into_generator().into_root_schema_for::<Self>().to_value();
        if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
            properties.insert("$schema".into(), json!({ "description": "The schema, for editors.", "type": "string" }));
        }
        schema
    }

    /// The address of `service`'s gRPC server, and the configuration key that holds it.
    #[must_use]
    pub fn grpc_address(&self, service: ServiceName) -> (SocketAddr, String) {
        let GrpcListenConfig { orchestrator, sync_daemon, dependency_resolver, task_dispatcher, agent_executor } =
            &self.listen.grpc;
        let address = match service {
            ServiceName::Orchestrator => orchestrator,
            ServiceName::SyncDaemon => sync_daemon,
            ServiceName::DependencyResolver => dependency_resolver,
            ServiceName::TaskDispatcher => task_dispatcher,
            ServiceName::AgentExecutor => agent_executor,
        };
        (*address, format!("listen.grpc.{}", service.key()))
    }

    /// The address of `service`'s admin port, and the configuration key that holds it.
    #[must_use]
    pub fn admin_address(&self, service: ServiceName) -> (SocketAddr, String) {
        let AdminListenConfig { orchestrator, sync_daemon, dependency_resolver, task_dispatcher, agent_executor } =
            &self.listen.admin;
        let address = match service {
            ServiceName::Orchestrator => orchestrator,
            ServiceName::SyncDaemon => sync_daemon,
            ServiceName::DependencyResolver => dependency_resolver,
            ServiceName::TaskDispatcher => task_dispatcher,
            ServiceName::AgentExecutor => agent_executor,
        };
        (*address, format!("listen.admin.{}", service.key()))
    }
}
