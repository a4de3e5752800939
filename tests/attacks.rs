//! Attack classes and failures of others that only the whole program shows.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;
use ztag_test_support::{Failure, ForwardAuth, Request, free_port, send};

/// A strict endpoint beside one that lets everybody in.
const CONFIG: &str = "
server:
  listen: {address: 127.0.0.1}
  admin: {enabled: false}
endpoints:
  open:
    authentication: {allow: {none: true}}
  strict:
    authentication: {allow: {authorization: [bearer]}}
";

/// Whatever a caller may try to name another endpoint with.
const NAMES: [&str; 4] = [
    "X-Ztag-Endpoint: open",
    "X-Endpoint: open",
    "Ztag-Endpoint: open",
    "Cookie: endpoint=open",
];

struct Stage {
    address: SocketAddr,
    _folder: TempDir,
    _server: ForwardAuth,
}

impl Stage {
    fn set() -> Result<Self, Failure> {
        let folder = TempDir::new()?;
        let config = folder.path().join("config.yaml");
        fs::write(&config, CONFIG)?;
        let port = free_port()?;
        let listen = port.to_string();
        let environment = [("ZTAG_SERVER__LISTEN__PORT", listen.as_str())];
        Ok(Self {
            _server: ForwardAuth::start(&config, port, &environment)?,
            _folder: folder,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        })
    }

    fn status(&self, target: &str, line: &str) -> Result<u16, Failure> {
        let request = Request::new("GET", target)
            .header("Host: a.example")
            .header(line);
        Ok(send(self.address, &request)?.status)
    }
}

#[test]
fn defect_03_11_a_caller_cannot_choose_its_endpoint() -> Result<(), Failure> {
    let stage = Stage::set()?;
    assert_eq!(stage.status("/open/auth", "X-Any: 1")?, 200);
    for line in NAMES {
        assert_eq!(
            stage.status("/strict/auth?endpoint=open", line)?,
            401,
            "{line}"
        );
        assert_eq!(stage.status("/auth?endpoint=open", line)?, 400, "{line}");
    }
    Ok(())
}
