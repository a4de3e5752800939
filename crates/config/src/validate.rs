//! Checks a tree against the schema and finds everything that is wrong, not only the first.

mod scalar;

use serde_json::Value as Json;
use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::document::{Content, Entry, Node};
use crate::schema::{Others, Shape};
use crate::secrecy;
use crate::stale;

/// Checks `node` against `shape`. Words of a closed set are rewritten to their listed letter
/// case on the way.
pub(crate) fn validate(
    node: &mut Node,
    shape: &Shape<'_>,
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) {
    let alternatives = shape.alternatives();
    let fitting: Vec<_> = alternatives
        .iter()
        .filter(|shape| fits(shape, node))
        .collect();
    match fitting.as_slice() {
        [] => findings.push(wrong_type(node, &alternatives, path)),
        [one] => check(node, one, path, findings),
        several => choose(node, several, path, findings),
    }
}

/// Whether the shape takes values of the node's type.
fn fits(shape: &Shape<'_>, node: &Node) -> bool {
    let types = shape.types();
    let names: &[&str] = match &node.content {
        Content::Null => &["null"],
        Content::Bool(_) => &["boolean"],
        Content::Int(_) => &["integer", "number"],
        Content::Float(_) => &["number"],
        Content::Text(_) => &["string"],
        Content::List(_) => &["array"],
        Content::Map(_) => &["object"],
    };
    types.is_empty() || types.iter().any(|kind| names.contains(kind))
}

fn check(node: &mut Node, shape: &Shape<'_>, path: &ConfigPath, findings: &mut Vec<Diagnostic>) {
    match &mut node.content {
        Content::Map(entries) => check_map(entries, shape, path, findings),
        Content::List(items) => check_list(items, shape, path, findings),
        _ => scalar::check(node, &[shape], path, findings),
    }
}

fn check_list(
    items: &mut [Node],
    shape: &Shape<'_>,
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) {
    let bound = |name| shape.keyword(name).and_then(Json::as_u64);
    let len = items.len() as u64;
    if bound("minItems").is_some_and(|least| len < least) {
        let message = "the list is too short";
        findings.push(Diagnostic::error(Code::InvalidValue, path, message));
    }
    if bound("maxItems").is_some_and(|most| len > most) {
        let message = format!("the list is too long: {len} items");
        findings.push(Diagnostic::error(Code::InvalidValue, path, message));
    }
    let Some(shape) = shape.items() else {
        return;
    };
    for (index, item) in items.iter_mut().enumerate() {
        validate(item, &shape, &path.index(index), findings);
    }
}

fn check_map(
    entries: &mut [Entry],
    shape: &Shape<'_>,
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) {
    for entry in entries.iter_mut() {
        let path = path.key(entry.key.clone());
        if let Some(shape) = shape.property(&entry.key) {
            validate(&mut entry.node, &shape, &path, findings);
            continue;
        }
        match shape.others() {
            Others::Each(each) => validate(&mut entry.node, &each, &path, findings),
            Others::Open => {}
            Others::Refused => findings.push(unknown_key(&entry.key, shape, &path)),
        }
    }
    for key in shape.required() {
        if !entries.iter().any(|entry| entry.key == key) {
            let message = format!("key `{key}` is missing");
            findings.push(Diagnostic::error(Code::MissingKey, &path.key(key), message));
        }
    }
}

/// Several shapes take this type: the one meant is the one named by a constant key such as
/// `type`, else the one with the fewest complaints.
fn choose(
    node: &mut Node,
    shapes: &[&Shape<'_>],
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) {
    if !matches!(node.content, Content::Map(_) | Content::List(_)) {
        return scalar::check(node, shapes, path, findings);
    }
    if let Some(tag) = discriminator(shapes) {
        return choose_tagged(node, shapes, tag, path, findings);
    }
    let attempts = shapes.iter().map(|shape| {
        let (mut node, mut findings) = (node.clone(), Vec::new());
        check(&mut node, shape, path, &mut findings);
        (findings, node)
    });
    if let Some((found, checked)) = attempts.min_by_key(|(found, _)| found.len()) {
        findings.extend(found);
        *node = checked;
    }
}

/// The key that holds a different constant in each shape.
fn discriminator<'s>(shapes: &[&Shape<'s>]) -> Option<&'s str> {
    let mut keys = shapes.first()?.properties();
    keys.find(|key| {
        shapes.iter().all(|shape| {
            let property = shape.property(key);
            property.is_some_and(|shape| shape.allowed().is_some())
        })
    })
}

fn choose_tagged(
    node: &mut Node,
    shapes: &[&Shape<'_>],
    tag: &str,
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) {
    let Some(word) = node.get(tag).and_then(Node::as_str).map(str::to_owned) else {
        let message = format!("key `{tag}` is missing or not text");
        findings.push(Diagnostic::error(Code::MissingKey, &path.key(tag), message));
        return;
    };
    let names = |shape: &&&Shape<'_>| {
        let allowed = shape.property(tag).and_then(|shape| shape.allowed());
        let mut words = allowed.into_iter().flatten().filter_map(Json::as_str);
        words.any(|allowed| allowed.eq_ignore_ascii_case(&word))
    };
    if let Some(shape) = shapes.iter().find(names) {
        return check(node, shape, path, findings);
    }
    let tags: Vec<_> = shapes
        .iter()
        .filter_map(|shape| shape.property(tag))
        .collect();
    let words = tags.iter().filter_map(Shape::allowed).flatten();
    let words: Vec<_> = words.filter_map(Json::as_str).collect();
    findings.push(scalar::not_among(&word, &words, &path.key(tag)));
}

fn unknown_key(key: &str, shape: &Shape<'_>, path: &ConfigPath) -> Diagnostic {
    let message = format!("unknown key `{key}`");
    let diagnostic = Diagnostic::error(Code::UnknownKey, path, message);
    if let Some(successor) = stale::successor(key) {
        return diagnostic.hint(successor);
    }
    let mut known: Vec<_> = shape.properties().collect();
    known.sort_unstable();
    known.dedup();
    match Diagnostic::nearest(key, known.iter().copied()) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => diagnostic.hint("no key is allowed here"),
        None => diagnostic.hint(format!("allowed here: {}", listed(&known))),
    }
}

fn wrong_type(node: &Node, shapes: &[Shape<'_>], path: &ConfigPath) -> Diagnostic {
    let mut wanted: Vec<_> = shapes
        .iter()
        .flat_map(Shape::types)
        .map(described)
        .collect();
    wanted.dedup();
    let message = format!("expected {}, found {}", wanted.join(" or "), node.kind());
    let diagnostic = Diagnostic::error(Code::WrongType, path, message);
    let text = shapes.iter().any(|shape| shape.holds("string"));
    let boolean = shapes.iter().any(|shape| shape.holds("boolean"));
    let number = shapes
        .iter()
        .any(|shape| shape.holds("integer") || shape.holds("number"));
    let hint = match &node.content {
        Content::Map(_) | Content::List(_) if text => {
            "put quotes around the whole expression or text"
        }
        Content::Int(_) | Content::Float(_) | Content::Bool(_) if text => {
            "put quotes around it to make it text"
        }
        Content::Text(_) if boolean => "write `true` or `false`, without quotes",
        Content::Text(_) if number => "write a number, without quotes",
        Content::Null => "give it a value or remove the key",
        _ => return diagnostic,
    };
    diagnostic.hint(hint)
}

fn described(json_type: &str) -> &str {
    match json_type {
        "null" => "nothing",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "a map",
        other => other,
    }
}

/// Words in backticks, separated by commas.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// The value as it may be shown: secrets are not.
fn shown(value: &str, path: &ConfigPath) -> String {
    if secrecy::is_secret(path) {
        return String::from("the value");
    }
    format!("`{value}`")
}

#[cfg(test)]
mod tests;
