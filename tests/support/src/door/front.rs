//! The gateway, with a recording upstream behind it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::{Connection, Failure, Gateway, MockServer, Process, Recorded, Request, send};

use super::{Door, Knock, Observed, Written, id};

/// A running gateway.
#[derive(Debug)]
pub struct Front {
    server: Gateway,
    upstream: MockServer,
    written: Written,
}

impl Front {
    /// Starts it with `policy`, whose endpoint `api` decides about everything.
    pub fn open(policy: &str) -> Result<Self, Failure> {
        let upstream = MockServer::application()?;
        let routes = format!(
            "\nroutes:\n  everything: {{endpoint: api, upstream: app, upgrade: [websocket]}}\n\
             upstreams:\n  app: {{targets: [{{url: 'http://{}'}}]}}\n",
            upstream.address(),
        );
        let written = Written::new(&format!("{policy}{routes}"))?;
        let server = Gateway::start(&written.config, written.port, &[])?;
        Ok(Self {
            server,
            upstream,
            written,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}

impl Door for Front {
    fn name(&self) -> &'static str {
        "gateway"
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
            "{method} {target} HTTP/1.1\r\nHost: app.example.com\r\n\
             Authorization: Bearer {token}\r\n"
        )
    }

    fn forwards(&self) -> bool {
        true
    }

    fn arrived(&self) -> Option<Vec<Recorded>> {
        Some(self.upstream.take_recorded())
    }

    fn knock(&self, knock: &Knock) -> Result<Observed, Failure> {
        let mut request = Request::new(&knock.method, knock.target.clone());
        for host in &knock.hosts {
            request = request.header([b"Host: ", &host[..]].concat());
        }
        for line in &knock.lines {
            request = request.header(line.clone());
        }
        self.upstream.take_recorded();
        let reply = send(self.server.address, &request).ok();
        let arrived = self.upstream.take_recorded();
        let identity = arrived.first().map(|request| request.headers.clone());
        Ok(Observed {
            status: reply.as_ref().map(|reply| reply.status),
            id: id(reply.as_ref()),
            identity: identity.unwrap_or_default(),
            arrived: Some(arrived),
        })
    }
}
