//! Builds and starts the decision server.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new(forward_auth_binary()?);
        command.arg("--config").arg(config);
        if let Some(folder) = config.parent() {
            command.current_dir(folder);
        }
        command.envs(environment.iter().copied());
        let mut process = Process::start("forward-auth", command)?;
        process.wait_until_listening(address)?;
        Ok(Self { process, address })
    }
}

/// The path of the `forward-auth` program: what `ZTAG_FORWARD_AUTH` names, such as a packaged
/// one, or else that of this workspace under the profile of this program, built now if it is
/// not up to date.
pub fn forward_auth_binary() -> Result<PathBuf, Failure> {
    static BUILT: OnceLock<Result<PathBuf, Failure>> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> Result<PathBuf, Failure> {
    if let Some(named) = env::var_os("ZTAG_FORWARD_AUTH") {
        return Ok(PathBuf::from(named));
    }
    let this = env::current_exe()?;
    // `target/debug/xtask` or `target/debug/deps/e2e-0123`.
    let folder = this
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps"))
        .ok_or_else(|| Failure::new("this program has no folder"))?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(other) => other,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--package", "forward-auth", "--profile", profile])
        .current_dir(crate::workspace())
        .output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("cannot build forward-auth\n{errors}")));
    }
    Ok(folder.join(format!("forward-auth{}", env::consts::EXE_SUFFIX)))
}
