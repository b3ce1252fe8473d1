//! Installing what is missing: says what and how, then does it, and says what to do where it cannot.

use std::io::{self, IsTerminal};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::bail;

use crate::report;
use crate::tool::{Found, Tool, in_path};

/// A program that installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    /// Parts of a Rust toolchain.
    Rustup,
    /// Debian, Ubuntu.
    Apt,
    /// Fedora.
    Dnf,
    /// macOS.
    Brew,
}

/// In the order in which they are asked.
const MANAGERS: [Manager; 4] = [Manager::Rustup, Manager::Brew, Manager::Apt, Manager::Dnf];

/// How we may change the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Root,
    /// Through sudo, which may ask for a password.
    Sudo,
    /// Through sudo, as nobody is there to be asked.
    QuietSudo,
    None,
}

/// Makes sure that the tool can be used: it is there, or is installed now.
///
/// # Errors
/// It is not there, and what to do about it.
pub(crate) fn ensure(tool: Tool, install: bool) -> anyhow::Result<()> {
    match tool.find() {
        Found::Yes => return Ok(()),
        Found::Unfit(why) => bail!("{why}"),
        Found::No => {}
    }
    let name = tool.name();
    let managers = MANAGERS.into_iter().filter(|manager| in_path(manager.program()).is_some());
    let Some(manager) = managers.into_iter().find(|manager| !tool.packages(*manager).is_empty()) else {
        bail!("{name} is not installed, and none of apt-get, dnf and brew is here to install it: install it by hand")
    };
    let power = power();
    let mut said = String::new();
    for packages in tool.packages(manager) {
        let commands = manager.commands(packages, power);
        let by_hand = manager.by_hand(packages, power);
        if !install {
            bail!("{name} is not installed. To install it: {by_hand}");
        }
        if manager.needs_root() && power == Power::None {
            bail!("{name} is not installed, and installing it needs root, who does it with: {by_hand}");
        }
        report::remark(&format!("{name} is not installed. Installing it now: {by_hand}"));
        let began = Instant::now();
        said.clear();
        for command in &commands {
            // A list of packages that could not be renewed may still do: what counts is whether the tool is there.
            said.push_str(&attempt(command));
        }
        match tool.find() {
            Found::Yes => {
                report::remark(&format!("{name} is installed ({})", report::time(began.elapsed())));
                return Ok(());
            }
            Found::Unfit(why) => bail!("{why}"),
            Found::No => {}
        }
    }
    let by_hand = tool.packages(manager).first().map_or_else(String::new, |packages| manager.by_hand(packages, power));
    bail!("{name} could not be installed. Mend this and try again, or do it by hand ({by_hand}):\n{}", said.trim_end())
}

/// Runs a command; answers it and what it said.
fn attempt(command: &[String]) -> String {
    let Some((program, arguments)) = command.split_first() else { return String::new() };
    let output = Command::new(program).args(arguments).stdin(Stdio::inherit()).output();
    let said = match output {
        Ok(output) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!("{}{}", text(&output.stdout), text(&output.stderr))
        }
        Err(error) => format!("{error}\n"),
    };
    format!("$ {}\n{said}", command.join(" "))
}

fn power() -> Power {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    match (root, in_path("sudo").is_some()) {
        (true, _) => Power::Root,
        (false, false) => Power::None,
        (false, true) if io::stdin().is_terminal() => Power::Sudo,
        (false, true) => Power::QuietSudo,
    }
}

impl Manager {
    const fn program(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Brew => "brew",
        }
    }

    const fn needs_root(self) -> bool {
        matches!(self, Self::Apt | Self::Dnf)
    }

    /// The command that a person would type.
    fn by_hand(self, packages: &[&str], power: Power) -> String {
        let sudo = matches!(power, Power::Sudo | Power::QuietSudo) && self.needs_root();
        let install = if self == Self::Rustup { "component add" } else { "install" };
        format!("{}{} {install} {}", if sudo { "sudo " } else { "" }, self.program(), packages.join(" "))
    }

    /// The commands that install the packages; the last of them is the one that does.
    fn commands(self, packages: &[&str], power: Power) -> Vec<Vec<String>> {
        let before: &[&str] = match (self.needs_root(), power) {
            (true, Power::Sudo) => &["sudo"],
            (true, Power::QuietSudo) => &["sudo", "-n"],
            _ => &[],
        };
        // Another apt-get may be at work: machines that have just come up update themselves.
        let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"];
        let (steps, prefix): (&[&[&str]], &[&str]) = match self {
            Self::Rustup => (&[&["rustup", "component", "add"]], &[]),
            Self::Apt => (&[&["update"], &["install", "--yes", "--no-install-recommends"]], &apt),
            Self::Dnf => (&[&["dnf", "install", "--assumeyes"]], &[]),
            Self::Brew => (&[&["brew", "install"]], &[]),
        };
        let last = steps.len() - 1;
        let command = |(at, step): (usize, &&[&str])| {
            let packages = if at == last { packages } else { &[] };
            [before, prefix, step, packages].concat().into_iter().map(str::to_owned).collect()
        };
        steps.iter().enumerate().map(command).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(manager: Manager, packages: &[&str], power: Power) -> Vec<String> {
        manager.commands(packages, power).into_iter().map(|command| command.join(" ")).collect()
    }

    #[test]
    fn apt_renews_its_lists_asks_nothing_and_waits_for_others() {
        let apt = "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300";
        assert_eq!(
            told(Manager::Apt, &["redis-server"], Power::QuietSudo),
            [
                format!("sudo -n {apt} update"),
                format!("sudo -n {apt} install --yes --no-install-recommends redis-server")
            ]
        );
    }

    #[test]
    fn brew_and_rustup_are_never_run_by_root() {
        assert_eq!(told(Manager::Brew, &["redis"], Power::Sudo), ["brew install redis"]);
        assert_eq!(told(Manager::Rustup, &["clippy"], Power::Sudo), ["rustup component add clippy"]);
    }

    #[test]
    fn people_are_told_what_they_would_type() {
        assert_eq!(Manager::Apt.by_hand(&["redis-server"], Power::QuietSudo), "sudo apt-get install redis-server");
        assert_eq!(Manager::Apt.by_hand(&["git"], Power::Root), "apt-get install git");
        assert_eq!(Manager::Rustup.by_hand(&["clippy"], Power::Sudo), "rustup component add clippy");
    }

    #[test]
    fn root_needs_no_sudo() {
        assert_eq!(told(Manager::Dnf, &["a", "b"], Power::Root), ["dnf install --assumeyes a b"]);
    }
}
