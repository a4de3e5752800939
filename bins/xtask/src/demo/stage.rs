//! One proxy with all that runs around it.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use ztag_test_support::{
    Failure, ForwardAuth, MockServer, Ports, Proxy, Request, RunningProxy, Wiring, copy_rendered,
    free_port, send, workspace,
};

/// Ports that the examples are written with.
const LISTEN: u16 = 8080;
const ADMIN: u16 = 9901;

/// A proxy, its forward-auth, and an application.
pub(super) struct Stage {
    pub(super) kind: Proxy,
    pub(super) proxy: RunningProxy,
    pub(super) admin_port: u16,
    /// The rules that forward-auth watches.
    pub(super) rules: PathBuf,
    forward_auth: ForwardAuth,
    _application: MockServer,
    _folder: TempDir,
}

/// What became of one request.
pub(super) struct Answer {
    /// The status that the client got.
    pub(super) status: u16,
    /// What forward-auth decided.
    pub(super) outcome: String,
    /// Its reason.
    pub(super) why: String,
}

impl Stage {
    /// Starts everything around `kind`, with the configuration of its example.
    pub(super) fn set(kind: Proxy) -> Result<Self, Failure> {
        let (listen, admin_port) = (free_port()?, free_port()?);
        let ports = Ports::new().with(LISTEN, listen).with(ADMIN, admin_port);
        let folder = tempfile::tempdir()?;
        copy_rendered(&workspace().join("examples"), folder.path(), &ports)?;
        let example = folder.path().join(format!("forward-auth-{}", kind.name()));
        let forward_auth = ForwardAuth::start(&example.join("config.yaml"), listen, &[])?;
        let application = MockServer::application()?;
        let proxy = kind.start(&Wiring {
            decisions: forward_auth.address,
            application: application.address(),
        })?;
        Ok(Self {
            kind,
            proxy,
            admin_port,
            rules: folder.path().join("forward-auth-rules/rules.yaml"),
            forward_auth,
            _application: application,
            _folder: folder,
        })
    }

    /// Sends a request through the proxy and looks up the decision in the log of forward-auth.
    pub(super) fn ask(&self, request: Request, id: &str) -> Result<Answer, Failure> {
        let request = request
            .header("Host: app.example.com")
            .header(format!("X-Request-ID: {id}"));
        let status = send(self.proxy.address, &request)?.status;
        let decision = |line: &str| line.contains(id) && line.contains(r#""msg":"decision""#);
        let line = self.forward_auth.process.wait_for_line(decision)?;
        let record: Value = serde_json::from_str(&line)
            .map_err(|error| Failure::new(format!("forward-auth logs `{line}`: {error}")))?;
        let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
        let outcome = text("outcome").to_owned();
        let mut why = text("reason").replace('_', " ");
        for (before, key) in [(" in rule ", "rule"), (": ", "detail")] {
            if outcome != "pass" && !text(key).is_empty() {
                why.extend([before, text(key)]);
            }
        }
        Ok(Answer {
            status,
            outcome,
            why,
        })
    }
}
