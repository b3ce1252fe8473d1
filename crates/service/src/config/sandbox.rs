//! The section about what agents, and the commands of a repository, may see and reach.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether commands are confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// As far as the machine allows; what it does not is said at the executor's start and in the log of every attempt.
    #[default]
    Auto,
    /// The executor refuses to start where a part is missing.
    Required,
    /// Not at all: commands can read and write what the executor's user can.
    Off,
}

/// What confined commands reach of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxNetwork {
    /// A loopback of their own, and through it what the executor lets them reach.
    #[default]
    Closed,
    /// Everything that the executor's machine reaches.
    Host,
}

/// What agents, and the setup and verify commands of a repository, may see and reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Whether they are confined.
    pub mode: SandboxMode,
    /// What they reach of the network.
    pub network: SandboxNetwork,
    /// Files and folders that they may read beside the system's own and those in `PATH`: absolute paths, or paths that
    /// begin with `~/` (the home of the executor's user).
    pub read: Vec<String>,
    /// Files and folders that they may write beside their own worktree and home, for example a shared cache: absolute
    /// paths, or paths that begin with `~/`.
    pub write: Vec<String>,
    /// Hosts that they may reach though the network is closed: `example.org`, `example.org:8443`, or `*.example.org` for
    /// every name below it; without a port, 443 and 80.
    pub hosts: Vec<String>,
}

/// What is wrong with the section: the setting, its value as JSON, and what was expected.
pub(super) fn broken(config: &SandboxConfig) -> Vec<(String, Option<String>, String)> {
    let SandboxConfig { mode: _, network: _, read, write, hosts } = config;
    let mut broken = Vec::new();
    let mut refuse = |path: String, value: &str, expected: &str| {
        broken.push((path, Some(format!("{value:?}")), expected.to_owned()));
    };
    for (name, paths) in [("read", read), ("write", write)] {
        for (at, path) in paths.iter().enumerate().filter(|(_, path)| !is_path(path)) {
            let expected = "expected an absolute path other than `/`, or one that begins with `~/`, without `..`";
            refuse(format!("executor.sandbox.{name}.{at}"), path, expected);
        }
    }
    for (at, host) in hosts.iter().enumerate().filter(|(_, host)| !is_host(host)) {
        let expected = "expected a host like example.org, example.org:8443 or *.example.org";
        refuse(format!("executor.sandbox.hosts.{at}"), host, expected);
    }
    broken
}

fn is_path(path: &str) -> bool {
    let below = path.strip_prefix("~/").or_else(|| path.strip_prefix('/')).unwrap_or_default();
    let mut parts = below.split('/').filter(|part| !part.is_empty()).peekable();
    parts.peek().is_some() && parts.all(|part| part != "..") && !path.contains('\0')
}

/// A name or an address, `*.` before a name, and a port after it.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let label = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.len() <= 253
        && name.split('.').all(label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_with_a_port_or_a_star_before_them() {
        for host in ["example.org", "example.org:8443", "*.example.org", "*.example.org:80", "127.0.0.1:1", "localhost"]
        {
            assert!(is_host(host), "{host}");
        }
        for host in
            ["", "*", "https://example.org", "example.org:0", "example.org:http", "a..b", "*.*.org", "-a.org", "a b"]
        {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn paths_are_absolute_and_not_everything() {
        for path in ["/nix", "~/.rustup", "/a b/c"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["", "/", "~", "~/", "cache", "~root/x", "/a/../etc", "//"] {
            assert!(!is_path(path), "{path}");
        }
    }
}
