//! The short variables of a gateway, such as `ZTAG_PORT`: it starts from these alone.
//!
//! Each names a key, or stands for a definition that no document has to write: an issuer, an
//! endpoint that asks for its tokens, an upstream, and a route that leads there.

use std::collections::BTreeMap;

use url::Url;
use ztag_types::{Code, ConfigPath, Diagnostic, Segment};

use super::{PREFIX, Variable};
use crate::document::{Content, Entry, Node};
use crate::note::Note;
use crate::place::{Archive, Origin, Place};

/// The short variables, without their prefix.
const NAMES: [&str; 15] = [
    "AUDIENCE",
    "AUTH0_DOMAIN",
    "BATCH_SIZE",
    "CACHE_SIZE",
    "CLIENT_ID",
    "CONNECTION_POOL_SIZE",
    "CONTENT_FILTERING",
    "FGA_API_URL",
    "FGA_STORE_ID",
    "HOST",
    "PORT",
    "PRIVATE_KEY",
    "PROMPT_INJECTION_DETECTION",
    "RATE_LIMIT_PER_MINUTE",
    "UPSTREAM",
];
/// The issuer they speak of.
const ISSUER: &str = "auth0";
/// The endpoint, upstream and route they stand for.
const DEFAULT: &str = "default";
/// What one remembered token takes at the most.
const TOKEN_BYTES: u64 = 1024;

/// What the short variables say.
#[derive(Debug, Default)]
pub(crate) struct Short<'e> {
    /// The keys they set.
    pub(super) variables: Vec<Variable<'e>>,
    /// What they define, for the names that no document defines.
    pub(crate) definitions: Vec<Entry>,
    /// Lists that they set as a whole.
    replaced: Vec<[&'static str; 3]>,
}

impl<'e> Short<'e> {
    /// Reads them; empty ones count as not set. What cannot be is noted. `documents` tells whether
    /// there is anything else to read, which may define routes.
    pub(crate) fn read(
        environment: &'e BTreeMap<String, String>,
        documents: bool,
        archive: &mut Archive,
        notes: &mut Vec<Note>,
    ) -> Self {
        let mut reading = Reading {
            environment,
            documents,
            archive,
            notes,
            short: Self::default(),
        };
        reading.listener();
        reading.client();
        reading.sizes();
        reading.issuer();
        reading.upstream();
        reading.unserved();
        reading.misspelt();
        reading.short
    }

    /// Removes what the variables set as a whole.
    pub(crate) fn clear(&self, tree: &mut Node) {
        for path in &self.replaced {
            let path = path.map(|key| Segment::Key(key.to_owned()));
            tree.remove(&path);
        }
    }

    fn set(&mut self, name: &'e str, value: impl Into<String>, path: &[&'static str]) {
        self.variables.push(Variable {
            name,
            value: value.into().into(),
            segments: path.to_vec(),
        });
    }
}

struct Reading<'e, 'l> {
    environment: &'e BTreeMap<String, String>,
    documents: bool,
    archive: &'l mut Archive,
    notes: &'l mut Vec<Note>,
    short: Short<'e>,
}

/// A variable that is set, and where to point for it.
#[derive(Clone, Copy)]
struct Given<'e> {
    name: &'e str,
    value: &'e str,
    place: Place,
}

impl<'e> Reading<'e, '_> {
    fn listener(&mut self) {
        if let Some(host) = self.given("HOST") {
            let path = ["server", "listen", "address"];
            self.short.set(host.name, host.value, &path);
        }
        let Some(port) = self.given("PORT") else {
            return;
        };
        if port.value.starts_with("tcp://") || port.value.starts_with("udp://") {
            // Kubernetes describes a service called `ztag` in this way.
            let message = format!("environment variable `{}` describes a service", port.name);
            let hint =
                "it has no effect; set `enableServiceLinks: false`, or name the service otherwise";
            self.note(port, warning(message).hint(hint));
            return;
        }
        let path = ["server", "listen", "port"];
        self.short.set(port.name, port.value, &path);
    }

    fn client(&mut self) {
        // The id alone says whom tokens are for; it is no identity to show.
        let Some(key) = self.given("PRIVATE_KEY") else {
            return;
        };
        let path = ["server", "clientAuth", "key"];
        self.short.set(key.name, key.value, &path);
        if let Some(id) = self.given("CLIENT_ID") {
            let path = ["server", "clientAuth", "clientId"];
            self.short.set(id.name, id.value, &path);
        }
    }

    fn sizes(&mut self) {
        if let Some(entries) = self.given("CACHE_SIZE")
            && let Some(number) = self.number(entries)
        {
            let bytes = number.saturating_mul(TOKEN_BYTES).to_string();
            let path = ["server", "tokens", "cache", "maxBytes"];
            self.short.set(entries.name, bytes, &path);
        }
        let Some(pool) = self.given("CONNECTION_POOL_SIZE") else {
            return;
        };
        let path = ["server", "backend", "pool", "maxIdlePerOrigin"];
        self.short.set(pool.name, pool.value, &path);
        if self.given("UPSTREAM").is_some() {
            let path = ["upstreams", DEFAULT, "pool", "maxIdle"];
            self.short.set(pool.name, pool.value, &path);
        }
    }

    /// Tokens of the issuer open the endpoint `default`.
    fn issuer(&mut self) {
        let Some(domain) = self.given("AUTH0_DOMAIN") else {
            return;
        };
        let issuer = if domain.value.contains("://") {
            domain.value.to_owned()
        } else {
            format!("https://{}/", domain.value.trim_end_matches('/'))
        };
        let path = ["issuers", ISSUER, "issuer"];
        self.short.set(domain.name, issuer.clone(), &path);
        if let Some(audience) = self.given("AUDIENCE") {
            let path = ["issuers", ISSUER, "audiences"];
            self.short.replaced.push(path);
            let path = [&path[..], &["0"]].concat();
            self.short.set(audience.name, audience.value, &path);
        }
        let audience = self.given("AUDIENCE").or_else(|| self.given("CLIENT_ID"));
        let audiences = audience.map(|given| given.text()).into_iter().collect();
        let definition = domain.map([
            ("profile", domain.literal("auth0")),
            ("issuer", domain.literal(&issuer)),
            ("audiences", domain.list(audiences)),
        ]);
        self.define("issuers", ISSUER, domain, definition);
        let jwt = domain.list(vec![domain.literal(ISSUER)]);
        let allow = domain.map([("allow", domain.map([("jwt", jwt)]))]);
        let definition = domain.map([("authentication", allow)]);
        self.define("endpoints", DEFAULT, domain, definition);
    }

    /// Everything leads to the upstream, past the endpoint `default`.
    fn upstream(&mut self) {
        let Some(upstream) = self.given("UPSTREAM") else {
            return;
        };
        if !self.documents && self.given("AUDIENCE").is_none() {
            let message = format!("`{}` needs `ZTAG_AUDIENCE`", upstream.name);
            let hint = "set the identifier of your API: tokens for `ZTAG_CLIENT_ID` tell a client \
                        who its user is, and open no API";
            let found = Diagnostic::error(Code::MissingKey, &ConfigPath::root(), message);
            self.note(upstream, found.hint(hint));
        }
        let path = ["upstreams", DEFAULT, "targets"];
        self.short.replaced.push(path);
        let path = [&path[..], &["0", "url"]].concat();
        self.short.set(upstream.name, upstream.value, &path);
        let target = upstream.map([("url", upstream.text())]);
        let definition = upstream.map([("targets", upstream.list(vec![target]))]);
        self.define("upstreams", DEFAULT, upstream, definition);
        let definition = upstream.map([
            ("endpoint", upstream.literal(DEFAULT)),
            ("upstream", upstream.literal(DEFAULT)),
        ]);
        self.define("routes", DEFAULT, upstream, definition);
    }

    /// Whether anything can be forwarded; if not, there is nothing to protect either.
    fn forwards(&self) -> bool {
        const ROUTING: [&str; 4] = [
            "ZTAG_UPSTREAM",
            "ZTAG_ROUTES__",
            "ZTAG_SERVER__RULES__",
            "ZTAG_ENDPOINTS__",
        ];
        let routing = |name: &String| {
            let name = name.to_ascii_uppercase();
            ROUTING.iter().any(|prefix| name.starts_with(prefix))
        };
        self.documents || self.environment.keys().any(routing)
    }

    /// What no part of this program serves. A protection that is asked for and not there is an
    /// error where requests are forwarded: nobody shall believe to be protected.
    fn unserved(&mut self) {
        let forwards = self.forwards();
        for (name, what) in [
            ("CONTENT_FILTERING", "content filtering"),
            ("PROMPT_INJECTION_DETECTION", "prompt injection detection"),
            ("RATE_LIMIT_PER_MINUTE", "rate limiting"),
        ] {
            let Some(given) = self.given(name) else {
                continue;
            };
            let asked = if name == "RATE_LIMIT_PER_MINUTE" {
                self.number(given).map(|number| number > 0)
            } else {
                self.switch(given)
            };
            if asked == Some(true) {
                let message = format!("{what} is not available in this build");
                let hint = format!(
                    "remove `{}`, and protect yourself by other means",
                    given.name
                );
                let path = ConfigPath::root();
                let found = if forwards {
                    Diagnostic::error(Code::InvalidValue, &path, message)
                } else {
                    Diagnostic::warning(Code::InvalidValue, &path, message)
                };
                self.note(given, found.hint(hint));
            }
        }
        for name in ["FGA_API_URL", "FGA_STORE_ID", "BATCH_SIZE"] {
            let Some(given) = self.given(name) else {
                continue;
            };
            let sound = match name {
                "FGA_API_URL" => self.address(given),
                "BATCH_SIZE" => self.number(given).is_some(),
                _ => true,
            };
            if sound {
                let message = format!("environment variable `{}` has no effect", given.name);
                let hint = "nothing in this build asks an authorization server";
                self.note(given, warning(message).hint(hint));
            }
        }
    }

    /// Complains about names that are nearly ours: a protection that is spelt wrong is none.
    fn misspelt(&mut self) {
        for name in self.environment.keys() {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            if rest.contains("__") || NAMES.contains(&rest) {
                continue;
            }
            if let Some(near) = Diagnostic::nearest(rest, NAMES) {
                let message = format!("environment variable `{name}` names no key");
                let path = ConfigPath::root();
                let found = Diagnostic::error(Code::UnknownEnvironment, &path, message);
                let hint = format!("did you mean `{PREFIX}{near}`?");
                self.notes.push(Note::anywhere(found.hint(hint)));
            }
        }
    }

    fn given(&mut self, name: &str) -> Option<Given<'e>> {
        let full = format!("{PREFIX}{name}");
        let (name, value) = self.environment.get_key_value(&full)?;
        if value.trim().is_empty() {
            return None;
        }
        let origin = Origin::Environment(name.clone());
        let source = self.archive.add(origin, value.clone());
        Some(Given {
            name,
            value,
            place: Place::new(source, 0..value.len()),
        })
    }

    fn number(&mut self, given: Given<'_>) -> Option<u64> {
        let number = given.value.trim().parse().ok();
        if number.is_none() {
            self.refuse(given, "an integer");
        }
        number
    }

    fn switch(&mut self, given: Given<'_>) -> Option<bool> {
        let on = match given.value.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        };
        if on.is_none() {
            self.refuse(given, "`true` or `false`");
        }
        on
    }

    fn address(&mut self, given: Given<'_>) -> bool {
        let url = Url::parse(given.value);
        let sound = url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !sound {
            self.refuse(given, "an http or https URL");
        }
        sound
    }

    fn refuse(&mut self, given: Given<'_>, wanted: &str) {
        let message = format!("environment variable `{}` must hold {wanted}", given.name);
        let found = Diagnostic::error(Code::WrongType, &ConfigPath::root(), message);
        self.note(given, found);
    }

    fn note(&mut self, given: Given<'_>, diagnostic: Diagnostic) {
        self.notes.push(Note::at(diagnostic, given.place));
    }

    fn define(&mut self, section: &str, name: &str, given: Given<'_>, definition: Node) {
        let named = given.map([(name, definition)]);
        self.short.definitions.push(given.entry(section, named));
    }
}

impl Given<'_> {
    fn node(&self, content: Content) -> Node {
        Node {
            content,
            place: self.place,
        }
    }

    fn text(&self) -> Node {
        self.literal(self.value)
    }

    fn literal(&self, text: &str) -> Node {
        self.node(Content::Text(text.to_owned()))
    }

    fn list(&self, items: Vec<Node>) -> Node {
        self.node(Content::List(items))
    }

    fn map<const N: usize>(&self, entries: [(&str, Node); N]) -> Node {
        let entries = entries.into_iter();
        let entries = entries.map(|(key, node)| self.entry(key, node));
        self.node(Content::Map(entries.collect()))
    }

    fn entry(&self, key: &str, node: Node) -> Entry {
        Entry {
            key: key.to_owned(),
            key_place: self.place,
            node,
        }
    }
}

fn warning(message: String) -> Diagnostic {
    Diagnostic::warning(Code::UnknownEnvironment, &ConfigPath::root(), message)
}

#[cfg(test)]
mod tests;
