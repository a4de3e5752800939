//! Finding what stands at the most specific place of a request.
//!
//! Hosts first, then paths below the host found, then conditions. Nothing is ever looked for at a
//! broader place, so that a narrow route protects what it names also where it turns a request away.

mod locate;

use std::collections::{BTreeMap, HashMap};

use http::{HeaderMap, HeaderValue, Method};

use super::condition::Conditions;
use super::pattern::{HostPattern, PathPattern, is_under, segments};

/// What stands where.
#[derive(Clone, Debug)]
pub(super) struct Places<T> {
    exact: HashMap<Box<str>, Paths<T>, ahash::RandomState>,
    below: HashMap<Box<str>, Paths<T>, ahash::RandomState>,
    any: Paths<T>,
    /// Closed places, hosts by their end.
    closed: Vec<(Box<str>, Closed<T>)>,
}

/// A place, all below it included, that one value covers whatever else stands there.
#[derive(Clone, Debug)]
struct Closed<T> {
    stem: Box<str>,
    value: T,
}

/// The paths of one host.
#[derive(Clone, Debug)]
struct Paths<T> {
    root: Node<T>,
    closed: Vec<Closed<T>>,
}

/// A path: what stands there, what stands for all below, and the segments that go on.
#[derive(Clone, Debug)]
struct Node<T> {
    exact: Group<T>,
    below: Group<T>,
    children: BTreeMap<Box<str>, Self>,
}

/// All that stands at one place, narrowest first.
#[derive(Clone, Debug)]
struct Group<T>(Vec<(Conditions, T)>);

/// What a request finds.
#[derive(Debug)]
pub(super) enum Placed<'p, T> {
    /// This.
    Value(&'p T),
    /// Something for other methods: the value of `Allow`.
    Method(HeaderValue),
    /// A field by which values are told apart is there more than once.
    Ambiguous,
    /// Nothing.
    Nothing,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::default(),
            below: HashMap::default(),
            any: Paths::default(),
            closed: Vec::new(),
        }
    }
}

impl<T> Default for Paths<T> {
    fn default() -> Self {
        Self {
            root: Node::default(),
            closed: Vec::new(),
        }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            exact: Group(Vec::new()),
            below: Group(Vec::new()),
            children: BTreeMap::new(),
        }
    }
}

impl<T> Places<T> {
    /// Puts `value` there, behind all that is as narrow or narrower.
    pub(super) fn put(
        &mut self,
        host: &HostPattern,
        path: &PathPattern,
        conditions: Conditions,
        value: T,
    ) {
        let node = self.paths(host).root.descend(&path.segments);
        let group = if path.below {
            &mut node.below
        } else {
            &mut node.exact
        };
        let rank = conditions.rank();
        let at = group.0.partition_point(|(other, _)| other.rank() <= rank);
        group.0.insert(at, (conditions, value));
    }

    /// Closes `stem` and all below it on `host`.
    pub(super) fn close(&mut self, host: &HostPattern, stem: &str, value: T) {
        let stem = stem.into();
        self.paths(host).closed.push(Closed { stem, value });
    }

    /// Closes `stem` and all below it on every host that is `end` or below it, all hosts when
    /// `end` is empty.
    pub(super) fn close_hosts(&mut self, end: &str, stem: &str, value: T) {
        let stem = stem.into();
        self.closed.push((end.into(), Closed { stem, value }));
    }

    /// Finds what stands at the most specific place of a canonical host and path.
    pub(super) fn find(
        &self,
        host: &str,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Placed<'_, T> {
        let covers = |(end, closed): &&(Box<str>, Closed<T>)| {
            ends_with_labels(host, end) && is_under(path, &closed.stem)
        };
        if let Some((_, closed)) = self.closed.iter().find(covers) {
            return Placed::Value(&closed.value);
        }
        let paths = self.of(host);
        if let Some(closed) = paths
            .closed
            .iter()
            .find(|closed| is_under(path, &closed.stem))
        {
            return Placed::Value(&closed.value);
        }
        match paths.root.find(path) {
            Some(group) => group.choose(method, headers),
            None => Placed::Nothing,
        }
    }

    /// The paths of the most specific pattern for `host`.
    fn of(&self, host: &str) -> &Paths<T> {
        if let Some(paths) = self.exact.get(host) {
            return paths;
        }
        let mut rest = host;
        while !self.below.is_empty()
            && let Some((_, parent)) = rest.split_once('.')
        {
            if let Some(paths) = self.below.get(parent) {
                return paths;
            }
            rest = parent;
        }
        &self.any
    }

    fn paths(&mut self, host: &HostPattern) -> &mut Paths<T> {
        match host {
            HostPattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
            HostPattern::Below(name) => self.below.entry(name.clone()).or_default(),
            HostPattern::Any => &mut self.any,
        }
    }
}

impl<T> Node<T> {
    fn descend(&mut self, segments: &[Box<str>]) -> &mut Self {
        let mut node = self;
        for segment in segments {
            node = node.children.entry(segment.clone()).or_default();
        }
        node
    }

    /// The group of the longest pattern that fits. `/a/*` names `/a` as well.
    fn find(&self, path: &str) -> Option<&Group<T>> {
        let mut best = &self.below;
        let mut node = self;
        for segment in segments(path) {
            let Some(child) = node.children.get(segment) else {
                return best.named();
            };
            node = child;
            if !node.below.0.is_empty() {
                best = &node.below;
            }
        }
        node.exact.named().or(best.named())
    }
}

impl<T> Group<T> {
    fn named(&self) -> Option<&Self> {
        (!self.0.is_empty()).then_some(self)
    }

    fn choose(&self, method: &Method, headers: &HeaderMap) -> Placed<'_, T> {
        let mut refused = false;
        for (conditions, value) in &self.0 {
            if conditions
                .headers
                .iter()
                .any(|header| is_repeated(headers, &header.name))
            {
                return Placed::Ambiguous;
            }
            if conditions.fit_headers(headers) {
                if conditions.fit_method(method) {
                    return Placed::Value(value);
                }
                refused = true;
            }
        }
        if refused {
            Placed::Method(self.allow(headers))
        } else {
            Placed::Nothing
        }
    }

    /// The methods that a request with these fields could have.
    fn allow(&self, headers: &HeaderMap) -> HeaderValue {
        let fitting = self
            .0
            .iter()
            .filter(|(conditions, _)| conditions.fit_headers(headers));
        let mut names: Vec<&str> = fitting
            .flat_map(|(conditions, _)| &conditions.methods)
            .map(Method::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
    }
}

fn is_repeated(headers: &HeaderMap, name: &http::HeaderName) -> bool {
    headers.get_all(name).into_iter().nth(1).is_some()
}

/// Whether `host` is `end` or a name below it.
fn ends_with_labels(host: &str, end: &str) -> bool {
    end.is_empty()
        || host
            .strip_suffix(end)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
