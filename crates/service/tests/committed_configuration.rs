//! The committed configuration files agree with the code.

use std::{env, fs, path::PathBuf};

use coditect_service::{Config, config::Environment};
use serde_json::Value;

fn committed(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../config", name].iter().collect()
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let file = committed("orchestrator-config.schema.json");
    let generated = Config::schema();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, format!("{generated:#}\n")).unwrap();
    }
    // Compared as JSON: the order of keys depends on what else is built along.
    let committed: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert!(committed == generated, "stale: run `UPDATE_DOCS=1 cargo test -p coditect-service` and commit the result");
}

#[test]
fn the_committed_configuration_loads_and_holds_the_defaults() {
    let config = Config::load_from(Some(&committed("orchestrator-config.json")), &Environment::default()).unwrap();
    assert_eq!(config, Config::default());
}
