//! Rules edited while requests come in through a real proxy.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use ztag_test_support::{
    Failure, ForwardAuth, MockServer, Ports, Proxy, Request, RunningProxy, Wiring, copy_rendered,
    free_port, send, workspace,
};

/// Between two looks at something that cannot be waited for, and how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const ATTEMPTS: u32 = 1_500;

/// The metric that counts refused reloads.
const REFUSALS: &str = "ztag_config_reloads_total{result=\"failure\"}";

/// The example of a proxy, running, with rules that can be edited.
struct Edited {
    rules: PathBuf,
    admin: SocketAddr,
    proxy: RunningProxy,
    forward_auth: ForwardAuth,
    _application: MockServer,
    _folder: TempDir,
}

#[test]
fn an_edited_rule_takes_effect_and_a_broken_one_opens_nothing() -> Result<(), Failure> {
    let edited = Edited::set(Proxy::Nginx)?;
    let first = fs::read_to_string(&edited.rules)?;
    edited.wait("the token passes", |edited| edited.status() == Ok(200))?;

    // The token is no longer known.
    fs::write(
        &edited.rules,
        first.replace("[t-alice, t-root]", "[t-root]"),
    )?;
    edited.wait("the edit takes effect", |edited| edited.status() == Ok(403))?;

    // What cannot be read, or is gone, leaves the last good rules in place.
    fs::write(&edited.rules, "rules: {known: [")?;
    edited.wait("the broken file is noticed", |edited| {
        edited.refusals() >= 1
    })?;
    edited.expect(403)?;
    fs::remove_file(&edited.rules)?;
    edited.wait("the missing file is noticed", |edited| {
        edited.refusals() >= 2
    })?;
    edited.expect(403)?;

    fs::write(&edited.rules, &first)?;
    edited.wait("the repair takes effect", |edited| {
        edited.status() == Ok(200)
    })
}

impl Edited {
    fn set(kind: Proxy) -> Result<Self, Failure> {
        let (listen, admin) = (free_port()?, free_port()?);
        let ports = Ports::new().with(8080, listen).with(9901, admin);
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
            rules: folder.path().join("forward-auth-rules/rules.yaml"),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin)),
            proxy,
            forward_auth,
            _application: application,
            _folder: folder,
        })
    }

    /// What a request of alice gets.
    fn status(&self) -> Result<u16, ()> {
        let request = Request::new("GET", "/orders/7")
            .header("Host: app.example.com")
            .header("Authorization: Bearer t-alice");
        let response = send(self.proxy.address, &request);
        response.map(|response| response.status).map_err(drop)
    }

    /// How many reloads were refused so far.
    fn refusals(&self) -> u32 {
        let request = Request::new("GET", "/metrics").header("Host: 127.0.0.1");
        let metrics = send(self.admin, &request).map(|response| response.text());
        let count = metrics.ok().and_then(|text| {
            let counts = |line: &str| line.strip_prefix(REFUSALS)?.trim().parse().ok();
            text.lines().find_map(counts)
        });
        count.unwrap_or(0)
    }

    fn expect(&self, status: u16) -> Result<(), Failure> {
        let found = self.status();
        if found == Ok(status) {
            return Ok(());
        }
        let log = self.forward_auth.process.log();
        Err(Failure::new(format!(
            "{found:?} instead of {status}\n{log}"
        )))
    }

    fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            if holds(self) {
                return Ok(());
            }
            thread::park_timeout(LOOK_AGAIN);
        }
        let log = self.forward_auth.process.log();
        Err(Failure::new(format!("never happens: {what}\n{log}")))
    }
}
