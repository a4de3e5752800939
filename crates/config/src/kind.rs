//! What documents define by name.

use ztag_types::{ConfigPath, Segment};

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Endpoint,
    Rule,
    Issuer,
    Introspection,
    Route,
    Upstream,
    FgaStore,
    Guardrail,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Endpoint,
        Self::Rule,
        Self::Issuer,
        Self::Introspection,
        Self::Route,
        Self::Upstream,
        Self::FgaStore,
        Self::Guardrail,
    ];

    /// The section of the document.
    pub(crate) const fn section(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoints",
            Self::Rule => "rules",
            Self::Issuer => "issuers",
            Self::Introspection => "introspection",
            Self::Route => "routes",
            Self::Upstream => "upstreams",
            Self::FgaStore => "fgaStores",
            Self::Guardrail => "guardrails",
        }
    }

    /// One of them, in messages.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Rule => "rule",
            Self::Issuer => "issuer",
            Self::Introspection => "introspection",
            Self::Route => "route",
            Self::Upstream => "upstream",
            Self::FgaStore => "store",
            Self::Guardrail => "guardrail",
        }
    }

    /// The same with its article.
    pub(crate) const fn a_word(self) -> &'static str {
        match self {
            Self::Endpoint => "an endpoint",
            Self::Rule => "a rule",
            Self::Issuer => "an issuer",
            Self::Introspection => "an introspection",
            Self::Route => "a route",
            Self::Upstream => "an upstream",
            Self::FgaStore => "a store",
            Self::Guardrail => "a guardrail",
        }
    }

    /// The kind that a section holds.
    pub(crate) fn of(section: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.section() == section)
    }

    /// The sections of all kinds.
    pub(crate) fn sections() -> Vec<&'static str> {
        Self::ALL.iter().map(|kind| kind.section()).collect()
    }

    /// The definition that `path` leads to or into.
    pub(crate) fn named_by(path: &ConfigPath) -> Option<(Self, &str)> {
        match path.segments() {
            [Segment::Key(section), Segment::Key(name), ..] => {
                Some((Self::of(section)?, name.as_str()))
            }
            _ => None,
        }
    }

    /// Where the definition called `name` stands.
    pub(crate) fn path(self, name: &str) -> ConfigPath {
        ConfigPath::root().key(self.section()).key(name)
    }

    /// The name as it is compared: endpoints are selected without regard to letter case.
    pub(crate) fn fold(self, name: &str) -> String {
        match self {
            Self::Endpoint => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        }
    }
}
