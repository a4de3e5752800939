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
        Some((Kind::Endpoint | Kind::Route, name)) => Users::from([name.to_owned()]),
        Some((kind, name)) => naming(kind, name, tree),
    }
}

/// The effect of an error in a definition of this kind on its users.
pub(crate) fn effect(kind: Kind, users: &Users) -> String {
    let (word, single, several) = match user_of(kind) {
        Kind::Route => (
            "route",
            "is closed and answers 503",
            "are closed and answer 503",
        ),
        _ => (
            "endpoint",
            "is quarantined and answers 503",
            "are quarantined and answer 503",
        ),
    };
    let names: Vec<_> = users.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => format!("none yet: no {word} names this {}", kind.word()),
        [one] => format!("{word} {one} {single}"),
        _ => format!("{word}s {} {several}", names.join(", ")),
    }
}

/// What names definitions of this kind.
const fn user_of(kind: Kind) -> Kind {
    match kind {
        Kind::Route | Kind::Upstream => Kind::Route,
        Kind::Endpoint
        | Kind::Rule
        | Kind::Issuer
        | Kind::Introspection
        | Kind::FgaStore
        | Kind::Guardrail => Kind::Endpoint,
    }
}

/// Those who name the definition `name` of `kind`.
fn naming(kind: Kind, name: &str, tree: &Node) -> Users {
    match kind {
        Kind::FgaStore => return asking(&["fga", "store"], name, tree),
        Kind::Guardrail => return asking(&["inspect", "guardrail"], name, tree),
        _ => {}
    }
    let section = tree.get(user_of(kind).section());
    let all = section.map(Node::entries).unwrap_or_default();
    let users = all.iter().filter(|user| names(&user.node, kind, name));
    users.map(|user| user.key.clone()).collect()
}

/// The endpoints of which a rule names `name` at `keys`.
fn asking(keys: &[&str], name: &str, tree: &Node) -> Users {
    let rules = tree.get(Kind::Rule.section()).map(Node::entries);
    let asking = rules.unwrap_or_default().iter().filter(|rule| {
        let named = keys.iter().try_fold(&rule.node, |node, key| node.get(key));
        let named = named.and_then(Node::as_str);
        named.is_some_and(|named| named.trim() == name)
    });
    asking
        .flat_map(|rule| naming(Kind::Rule, &rule.key, tree))
        .collect()
}

/// Whether an endpoint or route, as written, names the definition `name` of `kind`.
fn names(user: &Node, kind: Kind, name: &str) -> bool {
    let item = |item: &Node| item.as_str() == Some(name);
    let allow = |list| any(user, &["authentication", "allow", list], item);
    match kind {
        Kind::Endpoint | Kind::Route | Kind::FgaStore | Kind::Guardrail => false,
        Kind::Rule => any(user, &["rules"], |rule| rule.get("name").is_some_and(item)),
        Kind::Issuer => allow("jwt"),
        Kind::Introspection => allow("introspection"),
        Kind::Upstream => user.get("upstream").is_some_and(item),
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
