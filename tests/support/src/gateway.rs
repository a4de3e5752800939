//! Starts the gateway.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::forward_auth::start;
use crate::program::program;
use crate::{Failure, Process};

/// A running `gateway`.
#[derive(Debug)]
pub struct Gateway {
    /// The process with its log.
    pub process: Process,
    /// Where clients connect.
    pub address: SocketAddr,
}

impl Gateway {
    /// Starts it with `config`, which listens on `port`, and waits until it accepts connections.
    /// `environment` overrides the file.
    pub fn start(config: &Path, port: u16, environment: &[(&str, &str)]) -> Result<Self, Failure> {
        Self::start_with(Some(config), port, environment)
    }

    /// The same; without `config` the environment says everything.
    pub fn start_with(
        config: Option<&Path>,
        port: u16,
        environment: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let (process, address) = start("gateway", gateway_binary()?, config, port, environment)?;
        Ok(Self { process, address })
    }
}

/// The path of the `gateway` program: what `ZTAG_GATEWAY` names, such as a packaged one, or else
/// that of this workspace under the profile of this program, built now if it is not up to date.
pub fn gateway_binary() -> Result<PathBuf, Failure> {
    program("gateway", "ZTAG_GATEWAY")
}
