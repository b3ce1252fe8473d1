//! `cargo xtask alerts`: the alert rules, their tests, and the queries of the Grafana dashboard, all by `promtool`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::cargo::{root, target_directory};
use crate::install::ensure as ensure_tool;
use crate::report;
use crate::tool::Tool;

const RULES: &str = "ops/alerts/coditect.rules.yaml";
const TESTS: &str = "ops/alerts/tests.yaml";
const DASHBOARD: &str = "ops/grafana/coditect.json";

/// What Grafana puts in itself, and something of the same kind that Prometheus understands.
const VARIABLES: [(&str, &str); 3] = [("$__rate_interval", "5m"), ("$namespace", "n"), ("$agent", "a")];

/// Checks all of it, and says that it is well.
pub(crate) fn run(install: bool) -> anyhow::Result<bool> {
    ensure_tool(Tool::Promtool, install)?;
    check()?;
    report::say("alerts and dashboard: ok");
    Ok(true)
}

/// Checks all of it.
///
/// # Errors
/// What `promtool` does not like, or an alert or a query that names a metric there is none of.
pub(crate) fn check() -> anyhow::Result<()> {
    promtool(&["check", "rules", "--lint-fatal", RULES])?;
    promtool(&["test", "rules", TESTS])?;
    let rules = read(RULES)?;
    let tests = read(TESTS)?;
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let fires = format!("- alertname: {alert}\n");
        ensure!(tests.contains(&fires), "{TESTS}: nothing shows when {alert} fires");
        ensure!(tests.contains(&format!("alertname: {alert}, ")), "{TESTS}: nothing shows when {alert} does not fire");
    }
    // Grafana would show a broken query as an empty panel: have it read as a rule.
    let text = read(DASHBOARD)?;
    let dashboard: Value = serde_json::from_str(&text).with_context(|| format!("{DASHBOARD} is not JSON"))?;
    let queries = queries(&dashboard)?;
    let rules_of: Vec<Value> =
        queries.iter().map(|query| serde_json::json!({ "record": "panel", "expr": query })).collect();
    let groups = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules_of }] });
    let file = target_directory()?.join("dashboard-queries.yaml");
    fs::write(&file, groups.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    promtool(&["check", "rules", "--lint=none", &file.to_string_lossy()])
        .context("a query of the Grafana dashboard")?;
    Ok(())
}

/// The queries of the panels, with Grafana's own variables replaced.
fn queries(dashboard: &Value) -> anyhow::Result<BTreeSet<String>> {
    let panels = dashboard["panels"].as_array().with_context(|| format!("{DASHBOARD} has no panels"))?;
    let mut queries = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = &panel["title"];
        let targets = panel["targets"].as_array().filter(|targets| !targets.is_empty());
        for target in targets.with_context(|| format!("{DASHBOARD}: {title} asks for nothing"))? {
            let query = target["expr"].as_str().with_context(|| format!("{DASHBOARD}: {title} has no expression"))?;
            let plain = VARIABLES.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
            ensure!(!plain.contains('$'), "{DASHBOARD}: {title}: an unknown variable in `{query}`");
            queries.insert(plain);
        }
    }
    Ok(queries)
}

fn read(file: &str) -> anyhow::Result<String> {
    fs::read_to_string(root().join(file)).with_context(|| format!("cannot read {file}"))
}

fn promtool(arguments: &[&str]) -> anyhow::Result<()> {
    let output =
        Command::new("promtool").args(arguments).current_dir(root()).output().context("cannot run promtool")?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    ensure!(output.status.success(), "promtool {}:\n{}", arguments.join(" "), said.join("\n").trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_asks_in_every_panel() {
        let dashboard = serde_json::from_str(&read(DASHBOARD).unwrap()).unwrap();
        let queries = queries(&dashboard).unwrap();
        assert!(queries.len() > 10 && queries.iter().all(|query| query.contains("coditect_")), "{queries:?}");
    }
}
