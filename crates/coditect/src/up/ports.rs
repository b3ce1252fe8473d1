//! A free port for everything that listens, below those the system gives to outgoing connections: so that a service
//! that is restarted finds its port as it left it.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};

use coditect_service::ServiceName;

use crate::failure::Failure;

/// Where ports are looked for.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Who listens where.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    /// The private Redis.
    pub(super) redis: u16,
    /// The HTTP address of the orchestrator.
    pub(super) http: SocketAddr,
    services: BTreeMap<&'static str, (u16, u16)>,
}

impl Ports {
    /// Free ports, as of now.
    pub(super) fn pick(http: SocketAddr) -> Result<Self, Failure> {
        let mut taken = HashSet::from([http.port()]);
        // Held until all are picked, so that each is another.
        let mut held = Vec::new();
        let start = u16::try_from(RandomState::new().hash_one(std::process::id()) % u64::from(COUNT)).unwrap_or(0);
        let mut candidates = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
        let mut free = || {
            for port in candidates.by_ref() {
                if let Ok(listener) = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))
                    && taken.insert(port)
                {
                    held.push(listener);
                    return Ok(port);
                }
            }
            Err(Failure::wrong("there are not enough free ports on this machine").help("end what holds so many"))
        };
        let redis = free()?;
        let mut services = BTreeMap::new();
        for service in ServiceName::ALL {
            services.insert(service.as_str(), (free()?, free()?));
        }
        Ok(Self { redis, http, services })
    }

    /// The gRPC address of a service.
    pub(super) fn grpc(&self, service: ServiceName) -> SocketAddr {
        self.of(service).0
    }

    /// The admin address of a service.
    pub(super) fn admin(&self, service: ServiceName) -> SocketAddr {
        self.of(service).1
    }

    /// The gRPC endpoint of a service, as a URL.
    pub(super) fn endpoint(&self, service: ServiceName) -> String {
        format!("http://{}", self.grpc(service))
    }

    /// The URL of the private Redis.
    pub(super) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.redis)
    }

    fn of(&self, service: ServiceName) -> (SocketAddr, SocketAddr) {
        let (grpc, admin) = self.services.get(service.as_str()).copied().unwrap_or_default();
        (SocketAddr::from(([127, 0, 0, 1], grpc)), SocketAddr::from(([127, 0, 0, 1], admin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_another() {
        let ports = Ports::pick(SocketAddr::from(([127, 0, 0, 1], 8080))).unwrap();
        let all = ServiceName::ALL.iter().flat_map(|service| [ports.grpc(*service), ports.admin(*service)]);
        let mut all: Vec<_> = all.map(|address| address.port()).chain([ports.redis]).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 11);
    }
}
