//! Showing values in a decision record without showing secrets.

use std::collections::BTreeSet;

use serde_json::{Map as JsonMap, Value as Json};
use ztag_types::{Credential, Scope, View};

use crate::chain::ChainInput;
use crate::deps::AdmittedNames;

const REDACTED: &str = "[redacted]";

/// Longest text shown, in bytes.
const MAX_SHOWN: usize = 2_048;

/// Words in the name of a value that make it a secret wherever it stands.
const SECRET_WORDS: &[&str] = &[
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "dpop",
    "jwt",
    "passwd",
    "password",
    "secret",
    "session",
    "token",
];

/// What must not be shown, known when the rule is compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction {
    headers: BTreeSet<String>,
    queries: BTreeSet<String>,
}

/// The same for one request: also the very values presented, wherever they turn up.
pub(crate) struct Redactor<'a> {
    names: &'a Redaction,
    values: Vec<&'a str>,
}

impl Redaction {
    pub(crate) fn new(admitted: &AdmittedNames) -> Self {
        Self {
            headers: admitted.headers.clone(),
            queries: admitted.queries.clone(),
        }
    }

    pub(crate) fn of<'a>(&'a self, input: &ChainInput<'a>) -> Redactor<'a> {
        let credentials = input.admitted.credentials.iter();
        let presented = credentials
            .filter_map(Credential::secret)
            .map(|secret| &**secret.expose());
        let secrets = input.globals.secrets.iter();
        let secrets = secrets.filter_map(|(_, value)| value.as_str());
        Redactor {
            names: self,
            values: presented
                .chain(secrets)
                .filter(|value| !value.is_empty())
                .collect(),
        }
    }

    fn hides(&self, path: &[&str]) -> bool {
        match path {
            [] | ["auth", "selected"] | ["auth", "forward", "type" | "name"] => false,
            ["auth", "input" | "forward", _, ..] | ["variables", "secrets", _, ..] => true,
            ["request" | "subrequest", "headers", name, ..] if self.headers.contains(*name) => true,
            ["request" | "subrequest", "query", name, ..] if self.queries.contains(*name) => true,
            [.., name] => is_secret_name(name),
        }
    }
}

impl Redactor<'_> {
    /// The value at `path`, as far as it may be seen; null where there is none.
    pub(crate) fn show(&self, path: &[&str], scope: Scope<'_>, slot: usize) -> Json {
        let below = path.iter().skip(1).copied();
        match scope.slot(slot).at_path(below) {
            Some(view) => self.show_view(path, view),
            None => Json::Null,
        }
    }

    /// `view`, as far as it may be seen, read from `path`.
    pub(crate) fn show_view(&self, path: &[&str], view: View<'_>) -> Json {
        if self.names.hides(path) {
            return REDACTED.into();
        }
        match view {
            View::Object(object) => self.show_fields(path, object.names(), view),
            View::Map(map) => self.show_fields(path, ztag_types::Object::names(map), view),
            View::List(items) => items
                .iter()
                .map(|item| self.show_view(path, item.view()))
                .collect(),
            View::Sequence(items) => (0..items.len())
                .filter_map(|index| items.at(index))
                .map(|item| self.show_view(path, item))
                .collect(),
            View::Str(text) => self.show_text(path, text),
            View::Failed(message) => serde_json::json!({ "failed": message }),
            scalar => scalar.to_value().to_json(),
        }
    }

    fn show_fields(&self, path: &[&str], names: Vec<&str>, view: View<'_>) -> Json {
        let fields = names.into_iter().filter_map(|name| {
            let inner = view.field(name)?;
            let path: Vec<&str> = path.iter().copied().chain([name]).collect();
            Some((name.to_owned(), self.show_view(&path, inner)))
        });
        Json::Object(fields.collect::<JsonMap<_, _>>())
    }

    fn show_text(&self, path: &[&str], text: &str) -> Json {
        if path.last() == Some(&"bodyText") {
            return format!("[{} bytes]", text.len()).into();
        }
        // In a query a secret is percent-encoded, so it would not be found by its value.
        let text = match path {
            ["request", "uri"] if !self.names.queries.is_empty() => {
                text.split('?').next().unwrap_or_default()
            }
            _ => text,
        };
        if self.values.iter().any(|value| text.contains(value)) {
            return REDACTED.into();
        }
        let end = (0..=MAX_SHOWN.min(text.len()))
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        match text.get(..end) {
            Some(start) if start.len() < text.len() => format!("{start}...").into(),
            _ => text.into(),
        }
    }
}

fn is_secret_name(name: &str) -> bool {
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    SECRET_WORDS.iter().any(|word| letters.contains(word))
}
