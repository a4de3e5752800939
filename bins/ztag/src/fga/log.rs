//! What a server logs, and how: lines on standard output, as the gateways write them.

use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::json;
use ztag_telemetry::{LogFormat, LogLevel, LoggingSpec, Telemetry};

use super::trouble::Trouble;

#[derive(Debug, Args)]
pub(super) struct LogArguments {
    /// Least severity that is logged: `error`, `warn`, `info` or `debug`.
    #[arg(long, value_name = "LEVEL", env = "ZTAG_LOG_LEVEL", default_value = "info", value_parser = word::<LogLevel>)]
    log_level: LogLevel,

    /// How lines are written: `json`, one object each, or `text`.
    #[arg(long, value_name = "FORMAT", env = "ZTAG_LOG_FORMAT", default_value = "json", value_parser = word::<LogFormat>)]
    log_format: LogFormat,
}

impl LogArguments {
    /// Logs from now on. What comes back writes the lines that wait when it is dropped.
    pub(super) fn start(&self) -> Result<Telemetry, Trouble> {
        let spec = LoggingSpec {
            level: self.log_level,
            format: self.log_format,
            ..LoggingSpec::default()
        };
        ztag_telemetry::init(&spec).map_err(|error| Trouble::new(format!("cannot log: {error}")))
    }
}

/// Reads a word as configuration files write it.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(json!(text)).map_err(|error| error.to_string())
}
