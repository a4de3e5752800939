//! Takes secrets out of what is shown to operators.

use serde_json::Value as Json;
use ztag_types::{Credential, Globals, Snapshot};

const REDACTED: &str = "[redacted]";

/// Shorter secrets are only recognised as whole strings: replacing them inside other text would
/// shred it.
const SHORTEST_PART: usize = 4;

/// The secrets of one decision.
#[derive(Default)]
pub(crate) struct Scrub {
    secrets: Vec<String>,
}

impl Scrub {
    /// Knows the server's secrets, the credentials presented, and the header fields that carry
    /// credentials whether admitted or not.
    pub(crate) fn new(globals: &Globals, request: &Snapshot, presented: &[Credential]) -> Self {
        let mut scrub = Self::default();
        for (_, secret) in globals.secrets.iter() {
            scrub.add(secret.as_str().unwrap_or_default());
        }
        for name in ["authorization", "proxy-authorization", "cookie", "dpop"] {
            let values = request.headers().raw().get_all(name);
            for value in values.iter().filter_map(|value| value.to_str().ok()) {
                scrub.add(value);
                value
                    .split([';', ' '])
                    .for_each(|part| scrub.add(part.trim()));
            }
        }
        for secret in presented.iter().filter_map(Credential::secret) {
            scrub.add(secret.expose());
        }
        // Longer ones first, so that a part of a secret never hides the rest of it.
        scrub
            .secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        scrub
    }

    fn add(&mut self, secret: &str) {
        const SCHEMES: [&str; 3] = ["bearer", "basic", "dpop"];
        if !secret.is_empty() && !SCHEMES.contains(&secret.to_ascii_lowercase().as_str()) {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Replaces every secret in every string of `json`, keys included.
    pub(crate) fn apply(&self, json: Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(items) => items.into_iter().map(|item| self.apply(item)).collect(),
            Json::Object(entries) => {
                let entries = entries.into_iter();
                entries
                    .map(|(key, value)| (self.text(key), self.apply(value)))
                    .collect()
            }
            other => other,
        }
    }

    fn text(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text == *secret {
                return REDACTED.to_owned();
            }
            if secret.len() >= SHORTEST_PART && text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REDACTED);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scrub(secrets: &[&str]) -> Scrub {
        let mut scrub = Scrub::default();
        for secret in secrets {
            scrub.add(secret);
        }
        scrub
    }

    #[test]
    fn secrets_vanish_wherever_they_stand() {
        let scrubbed = scrub(&["t0psecret", "abc"]).apply(json!({
            "a": ["xt0psecretx", "abc", "abcd"],
            "t0psecret": 1,
        }));
        let expected = json!({"a": ["x[redacted]x", "[redacted]", "abcd"], "[redacted]": 1});
        assert_eq!(scrubbed, expected);
    }

    #[test]
    fn the_scheme_of_a_credential_is_no_secret() {
        assert_eq!(
            scrub(&["Bearer", ""]).apply(json!("Bearer ")),
            json!("Bearer ")
        );
    }
}
