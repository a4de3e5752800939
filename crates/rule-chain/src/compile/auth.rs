//! Match groups and forwards.

use std::collections::BTreeSet;

use regex::Regex;
use ztag_expr::Template;
use ztag_types::{Code, ConfigPath, Diagnostic, OneOrMany, Secret};

use super::Compiler;
use crate::auth::{Auth, Group, Matcher, Pattern, Patterns};
use crate::forward::{Forward, Forwards, is_framing};
use crate::spec::{AuthGroupSpec, ForwardSpec, MatchSpec};

const MATCH_KINDS: &[&str] = &["basic", "bearer", "header", "query", "none"];

type Values = Option<OneOrMany<Secret<String>>>;

impl Compiler<'_> {
    pub(super) fn auth(&mut self) -> Auth {
        let at = self.at.key("auth");
        let groups = self.spec.auth.iter().enumerate();
        let groups: Vec<Group> = groups
            .filter_map(|(index, group)| self.group(group, &at.index(index)))
            .collect();
        let auth = Auth {
            groups: groups.into(),
            admits_none: self.deps.endpoint.admitted.none,
        };
        if !auth.groups.is_empty() && !auth.groups.iter().any(|group| self.can_fit(group)) {
            let message = "no match group can fit: the endpoint does not admit what they match";
            let hint = "add the credentials to `authentication.allow` of the endpoint";
            self.warn(Code::NoCredentialSource, &at, message, hint);
        }
        auth
    }

    /// Whether the endpoint admits everything that the group matches.
    fn can_fit(&self, group: &Group) -> bool {
        let admitted = &self.deps.endpoint.admitted;
        let fits = |matcher: &Matcher| match matcher {
            Matcher::Basic { .. } => admitted.basic,
            Matcher::Bearer { .. } => admitted.bearer,
            Matcher::Header { name, .. } => admitted.headers.contains(&**name),
            Matcher::Query { name, .. } => admitted.queries.contains(&**name),
        };
        group.matchers.iter().all(fits) && (!group.matchers.is_empty() || admitted.none)
    }

    fn group(&mut self, spec: &AuthGroupSpec, at: &ConfigPath) -> Option<Group> {
        let match_at = at.key("match");
        let forwards = self.forwards(spec, &at.key("forwardAs"));
        let mut kinds = Vec::with_capacity(spec.matchers.len());
        let mut matchers = Vec::with_capacity(spec.matchers.len());
        for (index, spec) in spec.matchers.iter().enumerate() {
            let at = match_at.index(index);
            let kind = self.kind(&spec.kind, "match", &at)?;
            kinds.push(kind);
            matchers.extend(self.matcher(kind, spec, &at));
        }
        let Some(kind) = kinds.first().copied() else {
            self.error(
                Code::MissingKey,
                &match_at,
                "a match group needs at least one matcher",
            );
            return None;
        };
        if kinds.len() > 1 && kinds.contains(&"none") {
            self.error(
                Code::Conflict,
                &match_at,
                "`none` stands alone in its group",
            );
        }
        Some(Group {
            kind,
            matchers: matchers.into(),
            forwards,
        })
    }

    fn kind(&mut self, written: &str, what: &str, at: &ConfigPath) -> Option<&'static str> {
        let at = at.key("type");
        let lower = written.trim().to_ascii_lowercase();
        if lower.is_empty() {
            let message = format!("a {what} needs a `type`");
            self.error(Code::MissingKey, &at, message);
            return None;
        }
        let known = MATCH_KINDS.iter().copied();
        let found = known.clone().find(|kind| *kind == lower);
        if found.is_none() {
            let message = format!("`{written}` is not a type of credential");
            let hint = match Diagnostic::nearest(&lower, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "use `basic`, `bearer`, `header`, `query` or `none`".to_owned(),
            };
            let diagnostic = Diagnostic::error(Code::InvalidValue, &at, message);
            self.findings.push(diagnostic.hint(hint));
        }
        found
    }

    fn matcher(
        &mut self,
        kind: &'static str,
        spec: &MatchSpec,
        at: &ConfigPath,
    ) -> Option<Matcher> {
        let named = matches!(kind, "header" | "query");
        let valued = named || kind == "bearer";
        self.unused("name", spec.name.is_some() && !named, kind, at);
        self.unused("value", spec.value.is_some() && !valued, kind, at);
        self.unused(
            "username",
            spec.username.is_some() && kind != "basic",
            kind,
            at,
        );
        self.unused(
            "password",
            spec.password.is_some() && kind != "basic",
            kind,
            at,
        );
        let name = match (named, spec.name.as_deref().map(str::trim)) {
            (false, _) => "",
            (true, Some(name)) if !name.is_empty() => name,
            (true, _) => {
                let message = format!("a match of type `{kind}` needs a `name`");
                self.error(Code::MissingKey, &at.key("name"), message);
                return None;
            }
        };
        Some(match kind {
            "basic" => Matcher::Basic {
                users: self.patterns(&spec.username, &at.key("username")),
                passwords: self.patterns(&spec.password, &at.key("password")),
            },
            "bearer" => Matcher::Bearer {
                tokens: self.patterns(&spec.value, &at.key("value")),
            },
            "header" => Matcher::Header {
                name: name.to_ascii_lowercase().into(),
                values: self.patterns(&spec.value, &at.key("value")),
            },
            "query" => Matcher::Query {
                name: name.into(),
                values: self.patterns(&spec.value, &at.key("value")),
            },
            _ => return None,
        })
    }

    fn unused(&mut self, key: &str, written: bool, kind: &str, at: &ConfigPath) {
        if written {
            let message = format!("`{key}` does not belong to type `{kind}`");
            self.error(Code::Conflict, &at.key(key), message);
        }
    }

    fn patterns(&mut self, values: &Values, at: &ConfigPath) -> Patterns {
        let Some(OneOrMany(values)) = values else {
            return Patterns::default();
        };
        if values.is_empty() {
            let message = "an empty list would allow no value at all";
            self.error(Code::InvalidValue, at, message);
        }
        let mut patterns = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            // One value is written without a list.
            let at = match values.len() {
                1 => at.clone(),
                _ => at.index(index),
            };
            patterns.extend(self.pattern(value.expose(), &at));
        }
        Patterns(patterns.into())
    }

    fn pattern(&mut self, value: &str, at: &ConfigPath) -> Option<Pattern> {
        let inner = value
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'));
        let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
            if value.is_empty() {
                self.error(
                    Code::InvalidValue,
                    at,
                    "an empty value matches no credential",
                );
                return None;
            }
            let bytes = value.as_bytes().to_vec().into_boxed_slice();
            return Some(Pattern::Literal(Secret::new(bytes)));
        };
        match Regex::new(inner) {
            Ok(regex) => Some(Pattern::Regex(regex)),
            Err(error) => {
                // The pattern itself may hold a secret: only the kind of error is told.
                let what = match error {
                    regex::Error::CompiledTooBig(_) => "the regular expression is too large",
                    _ => "the regular expression does not parse",
                };
                let hint = "back references and look-around are not offered";
                let diagnostic = Diagnostic::error(Code::Pattern, at, what);
                self.findings.push(diagnostic.hint(hint));
                None
            }
        }
    }

    fn forwards(&mut self, spec: &AuthGroupSpec, at: &ConfigPath) -> Forwards {
        if spec.forward_as.is_empty() {
            return Forwards::Same;
        }
        let mut targets = BTreeSet::new();
        let mut forwards = Vec::with_capacity(spec.forward_as.len());
        for (index, forward) in spec.forward_as.iter().enumerate() {
            let at = at.index(index);
            let Some(kind) = self.kind(&forward.kind, "forward", &at) else {
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
        let fields: [(&str, &Option<String>, &[&str]); 5] = [
            ("name", &spec.name, &["header", "query"]),
            ("value", &spec.value, &["header", "query"]),
            ("token", &spec.token, &["bearer"]),
            ("user", &spec.user, &["basic"]),
            ("password", &spec.password, &["basic"]),
        ];
        for (key, text, kinds) in fields {
            self.unused(key, text.is_some() && !kinds.contains(&kind), kind, at);
        }
        match kind {
            "bearer" => {
                let token = self.required("token", spec.token.as_ref(), kind, at)?;
                Some(Forward::Bearer { token })
            }
            "basic" => {
                if spec.user.is_none() && spec.password.is_none() {
                    let message = "a forward of type `basic` needs a `user` or a `password`";
                    self.error(Code::MissingKey, at, message);
                }
                let user = self.optional("user", spec.user.as_ref(), at);
                let password = self.optional("password", spec.password.as_ref(), at);
                Some(Forward::Basic { user, password })
            }
            "header" | "query" => {
                let name = self.required("name", spec.name.as_ref(), kind, at);
                let value = self.required("value", spec.value.as_ref(), kind, at);
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
