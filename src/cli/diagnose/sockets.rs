//! Sockets of daemons that modules of the `hosts` line query, and that may belong to another system: they come with a
//! mounted /run, as nscd's socket does.

use std::path::Path;

use crate::diagnose::daemon::{self, Compared, Daemon, Presence};

/// A daemon, its socket, and the modules that query it.
pub(crate) struct Service {
    /// Its name for messages.
    pub(crate) name: &'static str,
    /// The path of its socket.
    pub(crate) socket: &'static str,
    asks: fn(&[u8]) -> bool,
}

/// The known daemons.
pub(crate) const SERVICES: [Service; 3] = [
    Service {
        name: "systemd-resolved",
        socket: "/run/systemd/resolve/io.systemd.Resolve",
        asks: |module| module == b"resolve",
    },
    Service { name: "avahi-daemon", socket: "/run/avahi-daemon/socket", asks: |module| module.starts_with(b"mdns") },
    Service {
        // For nss-mymachines, and for nss-resolve before systemd 246.
        name: "the D-Bus system bus",
        socket: "/run/dbus/system_bus_socket",
        asks: |module| module == b"mymachines",
    },
];

/// A daemon that the `hosts` line uses.
pub(crate) struct QueriedService {
    pub(crate) service: &'static Service,
    pub(crate) module: Vec<u8>,
    pub(crate) presence: Presence,
}

impl QueriedService {
    /// Returns the daemon, if it belongs to another system.
    pub(crate) fn foreign_daemon(&self) -> Option<&Daemon> {
        match &self.presence {
            Presence::Present(daemon) if daemon.is_foreign() => Some(daemon),
            _ => None,
        }
    }

    /// Returns whether it cannot be determined to which system the daemon belongs.
    pub(crate) fn is_uncertain(&self) -> bool {
        matches!(&self.presence, Presence::Present(daemon) if daemon.network_namespace == Compared::Unknown)
    }
}

/// Examines the sockets that these modules use.
pub(crate) fn asked_by<'a>(modules: impl Iterator<Item = &'a [u8]>) -> Vec<QueriedService> {
    let pairs = modules.flat_map(|module| {
        SERVICES.iter().filter(move |service| (service.asks)(module)).map(move |service| (module, service))
    });
    let looked = pairs.map(|(module, service)| QueriedService {
        service,
        module: module.to_vec(),
        presence: daemon::look(Path::new(service.socket)),
    });
    looked.collect()
}
