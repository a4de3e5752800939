//! Checks of single values: listed words, patterns and ranges.

use regex::Regex;
use serde_json::Value as Json;
use ztag_types::{Code, ConfigPath, Diagnostic};

use super::{listed, shown};
use crate::document::{Content, Node};
use crate::schema::Shape;

/// Checks a scalar of which one of `shapes` must take the value.
pub(super) fn check(
    node: &mut Node,
    shapes: &[&Shape<'_>],
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) {
    let complaint = match &mut node.content {
        Content::Text(text) => check_text(text, shapes, path),
        Content::Int(value) => {
            #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
            let value = *value as f64;
            check_number(value, shapes, path)
        }
        Content::Float(value) => check_number(*value, shapes, path),
        _ => None,
    };
    findings.extend(complaint);
}

fn check_text(text: &mut String, shapes: &[&Shape<'_>], path: &ConfigPath) -> Option<Diagnostic> {
    let lists: Vec<_> = shapes.iter().map(|shape| shape.allowed()).collect();
    if lists.iter().all(Option::is_some) {
        let words = lists.into_iter().flatten().flatten();
        let words: Vec<_> = words.filter_map(Json::as_str).collect();
        let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) else {
            return Some(not_among(text, &words, path));
        };
        (*word).clone_into(text);
        return None;
    }
    let open = shapes.iter().filter(|shape| shape.allowed().is_none());
    let complaints: Vec<_> = open
        .map(|shape| check_open_text(text, shape, path))
        .collect();
    if complaints.iter().any(Option::is_none) {
        return None;
    }
    complaints.into_iter().flatten().next()
}

fn check_open_text(text: &str, shape: &Shape<'_>, path: &ConfigPath) -> Option<Diagnostic> {
    let refuse = |message: String| Some(Diagnostic::error(Code::InvalidValue, path, message));
    let bound = |name| shape.keyword(name).and_then(Json::as_u64);
    let len = text.chars().count() as u64;
    if bound("minLength").is_some_and(|least| len < least) {
        return refuse(String::from("the text is too short"));
    }
    if bound("maxLength").is_some_and(|most| len > most) {
        return refuse(format!("the text is too long: {len} characters"));
    }
    let pattern = shape.keyword("pattern").and_then(Json::as_str)?;
    // A pattern this engine cannot read is left to the reading of the spec itself.
    if Regex::new(pattern).map_or(true, |regex| regex.is_match(text)) {
        return None;
    }
    let examples = shape.keyword("examples").and_then(Json::as_array);
    let examples: Vec<_> = examples
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    Some(unlike(text, &examples, path))
}

/// The complaint about a word outside a closed set.
pub(super) fn not_among(word: &str, words: &[&str], path: &ConfigPath) -> Diagnostic {
    let message = format!("{} is not one of {}", shown(word, path), listed(words));
    let diagnostic = Diagnostic::error(Code::InvalidValue, path, message);
    match Diagnostic::nearest(word, words.iter().copied()) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

fn unlike(text: &str, examples: &[&str], path: &ConfigPath) -> Diagnostic {
    let message = format!("{} is not a valid value", shown(text, path));
    let diagnostic = Diagnostic::error(Code::InvalidValue, path, message);
    match Diagnostic::nearest(text, examples.iter().copied()) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None if examples.is_empty() => diagnostic,
        None => diagnostic.hint(format!("write something like {}", listed(examples))),
    }
}

fn check_number(value: f64, shapes: &[&Shape<'_>], path: &ConfigPath) -> Option<Diagnostic> {
    let shape = shapes.first()?;
    let bound = |name| shape.keyword(name).and_then(Json::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let outside = least.is_some_and(|least| value < least)
        || most.is_some_and(|most| value > most)
        || bound("exclusiveMinimum").is_some_and(|limit| value <= limit)
        || bound("exclusiveMaximum").is_some_and(|limit| value >= limit);
    if !outside {
        return None;
    }
    let allowed = match (least, most) {
        (Some(least), Some(most)) => format!("must be {least} to {most}"),
        (Some(least), None) => format!("must be {least} or more"),
        (None, Some(most)) => format!("must be {most} or less"),
        (None, None) => String::from("is out of range"),
    };
    let message = format!("{} {allowed}", shown(&value.to_string(), path));
    Some(Diagnostic::error(Code::InvalidValue, path, message))
}
