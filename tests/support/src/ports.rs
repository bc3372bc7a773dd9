//! Ports for the servers that tests start. None is given to two of them, whichever processes they
//! belong to: tests of several checkouts may run on one machine at the same time.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port. All of them, and the bus ports, lie below those that Linux gives to connections
/// (32768 and up).
const FIRST: u16 = 10_500;
/// How much higher a server's port for the cluster bus is.
const BUS: u16 = 10_000;
/// No more than this, so that no port is the bus port of another.
const COUNT: u16 = BUS;

/// A port on which nobody listens, nor on its cluster bus port, and which no other call returns,
/// in this or another process that runs.
///
/// # Panics
/// If all are taken.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries that run at the same time start at different places.
    let start = u16::try_from(std::process::id() * 37 % u32::from(COUNT)).expect("below COUNT");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        let Ok(hold) = UdpSocket::bind(("127.0.0.1", port)) else { continue };
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + BUS) {
            // A UDP socket of the same number, which nobody else can have, holds the port for as
            // long as this process lives.
            Box::leak(Box::new(hold));
            return port;
        }
    }
    panic!("no free port");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_returned_twice_nor_the_bus_port_of_another() {
        let ports: BTreeSet<u16> = (0..200).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 200);
        for port in &ports {
            assert!(!ports.contains(&(port + BUS)));
            let again = UdpSocket::bind(("127.0.0.1", *port));
            assert!(again.is_err(), "another process would take {port}");
        }
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_left_out() {
        let next = free_port() + 1;
        let _taken = [next, next + 1 + BUS].map(|port| TcpListener::bind(("127.0.0.1", port)));
        for _ in 0..20 {
            let port = free_port();
            assert!(port != next && port != next + 1, "{port}");
        }
    }
}
