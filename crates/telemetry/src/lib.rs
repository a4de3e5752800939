#![doc = include_str!("../README.md")]

mod access;
mod edge;
mod error;
mod gauges;
mod guard;
mod handles;
mod layer;
mod line;
mod metric;
mod process;
mod refusals;
mod registry;
mod sink;
mod spec;
mod telemetry;
mod time;

pub use error::TelemetryError;
pub use gauges::{FetchGauges, TargetGauges, TokenGauges};
pub use layer::LogLayer;
pub use metric::{METRICS, Metric, MetricKind};
pub use spec::{LogFormat, LogLevel, LoggingSpec, check_logging};
pub use telemetry::{CacheGauges, Published, PublishedEdge, Telemetry, init};
