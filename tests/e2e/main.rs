//! One scenario through real proxies: `scenario.yaml` behind the policy of `config.yaml`.
//!
//! Each test starts the whole row: a client that sends exact bytes, a real proxy with the
//! configuration of its example, `forward-auth`, an identity service and the application, both
//! recording what reaches them.

#![cfg(test)]

mod fail_closed;
mod keepalive;
mod reload;
mod scenario;
mod surfaces;
mod world;

use ztag_test_support::{Failure, Proxy};

use world::World;

#[test]
fn traefik() -> Result<(), Failure> {
    run(Proxy::Traefik)
}

#[test]
fn nginx() -> Result<(), Failure> {
    run(Proxy::Nginx)
}

#[test]
fn caddy() -> Result<(), Failure> {
    run(Proxy::Caddy)
}

#[test]
fn haproxy() -> Result<(), Failure> {
    run(Proxy::Haproxy)
}

#[test]
fn envoy() -> Result<(), Failure> {
    run(Proxy::Envoy)
}

/// Sends the whole scenario and reports every deviation at once.
fn run(proxy: Proxy) -> Result<(), Failure> {
    let scenario = scenario::load()?;
    let mut world = World::start(proxy, scenario.identity)?;
    let mut deviations: Vec<String> = scenario
        .requests
        .iter()
        .flat_map(|case| {
            let found = world.play(case);
            found
                .into_iter()
                .map(|what| format!("{}: {what}", case.name))
        })
        .collect();
    for case in scenario.requests.iter().take(1) {
        let found = world.play_without_decisions(case);
        deviations.extend(
            found
                .iter()
                .map(|what| format!("without forward-auth: {what}")),
        );
    }
    if deviations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} deviates:\n  {}\n{}",
        proxy.name(),
        deviations.join("\n  "),
        world.log(),
    )))
}
