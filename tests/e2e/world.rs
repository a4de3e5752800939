//! Everything that runs during one test, and the judgement of one request.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tempfile::TempDir;
use ztag_test_support::{
    Failure, ForwardAuth, MockServer, Ports, Proxy, Recorded, Response, Route, RunningProxy,
    Wiring, free_port, mismatches, scripted, send, upgrade, workspace,
};

use crate::scenario::{Case, CaseRequest, Expect, ExpectedRequest};

/// A proxy with all it talks to.
pub(crate) struct World {
    kind: Proxy,
    application: MockServer,
    forward_auth: ForwardAuth,
    proxy: RunningProxy,
    _identity: MockServer,
    _folder: TempDir,
}

impl World {
    /// Starts everything behind `proxy`.
    pub(crate) fn start(proxy: Proxy, identity: Vec<Route>) -> Result<Self, Failure> {
        let application = MockServer::application()?;
        let identity = MockServer::start(scripted(identity))?;
        let folder = tempfile::tempdir()?;
        let forward_auth = decide(proxy, &folder, identity.address())?;
        let running = proxy.start(&Wiring {
            decisions: forward_auth.address,
            application: application.address(),
        })?;
        Ok(Self {
            kind: proxy,
            application,
            forward_auth,
            proxy: running,
            _identity: identity,
            _folder: folder,
        })
    }

    /// Sends one request; the deviations from what is expected.
    pub(crate) fn play(&self, case: &Case) -> Vec<String> {
        let expect = case.expect(self.kind);
        self.application.take_recorded();
        let answer = exchange(self.proxy.address, &case.request);
        let arrived = self.application.take_recorded();
        match (answer, expect.refused) {
            (Ok(response), true) => refusal(&response, &arrived),
            (Ok(response), false) => judge(case, expect, &response, &arrived),
            (Err(error), true) if hung_up(&error) => untouched(&arrived),
            (Err(error), _) => vec![format!("no reply: {error}")],
        }
    }

    /// Kills forward-auth and sends `case` again: no answer must open no door.
    pub(crate) fn play_without_decisions(&mut self, case: &Case) -> Vec<String> {
        self.forward_auth.process.kill();
        self.application.take_recorded();
        let answer = exchange(self.proxy.address, &case.request);
        let mut deviations = untouched(&self.application.take_recorded());
        match answer {
            Ok(response) if response.status >= 400 => {}
            Ok(response) => deviations.push(format!("status {}", response.status)),
            Err(error) if hung_up(&error) => {}
            Err(error) => deviations.push(format!("no reply: {error}")),
        }
        deviations
    }

    /// What the servers said.
    pub(crate) fn log(&self) -> String {
        let mut log = self.proxy.process.log();
        log.push_str(&self.forward_auth.process.log());
        log
    }
}

fn decide(proxy: Proxy, folder: &TempDir, identity: SocketAddr) -> Result<ForwardAuth, Failure> {
    let port = free_port()?;
    let ports = Ports::new()
        .with(8080, port)
        .with(9901, free_port()?)
        .with(3100, identity.port());
    let text = fs::read_to_string(workspace().join("tests/e2e/config.yaml"))?;
    let config = folder.path().join("config.yaml");
    fs::write(&config, ports.render(&text))?;
    let dialect = |endpoint| format!("ZTAG_ENDPOINTS__{endpoint}__FORWARDPROXYPOLICY__DIALECT");
    ForwardAuth::start(
        &config,
        port,
        &[
            (&dialect("API"), proxy.name()),
            (&dialect("WEB"), proxy.name()),
        ],
    )
}

fn exchange(proxy: SocketAddr, request: &CaseRequest) -> io::Result<Response> {
    if !request.upgrade {
        return send(proxy, &request.build());
    }
    let (response, tunnel) = upgrade(proxy, &request.build())?;
    if let Some(mut tunnel) = tunnel {
        let sent = b"\x81\x05hello";
        if tunnel.echo(sent)? != sent {
            return Err(io::Error::other("the tunnel does not echo"));
        }
    }
    Ok(response)
}

fn hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

fn refusal(response: &Response, arrived: &[Recorded]) -> Vec<String> {
    let mut deviations = untouched(arrived);
    if ![400, 403, 404].contains(&response.status) {
        deviations.push(format!("status {} is no refusal", response.status));
    }
    deviations
}

fn untouched(arrived: &[Recorded]) -> Vec<String> {
    let seen = |request: &Recorded| format!("the application has seen `{}`", request.target);
    arrived.iter().map(seen).collect()
}

fn judge(case: &Case, expect: &Expect, response: &Response, arrived: &[Recorded]) -> Vec<String> {
    let mut deviations = Vec::new();
    if Some(response.status) != expect.status {
        let wanted = expect.status.unwrap_or_default();
        deviations.push(format!("status {} instead of {wanted}", response.status));
    }
    deviations.extend(mismatches(&response.headers, &expect.headers));
    let passes = matches!(expect.status, Some(101 | 200));
    match arrived {
        _ if !passes => deviations.extend(untouched(arrived)),
        [request] => deviations.extend(compare(case, &expect.application, request)),
        _ => deviations.push(format!("the application was asked {} times", arrived.len())),
    }
    deviations
}

fn compare(case: &Case, expect: &ExpectedRequest, request: &Recorded) -> Vec<String> {
    let mut deviations = mismatches(&request.headers, &expect.headers());
    if request.target != case.request.target {
        deviations.push(format!(
            "the application was asked for `{}`",
            request.target
        ));
    }
    for name in &expect.empty_or_absent {
        if let Some(value) = request
            .headers
            .value(name)
            .filter(|value| !value.is_empty())
        {
            deviations.push(format!("`{name}: {value}` arrived"));
        }
    }
    if expect
        .body
        .as_ref()
        .is_some_and(|body| body.as_bytes() != request.body)
    {
        deviations.push("the body arrived changed".to_owned());
    }
    deviations
}
