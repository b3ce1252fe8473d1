//! The hosts that commands may reach through the gateway, and the addresses they may not have.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The ports where a host is named without one.
const USUAL_PORTS: [u16; 2] = [80, 443];

/// A host that is allowed: `example.org`, `*.example.org` (what is below it), an address; each with `:port`, or for the ports 80 and 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    name: Name,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Exactly(String),
    Below(String),
    Address(IpAddr),
}

/// A host is written in a way that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host: expected a name like example.org or *.example.org, or an address, each with or without a port"
)]
pub struct InvalidHost(String);

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = || InvalidHost(text.to_owned());
        if let Ok(address) = text.parse() {
            return Ok(Self { name: Name::Address(address), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port != 0).ok_or_else(invalid)?)),
            None => (text, None),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = if let Ok(address) = bare.parse() {
            Name::Address(address)
        } else if let Some(below) = host.strip_prefix("*.") {
            Name::Below(below.to_ascii_lowercase())
        } else {
            Name::Exactly(host.to_ascii_lowercase())
        };
        let is_word = |word: &str| {
            !word.is_empty()
                && word.split('.').all(|label| !label.is_empty())
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match &name {
            Name::Exactly(name) | Name::Below(name) if !is_word(name) => Err(invalid()),
            _ => Ok(Self { name, port }),
        }
    }
}

impl HostPattern {
    /// Whether it is an address of this machine's own loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        matches!(self.name, Name::Address(address) if address.is_loopback())
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.port) {
            (Name::Exactly(name), _) => f.write_str(name)?,
            (Name::Below(name), _) => write!(f, "*.{name}")?,
            (Name::Address(IpAddr::V6(address)), Some(_)) => write!(f, "[{address}]")?,
            (Name::Address(address), _) => write!(f, "{address}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whether a host may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Not at all.
    No,
    /// At addresses of the world.
    World,
    /// At the address that the setting itself names.
    ThatAddress,
}

/// The leave for a host and a port.
pub(crate) fn leave(allowed: &[HostPattern], host: &str, port: u16) -> Leave {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok();
    let mut leave = Leave::No;
    for pattern in allowed {
        if !pattern.port.map_or_else(|| USUAL_PORTS.contains(&port), |own| own == port) {
            continue;
        }
        match &pattern.name {
            Name::Address(own) if address == Some(*own) => return Leave::ThatAddress,
            Name::Exactly(name) if *name == host => leave = Leave::World,
            Name::Below(name)
                if address.is_none()
                    && host
                        .strip_suffix(name.as_str())
                        .is_some_and(|front| front.len() > 1 && front.ends_with('.')) =>
            {
                leave = Leave::World;
            }
            _ => {}
        }
    }
    leave
}

/// Whether an address is one of the world, and not of this machine or its own network. A name that is allowed may lead anywhere; it must not lead
/// to the database.
pub(crate) fn is_of_the_world(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4_is_of_the_world(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| v6_is_of_the_world(v6), v4_is_of_the_world),
    }
}

fn v4_is_of_the_world(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    // 100.64/10: carrier-grade NAT (RFC 6598), which clouds use inside. 198.18/15: tests of networks (RFC 2544).
    let shared = a == 100 && (64..128).contains(&b);
    let tests = a == 198 && (18..20).contains(&b);
    !(v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_unspecified()
        || v4.is_broadcast()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || shared
        || tests)
}

fn v6_is_of_the_world(v6: Ipv6Addr) -> bool {
    let first = v6.segments()[0];
    // What carries an IPv4 address inside (64:ff9b::/96, 2002::/16) may lead home.
    let nat64 = v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    !(v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local()
        || first & 0xffc0 == 0xfec0
        || first == 0x2002
        || nat64
        || v6.segments()[..6] == [0; 6])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(patterns: &[&str]) -> Vec<HostPattern> {
        patterns.iter().map(|pattern| pattern.parse().unwrap()).collect()
    }

    #[test]
    fn hosts_are_matched_by_name_ending_and_port() {
        let list = allowed(&["Example.org", "*.files.example.org", "odd.example.org:8443", "10.0.0.5:5000", "::1"]);
        for (host, port, expected) in [
            ("example.org", 443, Leave::World),
            ("EXAMPLE.ORG.", 80, Leave::World),
            ("example.org", 22, Leave::No),
            ("www.example.org", 443, Leave::No),
            ("notexample.org", 443, Leave::No),
            ("a.files.example.org", 443, Leave::World),
            ("a.b.files.example.org", 443, Leave::World),
            ("files.example.org", 443, Leave::No),
            (".files.example.org", 443, Leave::No),
            ("evilfiles.example.org", 443, Leave::No),
            ("odd.example.org", 8443, Leave::World),
            ("odd.example.org", 443, Leave::No),
            ("10.0.0.5", 5000, Leave::ThatAddress),
            ("10.0.0.5", 80, Leave::No),
            ("[::1]", 80, Leave::ThatAddress),
            ("10.0.0.6", 5000, Leave::No),
        ] {
            assert_eq!(leave(&list, host, port), expected, "{host}:{port}");
        }
        assert_eq!(leave(&[], "example.org", 443), Leave::No);
    }

    #[test]
    fn patterns_are_shown_as_they_are_written_and_nonsense_is_refused() {
        for text in ["example.org", "*.example.org:8443", "10.0.0.5", "10.0.0.5:1", "::1", "[::1]:80"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
        for nonsense in
            ["", "*", "*.", "https://example.org", "a b", "example.org:", "example.org:0", "a..b", "a:99999", "*.*.a"]
        {
            assert!(nonsense.parse::<HostPattern>().is_err(), "{nonsense}");
        }
    }

    #[test]
    fn addresses_of_the_machine_and_its_network_are_not_of_the_world() {
        for home in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.100.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fec0::1",
            "::7f00:1",
        ] {
            assert!(!is_of_the_world(home.parse().unwrap()), "{home}");
        }
        for world in ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "100.1.1.1"] {
            assert!(is_of_the_world(world.parse().unwrap()), "{world}");
        }
    }
}
