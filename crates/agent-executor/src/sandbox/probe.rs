//! What this machine allows of confinement, found out by doing it.
//!
//! The executor's binary, started as `agent-executor run-probe`, enters the namespaces one after the other, starts
//! itself once more in them to build a root folder, and prints a [`Found`] as JSON.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde::{Deserialize, Serialize};

use super::Layers;

/// The hidden subcommand of the executor that is the probe.
pub const SUBCOMMAND: &str = "run-probe";

/// The argument of the probe's second half, which runs in a PID namespace.
#[cfg(target_os = "linux")]
const INNER: &str = "inner";

#[cfg(target_os = "linux")]
const LANDLOCK: &str = "Landlock";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Found {
    /// What works.
    pub layers: Layers,
    /// What does not, and why: one sentence each.
    pub missing: Vec<String>,
}

impl Found {
    fn lacks(&mut self, what: &str, why: impl std::fmt::Display) {
        self.missing.push(format!("{what} ({why})"));
    }
}

/// Asks this binary. What goes wrong with that is missing too.
#[must_use]
pub fn ask(binary: &Path) -> Found {
    let mut found = Found::default();
    let output = Command::new(binary).arg(SUBCOMMAND).env_clear().stdin(Stdio::null()).output();
    match output.map(|output| serde_json::from_slice(&output.stdout)) {
        Ok(Ok(answer)) => return answer,
        Ok(Err(error)) => found.lacks("any confinement", format!("the probe gave no answer: {error}")),
        Err(error) => found.lacks("any confinement", format!("the probe {} did not start: {error}", binary.display())),
    }
    found
}

/// The probe's own `main`. Call it before any thread is started.
#[must_use]
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let found = look(args);
    match serde_json::to_string(&found) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(not(target_os = "linux"))]
fn look(_args: impl Iterator<Item = OsString>) -> Found {
    let mut found = Found::default();
    found.lacks("any confinement", "it needs Linux");
    found
}

#[cfg(target_os = "linux")]
fn look(mut args: impl Iterator<Item = OsString>) -> Found {
    if args.next().is_some_and(|word| word == INNER) { inner() } else { outer() }
}

#[cfg(target_os = "linux")]
fn outer() -> Found {
    use super::{Network, namespaces};

    let mut found = Found::default();
    let user = namespaces::enter_user();
    let network = user.as_ref().is_ok().then(|| namespaces::enter_network(Network::Closed));
    let processes = user.and_then(|()| namespaces::enter_processes());
    let exe = Path::new("/proc/self/exe");
    let inner =
        Command::new(exe).args([SUBCOMMAND, INNER]).output().map(|output| serde_json::from_slice(&output.stdout));
    let inner: Found = match inner {
        Ok(Ok(inner)) => inner,
        Ok(Err(error)) => Found { missing: vec![format!("files of its own ({error})")], ..Found::default() },
        Err(error) => Found { missing: vec![format!("files of its own ({error})")], ..Found::default() },
    };
    found.layers = Layers { privileges: true, landlock: inner.layers.landlock, ..Layers::default() };
    if let Err(error) = processes {
        found.lacks("processes, files and a network of its own", error);
        found.missing.extend(inner.missing.into_iter().filter(|what| what.starts_with(LANDLOCK)));
        found.missing.extend(too_old(found.layers));
        return found;
    }
    found.layers = Layers { processes: true, network: matches!(network, Some(Ok(_))), ..inner.layers };
    found.layers.privileges = true;
    if let Some(Err(error)) = network {
        found.lacks("a network of its own", error);
    }
    found.missing.extend(inner.missing);
    found.missing.extend(too_old(found.layers));
    found
}

/// What an old Landlock cannot stand in for, where there are no namespaces.
#[cfg(target_os = "linux")]
fn too_old(layers: Layers) -> Vec<String> {
    let Layers { processes, network, landlock, .. } = layers;
    let lacks = |what: &str, since: i32| {
        (landlock > 0 && landlock < since)
            .then(|| format!("{what} (this kernel's Landlock has version {landlock}, and {since} is needed)"))
    };
    let ports = if network { None } else { lacks("a bound on the ports it reaches", 4) };
    let signals = if processes { None } else { lacks("a bound on the processes it signals", 6) };
    ports.into_iter().chain(signals).collect()
}

#[cfg(target_os = "linux")]
fn inner() -> Found {
    use super::{Confinement, landlock, root};

    let mut found = Found::default();
    match root::build(&Confinement::default()) {
        Ok(()) => {
            found.layers.files = true;
            match root::own_proc() {
                Ok(()) => found.layers.proc = true,
                Err(error) => found.lacks("a view of its own processes only", error),
            }
        }
        Err(error) => found.lacks("files of its own", error),
    }
    match landlock::version() {
        Ok(version) => found.layers.landlock = version,
        Err(why) => found.lacks(LANDLOCK, why),
    }
    found
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_old_landlock_is_told_where_nothing_else_does_its_work() {
        let old = Layers { landlock: 3, ..Layers::default() };
        assert_eq!(too_old(old).len(), 2);
        assert_eq!(too_old(Layers { processes: true, network: true, ..old }).len(), 0);
        assert_eq!(too_old(Layers { landlock: 5, ..old }).len(), 1);
        assert_eq!(too_old(Layers { landlock: 0, ..old }).len(), 0);
    }

    #[test]
    fn a_program_that_is_no_probe_confines_nothing_and_that_is_said() {
        for program in ["/bin/true", "/no/such/program"] {
            let found = ask(Path::new(program));
            assert!(!found.layers.any() && found.missing.len() == 1, "{found:?}");
        }
    }
}
