//! Changes to header fields that a route asks for.

use http::{HeaderMap, HeaderName, HeaderValue};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::names::{frames, is_hop_by_hop, is_internal, is_plain, speaks_for_a_proxy};
use crate::route::HeaderPolicySpec;

/// The compiled [`HeaderPolicySpec`].
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderPolicy {
    remove: Box<[HeaderName]>,
    set: Box<[(HeaderName, HeaderValue)]>,
    add: Box<[(HeaderName, HeaderValue)]>,
}

/// Which way the message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the upstream.
    Request,
    /// To the client.
    Response,
}

impl HeaderPolicy {
    /// Compiles `spec`, found at `at`. `managed` are the fields that somebody else sets in this
    /// direction.
    pub(crate) fn compile(
        spec: &HeaderPolicySpec,
        at: &ConfigPath,
        direction: Direction,
        managed: &[HeaderName],
        findings: &mut Findings,
    ) -> Self {
        let mut compiler = Compiler {
            direction,
            managed,
            findings,
        };
        let remove_at = at.key("remove");
        let remove = spec.remove.iter().enumerate();
        Self {
            remove: remove
                .filter_map(|(index, name)| compiler.name(name, &remove_at.index(index)))
                .collect(),
            set: compiler.fields(&spec.set, &at.key("set")),
            add: compiler.fields(&spec.add, &at.key("add")),
        }
    }

    /// Removes, sets and adds, in this order.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name, value.clone());
        }
    }
}

struct Compiler<'c> {
    direction: Direction,
    managed: &'c [HeaderName],
    findings: &'c mut Findings,
}

impl Compiler<'_> {
    fn fields(
        &mut self,
        fields: &std::collections::BTreeMap<String, String>,
        at: &ConfigPath,
    ) -> Box<[(HeaderName, HeaderValue)]> {
        let compiled = fields.iter().filter_map(|(name, value)| {
            let at = at.key(name);
            let (name, value) = (self.name(name, &at), self.value(value, &at));
            name.zip(value)
        });
        compiled.collect()
    }

    fn name(&mut self, text: &str, at: &ConfigPath) -> Option<HeaderName> {
        let found = self.check(text);
        self.findings.keep(
            found.map_err(|(code, what)| Diagnostic::error(code, at, format!("`{text}` {what}"))),
        )
    }

    fn check(&self, text: &str) -> Result<HeaderName, (Code, &'static str)> {
        let name = HeaderName::try_from(text.trim())
            .map_err(|_| (Code::InvalidName, "is not a header name"))?;
        let own = name.as_str();
        if !is_plain(own) {
            return Err((
                Code::InvalidName,
                "passes for another name; use letters, digits and `-`",
            ));
        }
        if is_hop_by_hop(own) || frames(own) {
            return Err((
                Code::InvalidName,
                "frames the message and cannot be changed",
            ));
        }
        let spoken = match self.direction {
            Direction::Request => speaks_for_a_proxy(own) || own == "via",
            Direction::Response => is_internal(own),
        };
        if spoken {
            return Err((Code::InvalidName, "is written by the gateway itself"));
        }
        if self.managed.contains(&name) {
            return Err((
                Code::Conflict,
                match self.direction {
                    Direction::Request => {
                        "is set by the endpoint or by `credentials`, and cannot be changed"
                    }
                    Direction::Response => "carries the correlation id and cannot be changed",
                },
            ));
        }
        Ok(name)
    }

    fn value(&mut self, text: &str, at: &ConfigPath) -> Option<HeaderValue> {
        let value = HeaderValue::try_from(text.trim()).map_err(|_| {
            let message = "a header value holds no line breaks or other controls";
            Diagnostic::error(Code::InvalidValue, at, message)
        });
        self.findings.keep(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(direction: Direction, text: &str) -> (HeaderPolicy, Vec<String>) {
        let spec: HeaderPolicySpec = serde_json::from_str(text).unwrap();
        let mut findings = Findings::new();
        let managed = [HeaderName::from_static("x-user")];
        let at = ConfigPath::root().key("h");
        let policy = HeaderPolicy::compile(&spec, &at, direction, &managed, &mut findings);
        let found = findings.as_slice().iter();
        let found = found.map(|found| format!("{} {}", found.code, found.path));
        (policy, found.collect())
    }

    #[test]
    fn removing_comes_before_setting_and_adding() {
        let text = r#"{"set": {"b": "2"}, "add": {"a": "2", "c": "1"}, "remove": ["c"]}"#;
        let (policy, found) = compile(Direction::Request, text);
        assert!(found.is_empty(), "{found:?}");
        let mut headers = HeaderMap::new();
        for (name, value) in [("a", "1"), ("b", "1"), ("c", "0")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        policy.apply(&mut headers);
        let lines = headers.iter().map(|(name, value)| {
            let value = value.to_str().unwrap();
            format!("{name}={value}")
        });
        assert_eq!(lines.collect::<Vec<_>>(), ["a=1", "a=2", "b=2", "c=1"]);
    }

    #[test]
    fn what_others_write_cannot_be_changed() {
        let text = r#"{
            "set": {
                "x-user": "root", "X_User": "root", "connection": "close", "content-length": "1",
                "x-forwarded-for": "::1", "host": "x", "a": "b\nc", "via": "x", "a b": ""
            },
            "remove": ["x-user", "transfer-encoding", "x-ztag-outcome"]
        }"#;
        let mut expected = vec![
            "C006 h.set.a",
            "C007 h.remove[0]",
            "C007 h.set.x-user",
            "C012 h.remove[1]",
            "C012 h.remove[2]",
            "C012 h.set.X_User",
            "C012 h.set.a b",
            "C012 h.set.connection",
            "C012 h.set.content-length",
            "C012 h.set.host",
            "C012 h.set.via",
            "C012 h.set.x-forwarded-for",
        ];
        let (_, mut found) = compile(Direction::Request, text);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_response_has_words_of_its_own() {
        let text = r#"{"set": {"x-frame-options": "DENY", "x-forwarded-for": "a"}, "remove": ["server", "x-ztag-a"]}"#;
        let (_, found) = compile(Direction::Response, text);
        assert_eq!(found, ["C012 h.remove[1]"]);
    }
}
