#![doc = include_str!("../README.md")]

mod access;
mod error;
mod handles;
mod layer;
mod line;
mod metric;
mod process;
mod registry;
mod sink;
mod spec;
mod telemetry;
mod time;

pub use error::TelemetryError;
pub use layer::LogLayer;
pub use metric::{METRICS, Metric, MetricKind};
pub use spec::{LogFormat, LogLevel, LoggingSpec, check_logging};
pub use telemetry::{CacheGauges, Published, Telemetry, init};
