//! What match groups forward.

use std::collections::BTreeSet;

use ztag_expr::Template;
use ztag_types::{Code, ConfigPath, Secret};

use super::Compiler;
use super::auth::FORWARD_KINDS;
use crate::forward::{Forward, Forwards, is_framing};
use crate::spec::{AuthGroupSpec, ForwardSpec};

impl Compiler<'_> {
    pub(super) fn forwards(&mut self, spec: &AuthGroupSpec, at: &ConfigPath) -> Forwards {
        if spec.forward_as.is_empty() {
            return Forwards::Same;
        }
        let mut targets = BTreeSet::new();
        let mut forwards = Vec::with_capacity(spec.forward_as.len());
        for (index, forward) in spec.forward_as.iter().enumerate() {
            let at = at.index(index);
            let Some(kind) = self.kind(&forward.kind, "forward", FORWARD_KINDS, &at) else {
                continue;
            };
            if kind == "none" && spec.forward_as.len() > 1 {
                self.error(Code::Conflict, &at, "`none` stands alone in `forwardAs`");
            }
            if !targets.insert(target(kind, forward)) {
                let message = "an earlier forward already sets this";
                self.error(Code::DuplicateForward, &at, message);
            }
            forwards.extend(self.forward(kind, forward, &at));
        }
        Forwards::Instead(forwards.into())
    }

    fn forward(
        &mut self,
        kind: &'static str,
        spec: &ForwardSpec,
        at: &ConfigPath,
    ) -> Option<Forward> {
        let (value, token) = (exposed(spec.value.as_ref()), exposed(spec.token.as_ref()));
        let (user, password) = (spec.user.as_ref(), exposed(spec.password.as_ref()));
        let fields: [(&str, Option<&String>, &[&str]); 5] = [
            ("name", spec.name.as_ref(), &["header", "query"]),
            ("value", value, &["header", "query"]),
            ("token", token, &["bearer"]),
            ("user", user, &["basic"]),
            ("password", password, &["basic"]),
        ];
        for (key, text, kinds) in fields {
            self.unused(key, text.is_some() && !kinds.contains(&kind), kind, at);
        }
        match kind {
            "bearer" => {
                let token = self.required("token", token, kind, at)?;
                Some(Forward::Bearer { token })
            }
            "basic" => {
                if user.is_none() && password.is_none() {
                    let message = "a forward of type `basic` needs a `user` or a `password`";
                    self.error(Code::MissingKey, at, message);
                }
                let user = self.optional("user", user, at);
                let password = self.optional("password", password, at);
                Some(Forward::Basic { user, password })
            }
            "header" | "query" => {
                let name = self.required("name", spec.name.as_ref(), kind, at);
                let value = self.required("value", value, kind, at);
                let (name, value) = (name?, value?);
                if kind == "query" {
                    return Some(Forward::Query { name, value });
                }
                self.check_header_name(&name, &at.key("name"));
                Some(Forward::Header { name, value })
            }
            _ => None,
        }
    }

    fn required(
        &mut self,
        key: &str,
        source: Option<&String>,
        kind: &str,
        at: &ConfigPath,
    ) -> Option<Template> {
        if source.is_none_or(|source| source.trim().is_empty()) {
            let message = format!("a forward of type `{kind}` needs a `{key}`");
            self.error(Code::MissingKey, &at.key(key), message);
            return None;
        }
        self.optional(key, source, at)
    }

    fn optional(
        &mut self,
        key: &str,
        source: Option<&String>,
        at: &ConfigPath,
    ) -> Option<Template> {
        self.template(source?, &at.key(key), |words| &words.forward)
    }

    fn check_header_name(&mut self, name: &Template, at: &ConfigPath) {
        let Some(name) = name.literal().map(str::trim) else {
            return;
        };
        let lower = name.to_ascii_lowercase();
        if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
            self.error(
                Code::InvalidName,
                at,
                format!("`{name}` is not a header name"),
            );
        } else if is_framing(&lower) {
            let message = format!("`{lower}` belongs to the connection and is not set by a rule");
            self.error(Code::InvalidName, at, message);
        }
    }
}

/// What a forward sets: two forwards of one group must not set the same.
fn target(kind: &'static str, spec: &ForwardSpec) -> (&'static str, String) {
    let name = spec.name.as_deref().unwrap_or_default().trim();
    let lower = name.to_ascii_lowercase();
    match kind {
        "basic" | "bearer" => ("header", "authorization".to_owned()),
        "header" => ("header", lower),
        _ => (kind, name.to_owned()),
    }
}

fn exposed(text: Option<&Secret<String>>) -> Option<&String> {
    text.map(Secret::expose)
}
