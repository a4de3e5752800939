//! Routes that cannot be read whole: what is known of the place they were meant for, so that they
//! are closed there and no broader route answers in their stead.

use ztag_proxy::{RouteSpec, WrittenRoute};
use ztag_types::Diagnostic;

use super::{Definition, Loading, Named};
use crate::document::{Content, Entry, Node};
use crate::kind::Kind;
use crate::schema::{Others, Shape};

/// A route that cannot be read whole.
#[derive(Debug)]
pub(crate) struct UnreadRoute {
    pub(crate) name: String,
    hosts: Option<Vec<String>>,
    paths: Option<Vec<String>>,
}

impl UnreadRoute {
    /// What is known of its place.
    pub(crate) fn written(&self) -> WrittenRoute<'_> {
        WrittenRoute::Unreadable {
            hosts: self.hosts.as_deref(),
            paths: self.paths.as_deref(),
        }
    }

    fn of(name: &str, node: &Node, keys: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            hosts: place(node, "hosts", keys),
            paths: place(node, "paths", keys),
        }
    }
}

impl Loading<'_> {
    /// The routes that are broken or stand twice; of the latter, every copy.
    pub(super) fn unread_routes(
        &self,
        tree: &Node,
        routes: &Named<RouteSpec>,
        twice: &[(Kind, Vec<Vec<Entry>>)],
    ) -> Vec<UnreadRoute> {
        let shape = self.schema.shape().property(Kind::Route.section());
        let shape = match shape.map(|shape| shape.others()) {
            Some(Others::Each(shape)) => Some(shape),
            _ => None,
        };
        let keys: Vec<_> = shape.iter().flat_map(Shape::properties).collect();
        let copies = twice.iter().filter(|(kind, _)| *kind == Kind::Route);
        let copies = copies.flat_map(|(_, names)| names.iter().flatten());
        let section = tree.get(Kind::Route.section());
        let single = section.map(Node::entries).unwrap_or_default().iter();
        let broken = single.filter(|entry| {
            let definition = routes.get(&entry.key);
            definition.and_then(Definition::sound).is_none()
        });
        let unread = copies.chain(broken);
        unread
            .map(|entry| UnreadRoute::of(&entry.key, &entry.node, &keys))
            .collect()
    }
}

/// What `route` says under `key`, a list of texts of which none means all; `None` when that
/// cannot be known. `known` are the keys that a route may have.
fn place(route: &Node, key: &str, known: &[&str]) -> Option<Vec<String>> {
    if !matches!(route.content, Content::Map(_)) {
        return None;
    }
    let Some(value) = route.get(key) else {
        let strange = |entry: &&Entry| !known.contains(&entry.key.as_str());
        let mut strange = route.entries().iter().filter(strange);
        let meant = strange.any(|entry| may_mean(&entry.key, key, known));
        return (!meant).then(Vec::new);
    };
    let text = |node: &Node| node.as_str().map(str::to_owned);
    match &value.content {
        Content::List(items) => items.iter().map(text).collect(),
        Content::Text(_) => text(value).map(|text| vec![text]),
        _ => None,
    }
}

/// Whether somebody may have written `strange` for `key`: unless it is a misspelt other key.
fn may_mean(strange: &str, key: &str, known: &[&str]) -> bool {
    Diagnostic::nearest(strange, known.iter().copied()).is_none_or(|near| near == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Format;
    use crate::place::SourceId;

    const KEYS: [&str; 5] = ["hosts", "paths", "timeout", "endpoint", "upstream"];

    #[test]
    fn attack_10_the_place_of_a_broken_route_is_what_it_can_only_mean() {
        let check = |text: &str, hosts: Option<&[&str]>, paths: Option<&[&str]>| {
            let node = Format::Yaml.parse(text, SourceId::FIRST).unwrap();
            let found = UnreadRoute::of("r", &node, &KEYS);
            let borrowed = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
            assert_eq!(found.hosts.is_some(), hosts.is_some(), "{text}");
            assert_eq!(found.paths.is_some(), paths.is_some(), "{text}");
            assert_eq!(borrowed(&found.hosts), hosts.unwrap_or_default(), "{text}");
            assert_eq!(borrowed(&found.paths), paths.unwrap_or_default(), "{text}");
        };
        check("{hosts: [a], paths: [/x]}", Some(&["a"]), Some(&["/x"]));
        check("{hosts: a}", Some(&["a"]), Some(&[]));
        check("{hosts: [a, 1]}", None, Some(&[]));
        check("{hosts: {a: b}}", None, Some(&[]));
        check("{hosts: ~, paths: [/x]}", None, Some(&["/x"]));
        // A misspelt key of another kind says nothing of the place.
        check("{timout: 1s}", Some(&[]), Some(&[]));
        check("{host: [a], paths: [/x]}", None, Some(&["/x"]));
        check("{path: [/x]}", Some(&[]), None);
        check("{domain: a}", None, None);
        check(
            "{domain: a, hosts: [b], paths: [/x]}",
            Some(&["b"]),
            Some(&["/x"]),
        );
        check("text", None, None);
        check("[a]", None, None);
    }
}
