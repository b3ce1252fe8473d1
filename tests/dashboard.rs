//! The dashboard in a real browser, while a plan runs. Skipped, with a word, where there is no Chromium or the dashboard was
//! not built (`cargo xtask dashboard`), unless `CI=true`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coditect_tests::{Project, plan, wait_until};

/// The folder of the dashboard, with what its test needs.
fn dashboard() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard");
    let ready = folder.join("dist/index.html").is_file() && folder.join("node_modules").is_dir();
    let hint = "it takes chromium and `cargo xtask dashboard`";
    if !ready || chromium().is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{hint}");
        println!("skipped: {hint}");
        return None;
    }
    Some(folder)
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file())
}

#[test]
fn people_see_and_steer_a_running_plan_in_a_browser() {
    let (Some(folder), Some(chromium)) = (dashboard(), chromium()) else { return };
    let project = Project::new(&plan(24, "sleep 1"));
    let _up = project.up(&[]);
    let mut address = String::new();
    wait_until("the dashboard is served", || {
        let run = std::fs::read(project.path().join(".coditect/run.json")).unwrap_or_default();
        let run: serde_json::Value = serde_json::from_slice(&run).unwrap_or_default();
        address = run["http"].as_str().unwrap_or_default().to_owned();
        !address.is_empty() && String::from_utf8_lossy(&project.coditect(&["status"]).stdout).contains("/24 done")
    });
    let output = Command::new("npm")
        .args(["run", "--silent", "e2e"])
        .current_dir(folder)
        .env("CODITECT_URL", &address)
        .env("CHROMIUM", chromium)
        .env("E2E_CHANGE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
}
