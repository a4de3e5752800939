//! Pending.
use schemars::JsonSchema;
use serde::Deserialize;
/// x
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoggingSpec {
    pub level: Level,
    pub correlation_header: String,
}
/// x
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    #[default]
    Info,
    /// d
    Debug,
    Warn,
    Error,
}
