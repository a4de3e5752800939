//! Query strings.

use crate::failure::Failure;

/// Parameters by name, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The value of a parameter; empty where it is absent.
    pub(crate) fn text(&self, name: &str) -> &str {
        let mut pairs = self.0.iter();
        let found = pairs.find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// The whole number that a parameter writes.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i32>, Failure> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = |error| {
            let message =
                format!("type mismatch, parameter: {name}, error: parsing \"{text}\": {error}");
            Failure::validation(message)
        };
        text.parse().map(Some).map_err(wrong)
    }
}
