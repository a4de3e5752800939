//! A Redis server of its own for one test.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use crate::{Failure, Process, free_port, locate};

/// A Redis server without persistence on a loopback port.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    address: SocketAddr,
}

impl Redis {
    /// Starts it and waits until it accepts connections.
    pub fn start() -> Result<Self, Failure> {
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new(locate("redis-server")?);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir", "/tmp"]);
        let mut process = Process::start("redis", command)?;
        process.wait_until_listening(address)?;
        Ok(Self { process, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once, as an outage would.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
