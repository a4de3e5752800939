//! From diagnostics to a report: places, lines and effects.

use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Segment};

use crate::excerpt;
use crate::kind::Kind;
use crate::load::{Loaded, Program};
use crate::locate::locate;
use crate::place::{Origin, Place};
use crate::report::{Finding, Report};
use crate::users::{self, Users, users_of};

/// A diagnostic of compiling, with those in whose service it was found.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) diagnostic: Diagnostic,
    pub(crate) users: Users,
}

impl Judged {
    /// Findings that concern nobody in particular.
    pub(crate) fn general(findings: Findings) -> Vec<Self> {
        let found = findings.into_vec().into_iter();
        let judged = found.map(|diagnostic| Self {
            diagnostic,
            users: Users::default(),
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
        finding(&judged.diagnostic, place, &judged.users, loaded)
    });
    Report::new(noted.chain(judged).collect())
}

/// One diagnostic with its place, for a report on one endpoint.
pub(crate) fn line(diagnostic: &Diagnostic, place: Option<Place>, loaded: &Loaded) -> String {
    let place = place.or_else(|| place_of(diagnostic, loaded));
    finding(diagnostic, place, &Users::default(), loaded).to_line()
}

/// Whether a diagnostic at `path` concerns everything rather than one definition. A route whose
/// place is not known does: whatever it should keep out, another route would let in.
pub(crate) fn is_general(path: &ConfigPath, loaded: &Loaded) -> bool {
    let Some((kind, name)) = Kind::named_by(path) else {
        return true;
    };
    let routed = kind == Kind::Route && loaded.program() == Program::Gateway;
    let mut unread = loaded.unread_routes.iter();
    routed && (is_place(path) || unread.any(|route| route.name == name && !route.is_placed()))
}

/// Whether `path` leads to what says where a route stands.
fn is_place(path: &ConfigPath) -> bool {
    matches!(
        path.segments().get(2),
        Some(Segment::Key(key)) if key == "hosts" || key == "paths"
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
    users: &Users,
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
            .then(|| effect(&diagnostic.path, users, loaded)),
        path: diagnostic.path.to_string(),
        excerpt,
    }
}

fn effect(path: &ConfigPath, users: &Users, loaded: &Loaded) -> String {
    match Kind::named_by(path).filter(|_| !is_general(path, loaded)) {
        None => String::from("no start; a reload keeps the configuration in force"),
        Some((kind, _)) => users::effect(kind, users),
    }
}
