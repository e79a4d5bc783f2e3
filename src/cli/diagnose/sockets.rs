//! Sockets of daemons that modules of the `hosts` line ask, and that may be another machine's: a mounted /run brings them
//! in as it brings nscd's.

use std::path::Path;

use crate::diagnose::daemon::{self, Compared, Daemon, Presence};

/// A daemon, its socket, and the modules that ask it.
pub(crate) struct Service {
    /// What to call it.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) socket: &'static str,
    asks: fn(&[u8]) -> bool,
}

/// Those that are known.
pub(crate) const SERVICES: [Service; 3] = [
    Service {
        name: "systemd-resolved",
        socket: "/run/systemd/resolve/io.systemd.Resolve",
        asks: |module| module == b"resolve",
    },
    Service { name: "avahi-daemon", socket: "/run/avahi-daemon/socket", asks: |module| module.starts_with(b"mdns") },
    Service {
        // nss-mymachines, and nss-resolve before systemd 246.
        name: "the D-Bus system bus",
        socket: "/run/dbus/system_bus_socket",
        asks: |module| module == b"mymachines",
    },
];

/// A daemon that the `hosts` line asks.
pub(crate) struct Asked {
    pub(crate) service: &'static Service,
    pub(crate) module: Vec<u8>,
    pub(crate) presence: Presence,
}

impl Asked {
    /// Its daemon, if that is another machine's.
    pub(crate) fn foreign_daemon(&self) -> Option<&Daemon> {
        match &self.presence {
            Presence::Present(daemon) if daemon.is_foreign() => Some(daemon),
            _ => None,
        }
    }

    /// Whether it cannot be told whose it is.
    pub(crate) fn is_uncertain(&self) -> bool {
        matches!(&self.presence, Presence::Present(daemon) if daemon.network_namespace == Compared::Unknown)
    }
}

/// Looks at the sockets that these modules ask.
pub(crate) fn asked_by<'a>(modules: impl Iterator<Item = &'a [u8]>) -> Vec<Asked> {
    let pairs = modules.flat_map(|module| {
        SERVICES.iter().filter(move |service| (service.asks)(module)).map(move |service| (module, service))
    });
    let looked = pairs.map(|(module, service)| Asked {
        service,
        module: module.to_vec(),
        presence: daemon::look(Path::new(service.socket)),
    });
    looked.collect()
}
