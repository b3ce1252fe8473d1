//! The committed reference of metrics agrees with the code.

use std::{env, fs, path::PathBuf};

use coditect_service::metrics::described::page;

#[test]
fn the_committed_page_is_the_generated_one() {
    let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../docs/metrics.md"].iter().collect();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, page()).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap();
    assert!(committed == page(), "stale: run `UPDATE_DOCS=1 cargo test -p coditect-service` and commit the result");
}
