//! One proxy with all that runs around it.

use std::path::PathBuf;

use tempfile::TempDir;
use ztag_test_support::{
    Failure, ForwardAuth, MockServer, Ports, Proxy, Request, RunningProxy, Wiring, copy_rendered,
    free_port, workspace,
};

use super::answer::{Answer, ask};
use super::table::{Row, Table};

/// Ports that the examples are written with.
const LISTEN: u16 = 8080;
const ADMIN: u16 = 9901;

const ALICE: &str = "Authorization: Bearer t-alice";
const ROOT: &str = "Authorization: Bearer t-root";

/// A request: method, target, header lines, what stands in the table for these, and the status
/// that must come of it.
type Scene = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    u16,
);

const SCENES: [Scene; 9] = [
    ("GET", "/orders/7", &[ALICE], "alice's token", 200),
    ("GET", "/orders/7", &[], "no credential", 401),
    (
        "GET",
        "/orders/7",
        &["Authorization: Bearer t-eve"],
        "unknown token",
        403,
    ),
    ("GET", "/admin/users", &[ALICE], "alice's token", 403),
    ("GET", "/admin/users", &[ROOT], "root's token", 200),
    (
        "DELETE",
        "/orders/7",
        &[ALICE, "X-Forwarded-Method: GET"],
        "alice, claims GET",
        403,
    ),
    ("GET", "/public/..;/admin", &[ALICE], "alice, odd path", 403),
    ("GET", "/web/inbox", &[], "no session", 302),
    (
        "GET",
        "/web/inbox",
        &["Cookie: session=s-carol"],
        "carol's session",
        200,
    ),
];

/// A proxy, its forward-auth, and an application.
pub(super) struct Stage {
    kind: Proxy,
    proxy: RunningProxy,
    admin_port: u16,
    /// The rules that forward-auth watches.
    rules: PathBuf,
    forward_auth: ForwardAuth,
    _application: MockServer,
    _folder: TempDir,
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

    /// Sends every scene through the proxy and writes down what became of it.
    pub(super) fn play(&self, table: &mut Table) -> Result<(), Failure> {
        for (index, (method, target, lines, shows, wanted)) in SCENES.iter().enumerate() {
            let mut request = Request::new(method, *target);
            for line in *lines {
                request = request.header(*line);
            }
            let id = format!("demo-{}-{index}", self.kind.name());
            let answer = self.ask(request, &id)?;
            table.add(Row {
                door: self.kind.name(),
                request: format!("{method} {target}"),
                shows,
                answer,
                wanted: *wanted,
            });
        }
        Ok(())
    }

    fn ask(&self, request: Request, id: &str) -> Result<Answer, Failure> {
        ask(self.proxy.address, &self.forward_auth.process, request, id)
    }

    /// Says what to try while everything is up.
    pub(super) fn invite(&self) {
        let (name, address) = (self.kind.name(), self.proxy.address);
        println!("\n  {name}, which asks forward-auth");
        println!("    curl -i -H '{ALICE}' http://{address}/orders/7");
        println!("    curl -i -H '{ALICE}' http://{address}/admin/users");
        println!("    curl -i http://{address}/web/inbox");
        println!("    rules, watched: {}", self.rules.display());
        println!(
            "    the compiled policy: http://127.0.0.1:{}/explain",
            self.admin_port
        );
    }
}
