//! Routes that cannot be read whole: what is known of the place they were meant for, so that they
//! are closed there and no broader route answers in their stead. Where that place is not known,
//! nothing is: any other route might be the broader one.

use ztag_proxy::{RouteSpec, WrittenRoute};
use ztag_types::{ConfigPath, Diagnostic, Segment};

use super::{Copies, Definition, Loading, Named};
use crate::document::{Content, Node};
use crate::kind::Kind;
use crate::schema::{Others, Shape};
use crate::validate;

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

    /// Whether its place is known.
    pub(crate) const fn is_placed(&self) -> bool {
        self.hosts.is_some() && self.paths.is_some()
    }

    fn of(name: &str, node: &Node, shape: &Shape<'_>) -> Self {
        let doubts = Doubts::of(node, shape);
        Self {
            name: name.to_owned(),
            hosts: place(node, "hosts", &doubts),
            paths: place(node, "paths", &doubts),
        }
    }
}

impl Loading<'_> {
    /// The routes that are broken or stand twice; of the latter, every copy.
    pub(super) fn unread_routes(
        &self,
        tree: &Node,
        routes: &Named<RouteSpec>,
        twice: &[Copies],
    ) -> Vec<UnreadRoute> {
        let shape = self.schema.shape().property(Kind::Route.section());
        let Some(Others::Each(shape)) = shape.map(|shape| shape.others()) else {
            return Vec::new();
        };
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
            .map(|entry| UnreadRoute::of(&entry.key, &entry.node, &shape))
            .collect()
    }
}

/// Keys of a route that may mean another one.
struct Doubts {
    /// Keys that do not exist, and whether one that does is nearly the same.
    strange: Vec<(String, bool)>,
    /// Keys that exist, with values that do not fit.
    misused: Vec<String>,
}

impl Doubts {
    fn of(route: &Node, shape: &Shape<'_>) -> Self {
        let mut found = Vec::new();
        validate::validate(&mut route.clone(), shape, &ConfigPath::root(), &mut found);
        let wrong = found.iter().filter_map(|one| one.path.segments().first());
        let known: Vec<_> = shape.properties().collect();
        let mut doubts = Self {
            strange: Vec::new(),
            misused: Vec::new(),
        };
        for segment in wrong {
            let Segment::Key(key) = segment else {
                continue;
            };
            if known.contains(&key.as_str()) {
                doubts.misused.push(key.clone());
            } else {
                let near = Diagnostic::nearest(key, known.iter().copied());
                doubts.strange.push((key.clone(), near.is_some()));
            }
        }
        doubts
    }

    /// Whether somebody may have meant `key`: by a word that means nothing else, or by one that
    /// is nearly the same, such as `host: a.example` for `hosts`.
    fn mean(&self, key: &str) -> bool {
        let near = |own: &str| Diagnostic::nearest(own, [key]).is_some();
        let mut misused = self.misused.iter().filter(|own| *own != key);
        self.strange.iter().any(|(own, known)| !known || near(own)) || misused.any(|own| near(own))
    }
}

/// What `route` says under `key`, a list of texts of which none means all; `None` when that
/// cannot be known.
fn place(route: &Node, key: &str, doubts: &Doubts) -> Option<Vec<String>> {
    if !matches!(route.content, Content::Map(_)) {
        return None;
    }
    let Some(value) = route.get(key) else {
        return (!doubts.mean(key)).then(Vec::new);
    };
    let text = |node: &Node| node.as_str().map(str::to_owned);
    match &value.content {
        Content::List(items) => items.iter().map(text).collect(),
        Content::Text(_) => text(value).map(|text| vec![text]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Format;
    use crate::place::SourceId;
    use crate::schema::Schema;

    #[test]
    fn attack_60_the_place_of_a_broken_route_is_what_it_can_only_mean() {
        let schema = Schema::of::<RouteSpec>();
        let check = |text: &str, hosts: Option<&[&str]>, paths: Option<&[&str]>| {
            let node = Format::Yaml.parse(text, SourceId::FIRST).unwrap();
            let found = UnreadRoute::of("r", &node, &schema.shape());
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
        check("{hostz: [a], paths: [/x]}", None, Some(&["/x"]));
        // One that exists and is nearly the same may say it.
        check("{host: a.example, paths: [/x]}", None, Some(&["/x"]));
        check("{host: upstream, public: 1}", Some(&[]), Some(&[]));
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
