//! Who needs a definition: what is broken closes those who name it, and nobody else.

use std::collections::BTreeSet;

use ztag_types::ConfigPath;

use crate::document::{Content, Node};
use crate::kind::Kind;

/// What a broken definition closes: endpoints or routes, by name.
pub(crate) type Users = BTreeSet<String>;

/// Who cannot serve when something at `path` is wrong; nobody for what concerns everything.
pub(crate) fn users_of(path: &ConfigPath, tree: &Node) -> Users {
    match Kind::named_by(path) {
        None => Users::new(),
        Some((Kind::Endpoint, name)) => Users::from([name.to_owned()]),
        Some((kind, name)) => naming(kind, name, tree),
    }
}

/// The effect of an error in a definition of this kind on its users.
pub(crate) fn effect(kind: Kind, users: &Users) -> String {
    let names: Vec<_> = users.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => format!("none yet: no endpoint names this {}", kind.word()),
        [one] => format!("endpoint {one} is quarantined and answers 503"),
        _ => format!(
            "endpoints {} are quarantined and answer 503",
            names.join(", ")
        ),
    }
}

/// The endpoints that name the definition `name` of `kind`.
fn naming(kind: Kind, name: &str, tree: &Node) -> Users {
    let section = Kind::Endpoint.section();
    let all = tree.get(section).map(Node::entries).unwrap_or_default();
    let users = all.iter().filter(|user| names(&user.node, kind, name));
    users.map(|user| user.key.clone()).collect()
}

/// Whether an endpoint, as written, names the definition `name` of `kind`.
fn names(endpoint: &Node, kind: Kind, name: &str) -> bool {
    let item = |item: &Node| item.as_str() == Some(name);
    match kind {
        Kind::Endpoint => false,
        Kind::Rule => any(endpoint, &["rules"], |rule| {
            rule.get("name").is_some_and(item)
        }),
        Kind::Issuer => any(endpoint, &["authentication", "allow", "jwt"], item),
        Kind::Introspection => any(
            endpoint,
            &["authentication", "allow", "introspection"],
            item,
        ),
    }
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
