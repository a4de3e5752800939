//! Starts the decision server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::program;
use crate::{Failure, Process};

/// A running `forward-auth`.
#[derive(Debug)]
pub struct ForwardAuth {
    /// The process with its log.
    pub process: Process,
    /// Where proxies ask.
    pub address: SocketAddr,
}

impl ForwardAuth {
    /// Starts it with `config`, which listens on `port`, and waits until it accepts connections.
    /// `environment` overrides the file.
    pub fn start(config: &Path, port: u16, environment: &[(&str, &str)]) -> Result<Self, Failure> {
        let (process, address) = start(
            "forward-auth",
            forward_auth_binary()?,
            Some(config),
            port,
            environment,
        )?;
        Ok(Self { process, address })
    }
}

/// The path of the `forward-auth` program: what `ZTAG_FORWARD_AUTH` names, such as a packaged
/// one, or else that of this workspace under the profile of this program, built now if it is
/// not up to date.
pub fn forward_auth_binary() -> Result<PathBuf, Failure> {
    program("forward-auth", "ZTAG_FORWARD_AUTH")
}

/// Starts a program that serves `config`, or else what `environment` says, on `port`, and waits
/// until it accepts connections.
pub(crate) fn start(
    name: &str,
    program: PathBuf,
    config: Option<&Path>,
    port: u16,
    environment: &[(&str, &str)],
) -> Result<(Process, SocketAddr), Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut command = Command::new(program);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    if let Some(folder) = config.and_then(Path::parent) {
        command.current_dir(folder);
    }
    command.envs(environment.iter().copied());
    let mut process = Process::start(name, command)?;
    process.wait_until_listening(address)?;
    Ok((process, address))
}
