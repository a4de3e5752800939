//! Telemetry as a binary sets it up: once per process.
#![cfg(test)]

use ztag_telemetry::{LoggingSpec, TelemetryError, init};

#[test]
fn the_process_has_one_subscriber() {
    let telemetry = init(&LoggingSpec::default()).unwrap();
    assert!(tracing::enabled!(target: "ztag_config", tracing::Level::INFO));
    assert!(!tracing::enabled!(target: "ztag_config", tracing::Level::DEBUG));
    // What other crates say at this level may quote what passes through them.
    assert!(!tracing::enabled!(target: "hyper", tracing::Level::INFO));
    let again = init(&LoggingSpec::default());
    assert!(matches!(again, Err(TelemetryError::AlreadyInstalled)));
    drop(telemetry);
}
