//! Compiles `/proto` in pure Rust: nothing has to be installed.

use std::path::PathBuf;

/// The messages that the REST API answers with, or takes: one model for both.
const REST: [&str; 37] = [
    "Account",
    "Agent",
    "Answer",
    "Attempt",
    "Backup",
    "Breaker",
    "Dependency",
    "Epic",
    "DeliveredResult",
    "Event",
    "Figure",
    "ForecastResponse",
    "ForecastTask",
    "GraphEdge",
    "GraphNode",
    "GraphResponse",
    "HistoryBucket",
    "HistoryResponse",
    "ListAccountsResponse",
    "ListAgentsResponse",
    "ListBackupsResponse",
    "ListQueuesResponse",
    "ListRunsResponse",
    "ListTasksResponse",
    "HeldResult",
    "LogLine",
    "PauseResponse",
    "PlanProblem",
    "QueueGroup",
    "ReadLogResponse",
    "Related",
    "Root",
    "Status",
    "Task",
    "TaskDetail",
    "Unmet",
    "WhyResponse",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let services = ["orchestrator", "sync_daemon", "dependency_resolver", "task_dispatcher", "agent_executor"];
    let files = services.map(|name| root.join(format!("coditect/v1/{name}.proto")));
    let descriptors = protox::compile(&files, [&root])?;
    let path = PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::write(&path, prost::Message::encode_to_vec(&descriptors))?;
    let build = tonic_prost_build::configure().btree_map(".coditect.v1");
    let build = REST.iter().fold(build, |build, name| {
        let derive = "#[derive(serde::Serialize, utoipa::ToSchema)]";
        build.type_attribute(format!(".coditect.v1.{name}"), derive)
    });
    build.compile_fds(descriptors)?;
    Ok(())
}
