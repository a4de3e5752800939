//! forward-auth, asked as Traefik asks for its client.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::{Connection, Failure, ForwardAuth, Process, Recorded, Request, send};

use super::{Door, Knock, Observed, Written, id};

/// A running forward-auth.
#[derive(Debug)]
pub struct Asked {
    server: ForwardAuth,
    written: Written,
}

impl Asked {
    /// Starts it with `policy`, whose endpoint is `api`.
    pub fn open(policy: &str) -> Result<Self, Failure> {
        let written = Written::new(policy)?;
        let proxy = "ZTAG_ENDPOINTS__API__FORWARDPROXYPOLICY";
        let environment = [
            (&*format!("{proxy}__DIALECT"), "traefik"),
            (&*format!("{proxy}__TRUSTEDPROXYIPS__0"), "127.0.0.1"),
        ];
        Self::start(written, &environment)
    }

    /// Starts it with `policy`; its clients ask `/api/auth` themselves, with nobody between.
    pub fn directly(policy: &str) -> Result<Self, Failure> {
        Self::start(Written::new(policy)?, &[])
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    fn start(written: Written, environment: &[(&str, &str)]) -> Result<Self, Failure> {
        Ok(Self {
            server: ForwardAuth::start(&written.config, written.port, environment)?,
            written,
        })
    }
}

impl Door for Asked {
    fn name(&self) -> &'static str {
        "forward-auth"
    }

    fn admin(&self) -> SocketAddr {
        self.written.admin
    }

    fn config(&self) -> &Path {
        &self.written.config
    }

    fn process(&self) -> &Process {
        &self.server.process
    }

    fn open(&self) -> io::Result<Connection> {
        Connection::open(self.server.address)
    }

    fn head(&self, method: &str, target: &str, token: &str) -> String {
        format!(
            "{method} /api/auth HTTP/1.1\r\nHost: forward-auth.internal\r\n\
             X-Forwarded-Method: {method}\r\nX-Forwarded-Uri: {target}\r\n\
             X-Forwarded-Proto: http\r\nX-Forwarded-Host: app.example.com\r\n\
             X-Forwarded-For: 203.0.113.7\r\nAuthorization: Bearer {token}\r\n"
        )
    }

    fn forwards(&self) -> bool {
        false
    }

    fn arrived(&self) -> Option<Vec<Recorded>> {
        None
    }

    fn knock(&self, knock: &Knock) -> Result<Observed, Failure> {
        let mut question = Request::new("GET", "/api/auth")
            .header("Host: forward-auth.internal")
            .header(format!("X-Forwarded-Method: {}", knock.method))
            .header("X-Forwarded-Proto: http")
            .header([b"X-Forwarded-Uri: ", &knock.target[..]].concat())
            .header("X-Forwarded-For: 203.0.113.7");
        for host in &knock.hosts {
            question = question.header([b"X-Forwarded-Host: ", &host[..]].concat());
        }
        for line in knock.lines.iter().filter(|line| !is_replaced(line)) {
            question = question.header(line.clone());
        }
        let reply = send(self.server.address, &question).ok();
        let identity = reply.as_ref().map(|reply| reply.headers.clone());
        Ok(Observed {
            status: reply.as_ref().map(|reply| reply.status),
            id: id(reply.as_ref()),
            identity: identity.unwrap_or_default(),
            arrived: None,
        })
    }
}

/// Whether the proxy says this itself, whatever the client says.
fn is_replaced(line: &[u8]) -> bool {
    let name = line.get(..12).unwrap_or_default();
    name.eq_ignore_ascii_case(b"x-forwarded-")
}
