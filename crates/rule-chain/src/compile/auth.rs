//! Match groups.

use regex::Regex;
use ztag_types::{Code, ConfigPath, Diagnostic, OneOrMany, Secret};

use super::Compiler;
use crate::auth::{Auth, Group, Matcher, Pattern, Patterns};
use crate::spec::{AuthGroupSpec, MatchSpec};

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

    pub(super) fn kind(
        &mut self,
        written: &str,
        what: &str,
        at: &ConfigPath,
    ) -> Option<&'static str> {
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

    pub(super) fn unused(&mut self, key: &str, written: bool, kind: &str, at: &ConfigPath) {
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
}
