//! Every metric there is: its name, what it counts, who tells of it. `docs/metrics.md` is made from this.

use std::fmt::Write as _;

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Its name, without the prefix `coditect_`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Who tells of it.
    pub source: Source,
    /// What it says, without a full stop.
    pub help: &'static str,
}

/// The kinds of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// Where numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The leading orchestrator counts it in the database (or in Redis) at each scrape: a restart forgets nothing.
    Database,
    /// This service counts what it sees, since it was started.
    Service(&'static str),
    /// Every service tells it of itself.
    Every,
}

macro_rules! described {
    ($($name:ident = $kind:ident $text:literal [$($label:literal),*] $source:expr, $help:literal;)+) => {
        $(
            #[doc = concat!("`coditect_", $text, "`: ", $help, ".")]
            pub const $name: Description = Description {
                name: $text,
                kind: Kind::$kind,
                labels: &[$($label),*],
                source: $source,
                help: $help,
            };
        )+

        /// All of them.
        pub const ALL: &[Description] = &[$($name),+];
    };
}

described! {
    TASKS = Gauge "tasks_total" ["agent", "status"] Source::Database,
        "Tasks by the agent that has or had them (or that the plan names) and by state";
    TASK_DURATION = Histogram "task_duration_seconds" ["agent"] Source::Database,
        "Time from the claim of an attempt until it landed";
    DISPATCH_LATENCY = Histogram "dispatch_latency_seconds" [] Source::Service("task-dispatcher"),
        "Time from ready to assigned";
    QUEUE_DEPTH = Gauge "queue_depth" ["queue"] Source::Database,
        "Entries of a stream that its slowest group has not acknowledged";
    BREAKER_STATE = Gauge "circuit_breaker_state" ["scope", "name"] Source::Database,
        "0 closed, 1 open, 2 half open";
    RETRIES = Counter "retry_attempts_total" ["agent", "failure"] Source::Database,
        "Attempts that followed a failed one, by the agent and the failure of that one";
    AGENT_UTILIZATION = Gauge "agent_utilization" ["agent"] Source::Database,
        "The share of all executors' slots that the agent's attempts take";
    AUTONOMY = Gauge "autonomy_ratio" [] Source::Database,
        "Of the attempted tasks that rest, the share that landed without a person";
    SUCCESS = Gauge "success_ratio" [] Source::Database,
        "Of the attempted tasks that landed, need a person or were given up, the share that landed";
    COST = Counter "cost_usd_total" ["account", "agent"] Source::Database,
        "What attempts cost, in US dollars";
    TOKENS = Counter "tokens_total" ["account", "agent", "direction"] Source::Database,
        "Tokens that attempts took in and gave out";
    ACCOUNT_PAUSED = Gauge "account_paused" ["account"] Source::Database,
        "1 while an account takes no new attempts";
    RUNS_ACTIVE = Gauge "runs_active" ["executor"] Source::Database,
        "Attempts that are under way";
    PLAN_SYNC = Histogram "plan_sync_seconds" ["direction"] Source::Service("sync-daemon"),
        "Time to take a changed file over (`to_database`) or to tick boxes in one (`to_plan`)";
    PLAN_CONFLICTS = Counter "plan_conflicts_total" [] Source::Database,
        "Tasks of which plan and database were both changed, to different things";
    GATE_REJECTIONS = Counter "gate_rejections_total" ["gate"] Source::Database,
        "Attempts whose result was refused: `verify`, `merge` or `change` (there was none)";
    LEADER = Gauge "leader" ["service"] Source::Every,
        "1 where this instance leads, 0 where it stands by";
    REPAIRS = Counter "reconcile_repairs_total" ["kind"] Source::Every,
        "What periodic looks found and mended: `lost_attempt`, `offered_again`, `readiness`";
    BUILD = Gauge "build_info" ["version", "service"] Source::Every,
        "Always 1; the labels say which version runs";
}

/// The reference page.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\n<!-- Made from crates/service/src/metrics/described.rs; after changes there run\n     \
         `UPDATE_DOCS=1 cargo test -p coditect-service`. -->\n\n\
         Every service serves `/metrics` on its admin port, in the text format of OpenMetrics, which Prometheus reads.\n\n\
         What the database knows is counted there, at each scrape, by the orchestrator that leads: such counters survive\n\
         restarts, and a change of leaders moves them to another instance (sum or take the maximum over instances). The\n\
         others count what a service sees from its start on, as Prometheus expects. A metric of which there is nothing to\n\
         tell yet is absent.\n\n\
         | metric | kind | labels | told by | what it says |\n|---|---|---|---|---|\n",
    );
    for Description { name, kind, labels, source, help } in ALL {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let source = match source {
            Source::Database => "the leading orchestrator",
            Source::Service(name) => name,
            Source::Every => "every service",
        };
        let _ = writeln!(page, "| `coditect_{name}` | {kind} | {labels} | {source} | {help} |");
    }
    page
}
