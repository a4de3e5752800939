//! What a gateway serves, compiled in this process, and a gateway that serves it.

use std::fs;
use std::io::sink;
use std::net::SocketAddr;
use std::sync::Arc;

use ztag_config::{Program, Routing, Sources, Stores, compile, load};
use ztag_pipeline::{Intake, Pipeline, Plan, PlanHandle};
use ztag_proxy::{EdgeHandle, GatewayService};
use ztag_server::{LimitsSpec, Listen, Server, Shutdown};
use ztag_telemetry::{LoggingSpec, Telemetry};
use ztag_test_support::Failure;
use ztag_types::SystemClock;

/// Compiles the gateway configuration `text`. It is not put in force.
///
/// # Errors
/// When it has findings.
pub fn gate(text: &str) -> Result<(Plan, Routing), Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, text)?;
    let loaded = load(&Sources::file(file).read_by(Program::Gateway));
    let stores = Stores::offline(&loaded, Arc::new(SystemClock::new()))
        .map_err(|report| Failure::new(report.to_human()))?;
    let compiled = compile(&loaded, &stores);
    let sound = compiled.report.is_empty();
    let served = compiled.plan.zip(compiled.routing).filter(|_| sound);
    served.ok_or_else(|| Failure::new(compiled.report.to_human()))
}

/// A gateway with one worker and this policy, which serves until the process ends.
///
/// # Errors
/// When the policy has findings, or no port is free.
pub fn serve(policy: &str) -> Result<(SocketAddr, Shutdown), Failure> {
    let (plan, routing) = gate(policy)?;
    let telemetry = Telemetry::new(&LoggingSpec::default(), sink());
    let telemetry = telemetry.map_err(|error| Failure::new(error.to_string()))?;
    plan.publish_to(&telemetry);
    let plans = PlanHandle::new(plan);
    let edges = EdgeHandle::new(plans.load_full(), routing.table);
    let limits = LimitsSpec {
        workers: 1,
        ..LimitsSpec::default()
    };
    let (intake, shutdown) = (Intake::new(&limits), Shutdown::new());
    let pipeline = Pipeline::new(plans, telemetry, Arc::new(SystemClock::new()));
    let service = GatewayService::new(pipeline, edges, None, intake, shutdown.clone());
    let listen = Listen::plain(SocketAddr::from(([127, 0, 0, 1], 0)), limits);
    let server = Server::start(&listen, &shutdown, move || service.clone())?;
    let address = server.address();
    std::mem::forget(server);
    Ok((address, shutdown))
}
