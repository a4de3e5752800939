//! Which names exist where an expression is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use ztag_types::Root;

use crate::shape::Shape;

/// The root names an expression may read, each with its slot in the scope and its shape.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    roots: BTreeMap<Arc<str>, (usize, Shape)>,
    /// The namespace names are looked up in first, such as `com.example`; policies have none.
    container: Option<Box<str>>,
}

impl Vocabulary {
    /// No names at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same names and `name`, read from `slot`; an earlier `name` is replaced.
    #[must_use]
    pub fn declare(mut self, name: &str, slot: usize, shape: Shape) -> Self {
        self.roots.insert(Arc::from(name), (slot, shape));
        self
    }

    /// The given roots in their standard slots and shapes.
    pub fn policy(roots: &[Root]) -> Self {
        let empty = Self::new();
        roots
            .iter()
            .fold(empty, |own, root| own.with(*root, standard_shape(*root)))
    }

    /// The same names and `root`, of this shape.
    #[must_use]
    pub fn with(self, root: Root, shape: Shape) -> Self {
        self.declare(root.as_str(), root.slot(), shape)
    }

    /// Slot and shape of `name`.
    pub fn find(&self, name: &str) -> Option<(usize, &Shape)> {
        self.roots.get(name).map(|(slot, shape)| (*slot, shape))
    }

    /// The same names, looked up in the namespace `container` first.
    #[must_use]
    pub(crate) fn within(mut self, container: &str) -> Self {
        self.container = (!container.is_empty()).then(|| container.into());
        self
    }

    /// Full name, slot and shape of `name`, seen from the innermost namespace outwards, or from
    /// the root only when `rooted`.
    pub(crate) fn resolve(&self, name: &str, rooted: bool) -> Option<(&Arc<str>, usize, &Shape)> {
        let mut container = self.container.as_deref().filter(|_| !rooted);
        while let Some(namespace) = container {
            if let Some(found) = self.entry(&format!("{namespace}.{name}")) {
                return Some(found);
            }
            container = namespace.rsplit_once('.').map(|(outer, _)| outer);
        }
        self.entry(name)
    }

    fn entry(&self, name: &str) -> Option<(&Arc<str>, usize, &Shape)> {
        let (name, (slot, shape)) = self.roots.get_key_value(name)?;
        Some((name, *slot, shape))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.roots.keys().map(AsRef::as_ref)
    }
}

fn standard_shape(root: Root) -> Shape {
    match root {
        Root::Request => request(),
        Root::Subrequest => subrequest(),
        Root::Admission => admission(),
        Root::Forward => Shape::record([("headers", texts()), ("query", texts())]),
        Root::Auth | Root::Rule => Shape::Any,
        Root::Backend => backend(),
        Root::Fga => fga(),
        Root::Guard => guard(),
        Root::Variables => variables(),
        Root::Response => Shape::map(Shape::Any),
        Root::Chain => Shape::list(Shape::Any),
        Root::Endpoint | Root::CorrelationId => Shape::String,
        Root::Now => Shape::Timestamp,
    }
}

fn texts() -> Shape {
    Shape::map(Shape::String)
}

fn request() -> Shape {
    Shape::record([
        ("method", Shape::String),
        ("path", Shape::String),
        ("host", Shape::String),
        ("port", Shape::Int),
        ("scheme", Shape::String),
        ("uri", Shape::String),
        ("query", texts()),
        ("headers", texts()),
        ("remoteAddr", Shape::String),
        ("body", Shape::Any),
        ("bodyText", Shape::String),
    ])
}

fn subrequest() -> Shape {
    Shape::record([
        ("method", Shape::String),
        ("path", Shape::String),
        ("host", Shape::String),
        ("query", texts()),
        ("headers", texts()),
        ("remoteAddr", Shape::String),
    ])
}

fn admission() -> Shape {
    Shape::record([
        ("authenticated", Shape::Bool),
        ("reason", Shape::String),
        ("decision", Shape::String),
        ("clientIp", Shape::String),
        ("trustedProxy", Shape::Bool),
        ("proxyStripped", Shape::Bool),
        ("forwardedFor", Shape::String),
        ("forwarded", Shape::String),
    ])
}

fn backend() -> Shape {
    let page = [
        ("status", Shape::Int),
        ("headers", texts()),
        ("body", Shape::Any),
        ("bodyText", Shape::String),
        ("accepted", Shape::Bool),
    ];
    let pages = page.clone().into_iter().chain([("url", Shape::String)]);
    let own = [
        ("requested", Shape::Bool),
        ("error", Shape::String),
        ("pages", Shape::list(Shape::record(pages))),
    ];
    Shape::record(page.into_iter().chain(own))
}

fn fga() -> Shape {
    Shape::record([
        ("allowed", Shape::Bool),
        ("results", Shape::list(Shape::Bool)),
        ("objects", Shape::list(Shape::String)),
        ("ids", Shape::list(Shape::String)),
        ("truncated", Shape::Bool),
    ])
}

fn guard() -> Shape {
    let finding = ["id", "kind", "channel", "place", "digest"].map(|name| (name, Shape::String));
    let finding = finding.into_iter().chain([("score", Shape::Double)]);
    Shape::record([
        ("verdict", Shape::String),
        ("score", Shape::Double),
        ("threshold", Shape::Double),
        ("masked", Shape::Int),
        ("complete", Shape::Bool),
        ("findings", Shape::list(Shape::record(finding))),
    ])
}

fn variables() -> Shape {
    Shape::record([
        ("endpoint", Shape::map(Shape::Any)),
        ("local", Shape::map(Shape::Any)),
        ("rule", Shape::map(Shape::map(Shape::Any))),
        ("environment", texts()),
        ("secrets", texts()),
    ])
}
