//! The rules of a confinement as Landlock has them: a second layer over namespaces, and the only one without them.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};

use super::{Confinement, Network, view};

/// The newest interface whose rights are known here; what the kernel does not know of them is left out.
const KNOWN: ABI = ABI::V10;

/// The devices that programs need, where there is no `/dev` of their own.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Holds this thread, and whatever it starts, to the confinement. There is no way back.
pub(crate) fn restrict(confinement: &Confinement) -> Result<RestrictionStatus, RulesetError> {
    let (all, read) = (AccessFs::from_all(KNOWN), AccessFs::from_read(KNOWN));
    let own_root = confinement.layers.files;
    let mut ruleset = Ruleset::default().handle_access(all)?.scope(Scope::from_all(KNOWN))?;
    // In a network namespace of its own a program may talk to itself.
    let closed = !confinement.layers.network && confinement.network != Network::Host;
    if closed {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp | AccessNet::ConnectSendUdp)?;
    }
    let mut rules = ruleset.create()?;
    if closed && let Network::Loopback { port } = confinement.network {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    // In a root of its own, what is hidden is hidden by mounts.
    let hidden = if own_root { &[] } else { confinement.hide.as_slice() };
    let readable = view::readable(confinement, hidden);
    rules =
        rules.add_rules(path_beneath_rules(readable, read))?.add_rules(path_beneath_rules(&confinement.write, all))?;
    let file = AccessFs::ReadFile | AccessFs::WriteFile;
    rules = if own_root {
        // What exists here may be seen; what may be read and written of it the mounts say too.
        rules = add(rules, "/", AccessFs::ReadDir.into())?;
        rules = add(rules, "/proc", read | file)?;
        rules = add(rules, "/dev", all)?;
        add(rules, "/tmp", all)?
    } else {
        rules = add(rules, "/proc", read)?;
        let devices = DEVICES.map(|name| Path::new("/dev").join(name));
        rules.add_rules(path_beneath_rules(devices, file | AccessFs::IoctlDev))?
    };
    rules.restrict_self()
}

fn add(
    rules: landlock::RulesetCreated,
    path: &str,
    access: BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, RulesetError> {
    match PathFd::new(PathBuf::from(path)) {
        Ok(fd) => rules.add_rule(PathBeneath::new(fd, access)),
        Err(_) => Ok(rules),
    }
}

/// Which version of the interface this kernel has, found out by using it on this thread.
pub(crate) fn version() -> Result<i32, String> {
    let tried = Ruleset::default().handle_access(AccessFs::MakeBlock).and_then(|ruleset| {
        let status = ruleset.create()?.restrict_self()?;
        Ok(status.landlock)
    });
    match tried {
        Ok(landlock::LandlockStatus::Available { effective_abi, kernel_abi }) => {
            Ok(kernel_abi.unwrap_or(effective_abi as i32))
        }
        Ok(landlock::LandlockStatus::NotEnabled) => Err("the kernel has it, and it is not enabled".to_owned()),
        Ok(_) => Err("the kernel was built without it, or is older than 5.13".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
