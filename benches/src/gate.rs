//! What a gateway serves, compiled in this process.

use std::fs;
use std::sync::Arc;

use ztag_config::{Program, Routing, Sources, Stores, compile, load};
use ztag_pipeline::Plan;
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
