//! What types cannot say: the ranges in the schema, and how settings must fit together.

use coditect_core::RetryPolicy;
use serde_json::Value;

use super::{Config, Runtime, SecretText, SecretUrl, accounts};

/// A broken rule: the setting, its value unless secret, and what was expected.
type Broken = (String, Option<String>, String);

/// Whether the value of `path` must not be shown.
pub(super) fn is_secret(path: &str) -> bool {
    matches!(path, "http.token" | "plan.webhook_secret" | "landing.forge.token")
        || ["database", "redis"].iter().any(|section| path == *section || path.starts_with(&format!("{section}.")))
}

/// Every rule that `config` breaks. `in_file` says whether a setting comes from the configuration file.
pub(super) fn broken(config: &Config, in_file: impl Fn(&str) -> bool) -> Vec<Broken> {
    let mut broken = Vec::new();
    let values = serde_json::to_value(config).unwrap_or_default();
    ranges(&Config::schema(), &values, "", &mut broken);
    names(config, &mut broken);
    combinations(config, &mut broken);
    broken.extend(accounts::broken(config));
    broken.extend(super::agents::broken(&config.agents));
    broken.extend(super::gateway::broken(&config.pricing));
    broken.extend(super::sandbox::broken(&config.executor.sandbox));
    broken.extend(super::landing::broken(config));
    broken.extend(super::prompt::broken(&config.prompt));
    broken.extend(super::worktree::broken(&config.worktree));
    broken.extend(super::verify::broken(config));
    url("database.url", &config.database.url, &["sqlite", "postgres", "postgresql"], &in_file, &mut broken);
    let redis = ["redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"];
    url("redis.url", &config.redis.url, &redis, &in_file, &mut broken);
    for (path, variable, secret) in [
        ("http.token", "CODITECT_HTTP_TOKEN", &config.http.token),
        ("plan.webhook_secret", "CODITECT_PLAN_WEBHOOK_SECRET", &config.plan.webhook_secret),
        ("landing.forge.token", "CODITECT_FORGE_TOKEN", &config.landing.forge.token),
    ] {
        secret_text(path, variable, secret.as_ref(), &in_file, &mut broken);
    }
    broken
}

/// A secret shorter than this can be guessed.
const SHORTEST_SECRET: usize = 16;

fn secret_text(
    path: &str,
    variable: &str,
    secret: Option<&SecretText>,
    in_file: impl Fn(&str) -> bool,
    broken: &mut Vec<Broken>,
) {
    let Some(secret) = secret else { return };
    let mut refuse = |expected: String| broken.push((path.to_owned(), None, expected));
    if in_file(path) {
        refuse(format!("it belongs into {variable}, or into a file that {variable}_FILE names"));
    } else if secret.expose().len() < SHORTEST_SECRET {
        refuse(format!("expected at least {SHORTEST_SECRET} characters, like those of `openssl rand -hex 32`"));
    }
}

/// The least and greatest numbers that the schema names.
fn ranges(schema: &Value, value: &Value, path: &str, broken: &mut Vec<Broken>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (key, schema) in properties {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            ranges(schema, value.get(key).unwrap_or(&Value::Null), &path, broken);
        }
    }
    // A map: every value of it.
    if let (Some(schema), Some(values)) = (schema.get("additionalProperties"), value.as_object())
        && schema.is_object()
    {
        for (key, value) in values {
            ranges(schema, value, &format!("{path}.{key}"), broken);
        }
    }
    let Some(number) = value.as_f64() else { return };
    let limit = |key| schema.get(key).and_then(|limit| Some((limit.as_f64()?, limit)));
    if let Some((minimum, shown)) = limit("minimum")
        && number < minimum
    {
        broken.push((path.to_owned(), Some(value.to_string()), format!("expected at least {shown}")));
    }
    if let Some((maximum, shown)) = limit("maximum")
        && number > maximum
    {
        broken.push((path.to_owned(), Some(value.to_string()), format!("expected at most {shown}")));
    }
}

fn names(config: &Config, broken: &mut Vec<Broken>) {
    let mut refuse = |path: &str, value: &str, expected: &str| {
        broken.push((path.to_owned(), Some(format!("{value:?}")), expected.to_owned()));
    };
    let project = &config.project.name;
    let in_alphabet = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if project.is_empty() || project.len() > 64 || !project.chars().all(in_alphabet) {
        refuse("project.name", project, "expected 1 to 64 lower-case letters, digits and hyphens");
    }
    let branch = &config.repository.target_branch;
    if !is_branch(branch) {
        refuse("repository.target_branch", branch, "expected the name of a git branch, like coditect/integration");
    }
    if let Some(branch) = config.plan.branch.as_deref().filter(|branch| !is_branch(branch)) {
        refuse("plan.branch", branch, "expected the name of a git branch, like main");
    }
    for (path, text) in [
        ("plan.data_dir", &config.plan.data_dir),
        ("repository.path", &config.repository.path),
        ("dispatch.default_agent", &config.dispatch.default_agent),
        ("dispatch.pool", &config.dispatch.pool),
        ("backup.directory", &config.backup.directory),
        ("executor.data_dir", &config.executor.data_dir),
        ("executor.claude.program", &config.executor.claude.program),
    ] {
        if text.trim().is_empty() {
            refuse(path, text, "expected some text");
        }
    }
    let endpoint = |url: &str| {
        ["http://", "https://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    };
    let executor = &config.executor;
    if executor.orchestrators().next().is_none() || !executor.orchestrators().all(endpoint) {
        let expected = "expected a URL like http://127.0.0.1:7001, or several with commas between them";
        refuse("executor.orchestrator", &executor.orchestrator, expected);
    }
}

/// As `git check-ref-format --branch` has it.
pub(super) fn is_branch(name: &str) -> bool {
    let forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.contains(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !matches!(name, "@" | "HEAD")
        && name.split('/').all(part)
}

fn combinations(config: &Config, broken: &mut Vec<Broken>) {
    let executor = &config.executor;
    if executor.runtime == Runtime::Command && executor.command.is_empty() {
        let expected = "expected a program, because `executor.runtime` is \"command\"";
        broken.push(("executor.command".into(), Some("[]".into()), expected.into()));
    }
    if executor.silence_limit_ms > executor.wall_limit_ms {
        let expected = format!("expected at most `executor.wall_limit_ms`, which is {}", executor.wall_limit_ms);
        broken.push(("executor.silence_limit_ms".into(), Some(executor.silence_limit_ms.to_string()), expected));
    }
    // Each number for itself is a matter of the ranges.
    let retry = &config.retry;
    if retry.base_ms > retry.cap_ms {
        let expected = format!("expected at most `retry.cap_ms`, which is {}", retry.cap_ms);
        broken.push(("retry.base_ms".into(), Some(retry.base_ms.to_string()), expected));
    } else if broken.iter().all(|(path, ..)| !path.starts_with("retry."))
        && let Err(error) = RetryPolicy::try_from(retry)
    {
        broken.push(("retry".into(), None, error.to_string()));
    }
}

fn url(path: &str, url: &SecretUrl, schemes: &[&str], in_file: impl Fn(&str) -> bool, broken: &mut Vec<Broken>) {
    if !schemes.contains(&url.scheme()) {
        let expected = format!("expected a URL that begins with one of: {}", schemes.join(", "));
        broken.push((path.to_owned(), None, expected));
    }
    if url.has_password() && in_file(path) {
        let variable = if path == "database.url" { "DATABASE_URL" } else { "REDIS_URL" };
        let expected = format!("a password belongs into {variable}, or into a file that {variable}_FILE names");
        broken.push((path.to_owned(), None, expected));
    }
}
