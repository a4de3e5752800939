//! The doors of the same house: what a client of each sends, gets, and makes arrive behind it.

mod asked;
mod front;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::{Connection, Failure, Headers, Process, Recorded, Response, free_port};
use serde_json::Value as Json;
use tempfile::TempDir;

pub use asked::Asked;
pub use front::Front;

/// What a client sends, as bytes.
#[derive(Clone, Debug)]
pub struct Knock {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: Vec<u8>,
    /// The hosts asked for; more than one is an attack.
    pub hosts: Vec<Vec<u8>>,
    /// The other header lines.
    pub lines: Vec<Vec<u8>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Observed {
    /// The status; `None` when the connection ended without a reply.
    pub status: Option<u16>,
    /// The correlation id of the reply; `None` when the HTTP parser answered.
    pub id: Option<String>,
    /// The fields that say to the upstream who asks.
    pub identity: Headers,
    /// What reached the upstream, at a door that forwards.
    pub arrived: Option<Vec<Recorded>>,
}

/// A way into the house.
pub trait Door: Send + Sync {
    /// The name of its program.
    fn name(&self) -> &'static str;
    /// Its admin listener.
    fn admin(&self) -> SocketAddr;
    /// The file of its configuration.
    fn config(&self) -> &Path;
    /// The process behind it.
    fn process(&self) -> &Process;
    /// A new connection to it.
    fn open(&self) -> io::Result<Connection>;
    /// The request of a client that shows `token`, as this door is asked about it, without the
    /// empty line that ends its head.
    fn head(&self, method: &str, target: &str, token: &str) -> String;
    /// Whether it forwards what passes.
    fn forwards(&self) -> bool;
    /// What reached the upstream since the last question, at a door that forwards.
    fn arrived(&self) -> Option<Vec<Recorded>>;
    /// Why it ended so, in the access log; `None` when the HTTP parser answered.
    fn reason(&self, observed: &Observed) -> Result<Option<String>, Failure> {
        let id = observed.id.as_deref();
        id.map(|id| reason(self.process(), id)).transpose()
    }
    /// Sends one request on a connection of its own.
    fn knock(&self, knock: &Knock) -> Result<Observed, Failure>;
}

/// Every door, behind `policy`: the sections of the configuration that they share. Its endpoint
/// `api` decides about everything.
pub fn doors(policy: &str) -> Result<Vec<Box<dyn Door>>, Failure> {
    Ok(vec![
        Box::new(Asked::open(policy)?),
        Box::new(Front::open(policy)?),
    ])
}

/// A configuration on disk: a policy with listeners.
#[derive(Debug)]
struct Written {
    _folder: TempDir,
    config: PathBuf,
    port: u16,
    admin: SocketAddr,
}

impl Written {
    /// Writes `policy` below a `server` section with free ports and little patience; lines before
    /// `%%` belong to that section, indented by two.
    fn new(policy: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let (port, admin) = (free_port()?, free_port()?);
        let config = folder.path().join("config.yaml");
        let (more, policy) = policy.split_once("%%\n").unwrap_or(("", policy));
        let server = format!(
            "server:\n  listen: {{address: 127.0.0.1, port: {port}}}\n  admin: {{port: {admin}}}\n  \
             limits: {{headerTimeout: 1s, bodyTimeout: 1s, workers: 1}}\n{more}"
        );
        fs::write(&config, server + policy)?;
        Ok(Self {
            _folder: folder,
            config,
            port,
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin)),
        })
    }
}

/// Why the access log of `process` says that a request ended as it did. Lines are written a moment
/// after the reply: whoever asks about many requests asks when all of them are answered.
pub fn reason(process: &Process, id: &str) -> Result<String, Failure> {
    let line = process.wait_for_line(|line| line.contains(id) && line.contains("\"reason\""))?;
    let line: Json =
        serde_json::from_str(&line).map_err(|error| Failure::new(error.to_string()))?;
    let reason = line.get("reason").and_then(Json::as_str);
    Ok(reason.unwrap_or_default().to_owned())
}

/// The correlation id of a reply.
fn id(reply: Option<&Response>) -> Option<String> {
    reply?.headers.value("x-request-id")
}
