//! Who needs a definition: what is broken closes those who name it, and nobody else.

use std::collections::BTreeSet;

use ztag_types::ConfigPath;

use crate::document::{Content, Node};
use crate::kind::Kind;

/// What a broken definition closes, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    pub(crate) endpoints: BTreeSet<String>,
    pub(crate) routes: BTreeSet<String>,
}

impl Users {
    /// An endpoint that uses it.
    pub(crate) fn endpoint(name: &str) -> Self {
        Self {
            endpoints: BTreeSet::from([name.to_owned()]),
            ..Self::default()
        }
    }

    /// A route that uses it.
    pub(crate) fn route(name: &str) -> Self {
        Self {
            routes: BTreeSet::from([name.to_owned()]),
            ..Self::default()
        }
    }

    /// Those of `other`, too.
    pub(crate) fn extend(&mut self, other: Self) {
        self.endpoints.extend(other.endpoints);
        self.routes.extend(other.routes);
    }
}

/// Who cannot serve when something at `path` is wrong; nobody for what concerns everything.
pub(crate) fn users_of(path: &ConfigPath, tree: &Node) -> Users {
    match Kind::named_by(path) {
        None => Users::default(),
        Some((Kind::Endpoint, name)) => Users::endpoint(name),
        Some((Kind::Route, name)) => Users::route(name),
        Some((kind, name)) => Users {
            endpoints: endpoints_naming(kind, name, tree),
            routes: routes_naming(kind, name, tree),
        },
    }
}

/// The effect of an error in a definition of this kind on its users.
pub(crate) fn effect(kind: Kind, users: &Users) -> String {
    let endpoints = (
        "endpoint",
        "is quarantined and answers 503",
        "are quarantined and answer 503",
    );
    let routes = (
        "route",
        "is closed and answers 503",
        "are closed and answer 503",
    );
    let told = [(&users.endpoints, endpoints), (&users.routes, routes)];
    let told = told
        .into_iter()
        .filter_map(|(names, words)| affected(names, words));
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return format!("none yet: no {} names this {}", user_of(kind), kind.word());
    }
    told.join(", ")
}

/// What happens to those of these names; none where there are none.
fn affected(
    names: &BTreeSet<String>,
    (word, single, several): (&str, &str, &str),
) -> Option<String> {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("{word} {one} {single}")),
        _ => Some(format!("{word}s {} {several}", names.join(", "))),
    }
}

/// What names definitions of this kind.
const fn user_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Route | Kind::Upstream => "route",
        Kind::FgaStore | Kind::Guardrail => "endpoint or route",
        Kind::Endpoint | Kind::Rule | Kind::Issuer | Kind::Introspection => "endpoint",
    }
}

/// The endpoints that name the definition `name` of `kind`, by themselves or by a rule of theirs.
fn endpoints_naming(kind: Kind, name: &str, tree: &Node) -> BTreeSet<String> {
    match kind {
        Kind::FgaStore => return asking(&["fga", "store"], name, tree),
        Kind::Guardrail => return asking(&["inspect", "guardrail"], name, tree),
        _ => {}
    }
    let item = |item: &Node| item.as_str() == Some(name);
    those(Kind::Endpoint, tree, |endpoint| {
        let allow = |list| any(endpoint, &["authentication", "allow", list], item);
        match kind {
            Kind::Rule => any(endpoint, &["rules"], |rule| {
                rule.get("name").is_some_and(item)
            }),
            Kind::Issuer => allow("jwt"),
            Kind::Introspection => allow("introspection"),
            _ => false,
        }
    })
}

/// The routes that name the definition `name` of `kind`.
fn routes_naming(kind: Kind, name: &str, tree: &Node) -> BTreeSet<String> {
    let keys: &[&str] = match kind {
        Kind::Upstream => &["upstream"],
        Kind::FgaStore => &["filterItems", "store"],
        Kind::Guardrail => &["guard", "guardrail"],
        _ => return BTreeSet::new(),
    };
    those(Kind::Route, tree, |route| is_at(route, keys, name))
}

/// The endpoints of which a rule names `name` at `keys`.
fn asking(keys: &[&str], name: &str, tree: &Node) -> BTreeSet<String> {
    let rules = those(Kind::Rule, tree, |rule| is_at(rule, keys, name));
    let rules = rules.iter();
    rules
        .flat_map(|rule| endpoints_naming(Kind::Rule, rule, tree))
        .collect()
}

/// The definitions of a kind, as written, that are like that.
fn those(kind: Kind, tree: &Node, like: impl Fn(&Node) -> bool) -> BTreeSet<String> {
    let all = tree.get(kind.section()).map(Node::entries);
    let like = all.unwrap_or_default().iter().filter(|own| like(&own.node));
    like.map(|own| own.key.clone()).collect()
}

/// Whether `name` stands at `keys` below `node`.
fn is_at(node: &Node, keys: &[&str], name: &str) -> bool {
    let named = keys.iter().try_fold(node, |node, key| node.get(key));
    let named = named.and_then(Node::as_str);
    named.is_some_and(|named| named.trim() == name)
}

/// Whether the list at `keys` below `node` has an item like that.
fn any(node: &Node, keys: &[&str], like: impl Fn(&Node) -> bool) -> bool {
    let list = keys.iter().try_fold(node, |node, key| node.get(key));
    match list.map(|list| &list.content) {
        Some(Content::List(items)) => items.iter().any(like),
        // A single item may stand for itself.
        Some(Content::Text(_) | Content::Map(_)) => list.is_some_and(like),
        _ => false,
    }
}
