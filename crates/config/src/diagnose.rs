//! From diagnostics to a report: places, lines and effects.

use std::collections::BTreeSet;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Segment};

use crate::document::{Content, Node};
use crate::excerpt;
use crate::load::Loaded;
use crate::locate::locate;
use crate::place::{Origin, Place};
use crate::report::{Finding, Report};

/// A diagnostic of compiling, with the endpoints in whose service it was found.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) diagnostic: Diagnostic,
    pub(crate) endpoints: BTreeSet<String>,
}

impl Judged {
    /// Findings that concern no endpoint in particular.
    pub(crate) fn general(findings: Findings) -> Vec<Self> {
        let found = findings.into_vec().into_iter();
        let judged = found.map(|diagnostic| Self {
            diagnostic,
            endpoints: BTreeSet::new(),
        });
        judged.collect()
    }
}

/// Everything noted while loading and found while compiling.
pub(crate) fn report(loaded: &Loaded, judged: &[Judged]) -> Report {
    let noted = loaded.notes.iter().map(|note| {
        let place = note.place.or_else(|| place_of(&note.diagnostic, loaded));
        let users = users_of(&note.diagnostic.path, &loaded.tree);
        finding(&note.diagnostic, place, &users, loaded)
    });
    let judged = judged.iter().map(|judged| {
        let place = place_of(&judged.diagnostic, loaded);
        finding(&judged.diagnostic, place, &judged.endpoints, loaded)
    });
    Report::new(noted.chain(judged).collect())
}

/// One diagnostic with its place, for a report on one endpoint.
pub(crate) fn line(diagnostic: &Diagnostic, place: Option<Place>, loaded: &Loaded) -> String {
    let place = place.or_else(|| place_of(diagnostic, loaded));
    finding(diagnostic, place, &BTreeSet::new(), loaded).to_line()
}

/// Whether a diagnostic at `path` concerns everything rather than one endpoint or rule.
pub(crate) fn is_general(path: &ConfigPath) -> bool {
    !matches!(
        path.segments(),
        [Segment::Key(section), Segment::Key(_), ..] if section == "endpoints" || section == "rules"
    )
}

fn place_of(diagnostic: &Diagnostic, loaded: &Loaded) -> Option<Place> {
    // That no endpoint is usable is said of the whole, not of a line.
    let nowhere = diagnostic.path.segments().is_empty() || diagnostic.code == Code::NoEndpoint;
    (!nowhere).then(|| locate(diagnostic, &loaded.tree, &loaded.archive))
}

fn finding(
    diagnostic: &Diagnostic,
    place: Option<Place>,
    endpoints: &BTreeSet<String>,
    loaded: &Loaded,
) -> Finding {
    let source = place.and_then(|place| loaded.archive.source(place.source));
    let (mut file, mut variable) = (None, None);
    match source.map(|source| &source.origin) {
        Some(Origin::File(name)) => file = Some(name.clone()),
        Some(Origin::Environment(name)) => variable = Some(name.clone()),
        None => {}
    }
    let excerpt = source
        .zip(place)
        .filter(|_| file.is_some())
        .map(|(source, place)| {
            let secrets = loaded
                .secrets
                .iter()
                .filter(|secret| secret.source == place.source);
            excerpt::cut(source, place, &secrets.copied().collect::<Vec<_>>())
        });
    Finding {
        code: diagnostic.code,
        severity: diagnostic.severity,
        file,
        variable,
        line: excerpt.as_ref().map(|excerpt| excerpt.line),
        column: excerpt.as_ref().map(|excerpt| excerpt.column),
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
        effect: diagnostic
            .is_error()
            .then(|| effect(&diagnostic.path, endpoints)),
        path: diagnostic.path.to_string(),
        excerpt,
    }
}

fn effect(path: &ConfigPath, endpoints: &BTreeSet<String>) -> String {
    if is_general(path) {
        return String::from("no start; a reload keeps the configuration in force");
    }
    let names: Vec<_> = endpoints.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::from("none yet: no endpoint names this rule"),
        [one] => format!("endpoint {one} is quarantined and answers 503"),
        _ => format!(
            "endpoints {} are quarantined and answer 503",
            names.join(", ")
        ),
    }
}

/// The endpoints that a definition's diagnostic concerns: the endpoint itself, or those that
/// name the rule.
fn users_of(path: &ConfigPath, tree: &Node) -> BTreeSet<String> {
    match path.segments() {
        [Segment::Key(section), Segment::Key(name), ..] if section == "endpoints" => {
            BTreeSet::from([name.clone()])
        }
        [Segment::Key(section), Segment::Key(name), ..] if section == "rules" => {
            endpoints_naming(name, tree)
        }
        _ => BTreeSet::new(),
    }
}

fn endpoints_naming(rule: &str, tree: &Node) -> BTreeSet<String> {
    let endpoints = tree.get("endpoints").map(Node::entries).unwrap_or_default();
    let naming = endpoints.iter().filter(|entry| {
        let rules = entry.node.get("rules").map(|rules| &rules.content);
        let Some(Content::List(items)) = rules else {
            return false;
        };
        let mut names = items
            .iter()
            .filter_map(|item| item.get("name").and_then(Node::as_str));
        names.any(|name| name == rule)
    });
    naming.map(|entry| entry.key.clone()).collect()
}
