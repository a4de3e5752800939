//! A certified `OpenID` provider, and a client of it that is not ours: Node programs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{Failure, Process, Request, free_port, locate, send, tools_folder};

/// What `cargo xtask setup` installs with `npm`, and the exact versions of all of it.
pub const NODE_MANIFEST: &str = include_str!("oidc/package.json");
/// The lock file of [`NODE_MANIFEST`].
pub const NODE_LOCK: &str = include_str!("oidc/package-lock.json");
/// Written beside the installed packages when all of them are there: [`NODE_LOCK`] once more.
pub const NODE_STAMP: &str = "installed.json";

const PROVIDER: &str = include_str!("oidc/provider.mjs");
const CLIENT: &str = include_str!("oidc/client.mjs");

/// The provider of `oidc/provider.mjs` on a port of its own. Its issuer stays the same when it is
/// started again, and so do its keys. It ends when dropped.
///
/// Its clients show who they are by `private_key_jwt` (RFC 7523) with one key: `tester` gets JWT
/// and opaque tokens for itself, `keeper` such with `roles: [admin]`, `gateway` introspects,
/// `prover` gets tokens bound to a key (RFC 9449). Tokens are for the resource that is asked for: `https://api.example.com` or
/// `https://other.example.com`, good for ten minutes, `https://short.example.com`, good for two
/// seconds, or `https://opaque.example.com`. Scopes are `read` and `write`.
#[derive(Debug)]
pub struct OidcProvider {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
}

impl OidcProvider {
    /// Starts it and waits until it accepts connections.
    pub fn start() -> Result<Self, Failure> {
        let mut provider = Self::stopped()?;
        provider.restart()?;
        Ok(provider)
    }

    /// One that does not run yet, but whose issuer is known.
    pub fn stopped() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("provider.mjs"), PROVIDER)?;
        fs::write(folder.path().join("client.mjs"), CLIENT)?;
        // Imports are looked for beside the script.
        std::os::unix::fs::symlink(node_modules()?, folder.path().join("node_modules"))?;
        Ok(Self {
            process: None,
            port: free_port()?,
            folder,
        })
    }

    /// Starts it again, with the same keys; what it remembered of opaque tokens is gone.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.kill();
        let mut command = Command::new(locate("node")?);
        command
            .arg("provider.mjs")
            .arg(self.port.to_string())
            .arg(self.folder.path())
            .current_dir(self.folder.path());
        let mut process = Process::start("oidc-provider", command)?;
        process.wait_until_listening(self.address())?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it at once, as an outage would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The file of the private key (ES256, PEM) of its clients; there once it has run.
    pub fn client_key(&self) -> PathBuf {
        self.folder.path().join("client.pem")
    }

    /// Signs with a new key from now on; the one before stays published.
    pub fn rotate_keys(&self) -> Result<(), Failure> {
        self.control("POST", "rotate").map(drop)
    }

    /// Publishes the newest key only.
    pub fn forget_old_keys(&self) -> Result<(), Failure> {
        self.control("POST", "forget").map(drop)
    }

    /// How many requests for `path` reached it since it was started, such as `/jwks`.
    pub fn requests(&self, path: &str) -> Result<u64, Failure> {
        let counts = self.control("GET", "counts")?;
        Ok(counts.get(path).and_then(Json::as_u64).unwrap_or(0))
    }

    /// What the client of `oidc/client.mjs` says to these words.
    pub fn foreign_client(&self, words: &[&str]) -> Result<Json, Failure> {
        let output = Command::new(locate("node")?)
            .arg("client.mjs")
            .arg(self.issuer())
            .arg(self.folder.path())
            .args(words)
            .current_dir(self.folder.path())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Failure::new(format!(
                "client {words:?}\n{said}{}",
                self.log()
            )));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| Failure::new(error.to_string()))
    }

    /// The last lines of its output.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    fn control(&self, method: &str, command: &str) -> Result<Json, Failure> {
        let request = Request::new(method, format!("/control/{command}"))
            .header(format!("Host: {}", self.address()))
            .header("Connection: close")
            .body("");
        let reply = send(self.address(), &request)?;
        serde_json::from_slice(&reply.body).map_err(|error| Failure::new(error.to_string()))
    }
}

/// The installed packages.
fn node_modules() -> Result<PathBuf, Failure> {
    let folder = node_folder();
    let installed = fs::read_to_string(folder.join(NODE_STAMP)).unwrap_or_default();
    if installed == NODE_LOCK {
        return Ok(folder.join("node_modules"));
    }
    Err(Failure::new(
        "the OpenID provider of the tests is not installed, or another version of it: \
         run `cargo xtask setup`",
    ))
}

/// Where the packages of [`NODE_MANIFEST`] are installed.
pub fn node_folder() -> PathBuf {
    Path::new(&tools_folder()).join("npm")
}
