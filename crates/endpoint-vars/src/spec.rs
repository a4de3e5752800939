//! The variables as written in the configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Variables of an endpoint by name: a template where the text contains `{{` or `{%`, else CEL.
/// Each is evaluated once per request; any may read any other, but not in a circle.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EndpointVarsSpec(pub BTreeMap<String, String>);

impl EndpointVarsSpec {
    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
