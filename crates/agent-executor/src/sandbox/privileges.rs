//! What a process may do by right of being somebody: kept over one `exec`, then given up for good.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// What the first process of a PID namespace needs to build its root folder and to give up the rest.
const NEEDED: [CapabilitySet; 2] = [CapabilitySet::SYS_ADMIN, CapabilitySet::SETPCAP];

/// Lets the programs that this thread starts keep what they need, though their user is not root.
pub(crate) fn keep_over_exec() -> io::Result<()> {
    let CapabilitySets { effective, permitted, .. } = capabilities(None)?;
    let inheritable = NEEDED.into_iter().collect();
    set_capabilities(None, CapabilitySets { effective, permitted, inheritable })?;
    for capability in NEEDED {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// Gives up every capability and every way to one, for this thread and whatever it starts.
pub(crate) fn drop_all() -> io::Result<()> {
    // Who may not change the bounding set (no root, no namespace of its own) gets nothing out of it either: there are
    // no new privileges.
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        match capability_is_in_bounding_set(capability) {
            Ok(true) => drop(remove_capability_from_bounding_set(capability)),
            Ok(false) => {}
            // The kernel knows no more of them.
            Err(_) => break,
        }
    }
    drop_own()?;
    Ok(set_no_new_privs(true)?)
}

/// Gives up every capability that this thread has.
pub(crate) fn drop_own() -> io::Result<()> {
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}
