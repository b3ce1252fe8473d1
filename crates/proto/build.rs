//! Compiles `/proto` in pure Rust: nothing has to be installed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let services = ["orchestrator", "sync_daemon", "dependency_resolver", "task_dispatcher", "agent_executor"];
    let files = services.map(|name| root.join(format!("coditect/v1/{name}.proto")));
    let descriptors = protox::compile(&files, [&root])?;
    let path = PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::write(&path, prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
