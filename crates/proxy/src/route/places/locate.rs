//! Where in the table a request comes to stand, told for people.

use http::{HeaderMap, Method};
use ztag_pipeline::RouteMatch;

use super::{Group, Paths, Places, ends_with_labels, is_repeated};
use crate::route::RouteTable;
use crate::route::condition::Conditions;
use crate::route::pattern::{HostPattern, PathPattern, is_under, segments};

impl RouteTable {
    /// What of the route that [`Self::find`] finds fits the request; none where it finds none, or
    /// a broken one whose place could not be read.
    pub(crate) fn locate(
        &self,
        host: &str,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<RouteMatch> {
        let (host, path, conditions) = self.places.locate(host, path, method, headers)?;
        let methods = conditions.methods.iter().map(Method::to_string);
        let names = conditions
            .headers
            .iter()
            .map(|header| header.name.to_string());
        Some(RouteMatch {
            host: host.to_string(),
            path: path.to_string(),
            methods: methods.collect(),
            headers: names.collect(),
        })
    }
}

impl<T> Places<T> {
    /// The patterns and conditions behind what [`Self::find`] finds.
    pub(in crate::route) fn locate(
        &self,
        host: &str,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<(HostPattern, PathPattern, &Conditions)> {
        let (pattern, paths) = self.at(host);
        let is_closed = self.is_closed(host, path) || paths.is_closed(path);
        let (group, path) = paths.at(path).filter(|_| !is_closed)?;
        Some((pattern, path, group.fitting(method, headers)?))
    }

    fn is_closed(&self, host: &str, path: &str) -> bool {
        let mut closed = self.closed.iter();
        closed.any(|(end, closed)| ends_with_labels(host, end) && is_under(path, &closed.stem))
    }

    /// The most specific pattern for `host`, and its paths.
    fn at(&self, host: &str) -> (HostPattern, &Paths<T>) {
        if let Some(paths) = self.exact.get(host) {
            return (HostPattern::Exact(host.into()), paths);
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(paths) = self.below.get(parent) {
                return (HostPattern::Below(parent.into()), paths);
            }
            rest = parent;
        }
        (HostPattern::Any, &self.any)
    }
}

impl<T> Paths<T> {
    /// What stands at the longest pattern that fits, and that pattern.
    fn at(&self, path: &str) -> Option<(&Group<T>, PathPattern)> {
        let mut walked: Vec<Box<str>> = Vec::new();
        let pattern = |segments: &[Box<str>], below| PathPattern {
            segments: segments.to_vec(),
            below,
        };
        let mut best = self
            .root
            .below
            .named()
            .map(|group| (group, pattern(&[], true)));
        let mut node = &self.root;
        for segment in segments(path) {
            let Some(child) = node.children.get(segment) else {
                return best;
            };
            node = child;
            walked.push(segment.into());
            if let Some(group) = node.below.named() {
                best = Some((group, pattern(&walked, true)));
            }
        }
        let exact = node.exact.named();
        exact.map(|group| (group, pattern(&walked, false))).or(best)
    }

    fn is_closed(&self, path: &str) -> bool {
        let mut stems = self.closed.iter().map(|closed| &closed.stem);
        stems.any(|stem| is_under(path, stem))
    }
}

impl<T> Group<T> {
    /// The conditions of what it chooses.
    fn fitting(&self, method: &Method, headers: &HeaderMap) -> Option<&Conditions> {
        for (conditions, _) in &self.0 {
            let mut names = conditions.headers.iter().map(|header| &header.name);
            if names.any(|name| is_repeated(headers, name)) {
                return None;
            }
            if conditions.fit_headers(headers) && conditions.fit_method(method) {
                return Some(conditions);
            }
        }
        None
    }
}
