//! Loopback ports for servers that cannot bind port 0 and tell which one they got.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Failure;

/// Below the range from which Linux takes the ports of outgoing connections, so that none of
/// these grabs the port between its choice and its use.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// Where the next search begins: elsewhere in each process, and never at a port handed out before.
static NEXT: LazyLock<AtomicU32> =
    LazyLock::new(|| AtomicU32::new(process::id().wrapping_mul(61) % COUNT));

/// A port of 127.0.0.1 that nobody listens on and that this process has not handed out lately.
pub fn free_port() -> Result<u16, Failure> {
    (0..COUNT)
        .filter_map(|_| {
            let offset = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            u16::try_from(FIRST + offset).ok()
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| Failure::new("no free loopback port left"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_out_each_port_once() {
        let ports: Vec<u16> = (0..8).map(|_| free_port().unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), ports.len());
    }
}
