//! A gateway with a recording application behind it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tempfile::TempDir;
use ztag_test_support::{Failure, Gateway, MockServer, Request, free_port, send};

/// Routes and endpoints that most tests are content with: `/open` is everybody's, the rest needs the
/// token `t-alice`. `{upstream}` is the address of the application.
pub(crate) const POLICY: &str = r#"
endpoints:
  api:
    authentication: {allow: {authorization: [bearer]}}
    rules: [{name: identify}]
    responsePolicy: {pass: {headers: {x-user: "{{ response.user }}"}}}
rules:
  identify:
    auth: [{match: [{type: bearer, value: t-alice}]}]
    responses: {pass: {variables: {user: "'alice'"}}}
routes:
  everything: {endpoint: api, upstream: app, upgrade: [websocket]}
  open: {paths: [/open, /open/*], public: true, upstream: app, upgrade: [websocket]}
upstreams:
  app: {targets: [{url: 'http://{upstream}'}]}
"#;

/// A running gateway and what it stands before.
pub(crate) struct House {
    /// The gateway.
    pub(crate) gateway: Gateway,
    /// The admin listener.
    pub(crate) admin: SocketAddr,
    /// Holds the configuration.
    pub(crate) folder: TempDir,
}

impl House {
    /// Starts a gateway with the default policy before `upstream`; `server` is added to its
    /// section of that name.
    pub(crate) fn before(upstream: &MockServer, server: &str) -> Result<Self, Failure> {
        let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
        Self::open(tempfile::tempdir()?, server, &policy)
    }

    /// Starts a gateway. `server` holds lines of its section, indented by two; `listen` goes on
    /// with lines indented by four.
    pub(crate) fn open(folder: TempDir, server: &str, policy: &str) -> Result<Self, Failure> {
        let (port, admin) = (free_port()?, free_port()?);
        let config = folder.path().join("config.yaml");
        let text = format!(
            "server:\n  admin: {{port: {admin}}}\n{server}  listen:\n    address: 127.0.0.1\n    \
             port: {port}\n"
        );
        // Lines of `listen` stand last, so that they can go on.
        let (listen, policy) = policy.split_once("%%\n").unwrap_or(("", policy));
        fs::write(&config, text + listen + policy)?;
        let gateway = Gateway::start(&config, port, &[])?;
        Ok(Self {
            gateway,
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin)),
            folder,
        })
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.address
    }

    /// The status of a request of alice on a connection of its own.
    pub(crate) fn status(&self, path: &str) -> Option<u16> {
        let request = Request::new("GET", path)
            .header("Host: app.example.com")
            .header("Authorization: Bearer t-alice");
        send(self.address(), &request)
            .ok()
            .map(|reply| reply.status)
    }

    /// The value of a metric without labels, or of the series that begins with `name`.
    pub(crate) fn metric(&self, name: &str) -> Result<f64, Failure> {
        let request = Request::new("GET", "/metrics").header("Host: localhost");
        let text = send(self.admin, &request)?.text();
        let value = text.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?.trim();
            rest.split_whitespace().next_back()?.parse().ok()
        });
        value.ok_or_else(|| Failure::new(format!("no metric `{name}`")))
    }

    /// Resident memory of the gateway, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        resident(self.gateway.process.id())
    }
}

/// Resident memory of a process, in bytes.
fn resident(process: u32) -> Result<u64, Failure> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(Path::new(&path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    let kilobytes = kilobytes.ok_or_else(|| Failure::new("no VmRSS"))?;
    Ok(kilobytes * 1024)
}
