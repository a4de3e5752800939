//! Match groups.

use regex::Regex;
use ztag_types::{Code, ConfigPath, Diagnostic, OneOrMany, Secret};

use super::Compiler;
use crate::auth::{Auth, Group, Matcher, Pattern, Patterns};
use crate::spec::{AuthGroupSpec, MatchSpec};

/// Types of credentials that a rule can match.
const MATCH_KINDS: &[&str] = &[
    "basic",
    "bearer",
    "header",
    "query",
    "jwt",
    "introspection",
    "certificate",
    "none",
];

/// Types of credentials that a rule can send.
pub(super) const FORWARD_KINDS: &[&str] = &["basic", "bearer", "header", "query", "none"];

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
            Matcher::Token(matcher) => {
                let known = if matcher.introspected {
                    &admitted.introspection
                } else {
                    &admitted.jwt
                };
                let asked = &matcher.issuers;
                let known_issuer = asked.iter().any(|own| known.contains(&**own));
                known_issuer || asked.is_empty() && !known.is_empty()
            }
            Matcher::Certificate(_) => admitted.certificate,
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
            let kind = self.kind(&spec.kind, "match", MATCH_KINDS, &at)?;
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
        kinds: &'static [&'static str],
        at: &ConfigPath,
    ) -> Option<&'static str> {
        let at = at.key("type");
        let lower = written.trim().to_ascii_lowercase();
        if lower.is_empty() {
            let message = format!("a {what} needs a `type`");
            self.error(Code::MissingKey, &at, message);
            return None;
        }
        let known = kinds.iter().copied();
        let found = known.clone().find(|kind| *kind == lower);
        if found.is_none() {
            let message = format!("`{written}` is not a type of credential");
            let hint = match Diagnostic::nearest(&lower, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of `{}`", kinds.join("`, `")),
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
        self.check_keys(kind, spec, at);
        let named = matches!(kind, "header" | "query");
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
            "jwt" => Matcher::Token(Box::new(self.token(false, spec, at))),
            "introspection" => Matcher::Token(Box::new(self.token(true, spec, at))),
            "certificate" => Matcher::Certificate(Box::new(self.certificate(spec, at))),
            _ => return None,
        })
    }

    /// Reports every key that does not belong to the type.
    fn check_keys(&mut self, kind: &'static str, spec: &MatchSpec, at: &ConfigPath) {
        const TOKENS: &[&str] = &["jwt", "introspection"];
        let keys: [(&str, bool, &[&str]); 14] = [
            ("name", spec.name.is_some(), &["header", "query"]),
            (
                "value",
                spec.value.is_some(),
                &["header", "query", "bearer"],
            ),
            ("username", spec.username.is_some(), &["basic"]),
            ("password", spec.password.is_some(), &["basic"]),
            ("issuer", spec.issuer.is_some(), TOKENS),
            ("actor", spec.actor.is_some(), TOKENS),
            ("claims", !spec.claims.is_empty(), TOKENS),
            ("scopes", !spec.scopes.is_empty(), TOKENS),
            ("scopeClaim", spec.scope_claim.is_some(), TOKENS),
            ("stepUp", spec.step_up.is_some(), TOKENS),
            (
                "subject",
                spec.subject.is_some(),
                &["jwt", "introspection", "certificate"],
            ),
            ("spiffeId", spec.spiffe_id.is_some(), &["certificate"]),
            ("dns", spec.dns.is_some(), &["certificate"]),
            ("fingerprint", spec.fingerprint.is_some(), &["certificate"]),
        ];
        for (key, written, kinds) in keys {
            self.unused(key, written && !kinds.contains(&kind), kind, at);
        }
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
