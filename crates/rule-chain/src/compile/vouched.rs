//! Matchers of what somebody else vouches for: tokens and certificates.

use ztag_expr::TextPattern;
use ztag_token::StepUp;
use ztag_types::{Code, ConfigPath, Diagnostic, DurationSpec, OneOrMany};

use super::Compiler;
use crate::auth::{CertificateMatcher, ClaimMatcher, ClaimPattern, TokenMatcher};
use crate::claim_spec::{ClaimSpec, ClaimValueSpec};
use crate::spec::{MatchSpec, StepUpSpec};

impl Compiler<'_> {
    pub(super) fn token(
        &mut self,
        introspected: bool,
        spec: &MatchSpec,
        at: &ConfigPath,
    ) -> TokenMatcher {
        let issuer = |_: &ConfigPath, text: &str| Ok(text.into());
        let issuers = self.texts(spec.issuer.as_ref(), &at.key("issuer"), issuer);
        let claims = at.key("claims");
        let claims = spec.claims.iter().map(|(name, values)| ClaimMatcher {
            name: name.as_str().into(),
            values: self.claim(values, &claims.key(name)),
        });
        let claims = claims.collect();
        let scopes = at.key("scopes");
        for (index, scope) in spec.scopes.iter().enumerate() {
            self.check_quotable("scope", scope, &scopes.index(index));
        }
        let (step_up, at_step_up) = (spec.step_up.as_ref(), at.key("stepUp"));
        TokenMatcher {
            introspected,
            issuers,
            subjects: self.text_patterns(spec.subject.as_ref(), &at.key("subject")),
            actors: self.text_patterns(spec.actor.as_ref(), &at.key("actor")),
            claims,
            scopes: spec
                .scopes
                .iter()
                .map(|scope| scope.as_str().into())
                .collect(),
            scope_claim: spec.scope_claim.as_deref().unwrap_or("scope").into(),
            step_up: step_up.map(|spec| self.step_up(spec, &at_step_up)),
        }
    }

    pub(super) fn certificate(&mut self, spec: &MatchSpec, at: &ConfigPath) -> CertificateMatcher {
        let read = |at: &ConfigPath, text: &str| {
            let read = ztag_token::certificate::fingerprint(text).map(Into::into);
            read.ok_or_else(|| {
                let message = format!("`{text}` is not a SHA-256 fingerprint");
                let hint = "write 64 hexadecimal digits, or 43 letters of base64url";
                Diagnostic::error(Code::InvalidValue, at, message).hint(hint)
            })
        };
        let at_fingerprint = at.key("fingerprint");
        CertificateMatcher {
            spiffe_ids: self.text_patterns(spec.spiffe_id.as_ref(), &at.key("spiffeId")),
            dns: self.text_patterns(spec.dns.as_ref(), &at.key("dns")),
            subjects: self.text_patterns(spec.subject.as_ref(), &at.key("subject")),
            fingerprints: self.texts(spec.fingerprint.as_ref(), &at_fingerprint, read),
        }
    }

    fn text_patterns(
        &mut self,
        texts: Option<&OneOrMany<String>>,
        at: &ConfigPath,
    ) -> Box<[TextPattern]> {
        self.texts(texts, at, |at, text| TextPattern::compile(text, at))
    }

    /// Compiles one text or a list of them; an empty list would allow nothing.
    fn texts<T>(
        &mut self,
        texts: Option<&OneOrMany<String>>,
        at: &ConfigPath,
        compile: impl Fn(&ConfigPath, &str) -> Result<T, Diagnostic>,
    ) -> Box<[T]> {
        let Some(OneOrMany(texts)) = texts else {
            return Box::default();
        };
        self.check_list(texts.len(), at);
        let compiled = texts.iter().enumerate().filter_map(|(index, text)| {
            let compiled = compile(&place(at, index, texts.len()), text);
            self.findings.keep(compiled)
        });
        compiled.collect()
    }

    fn claim(&mut self, ClaimSpec(values): &ClaimSpec, at: &ConfigPath) -> Box<[ClaimPattern]> {
        self.check_list(values.len(), at);
        let compiled = values.iter().enumerate().filter_map(|(index, value)| {
            Some(match value {
                ClaimValueSpec::Bool(value) => ClaimPattern::Bool(*value),
                ClaimValueSpec::Int(value) => ClaimPattern::Int(*value),
                ClaimValueSpec::Text(text) => {
                    let pattern = TextPattern::compile(text, &place(at, index, values.len()));
                    ClaimPattern::Text(self.findings.keep(pattern)?)
                }
            })
        });
        compiled.collect()
    }

    fn check_list(&mut self, length: usize, at: &ConfigPath) {
        if length == 0 {
            let message = "an empty list would allow no value at all";
            self.error(Code::InvalidValue, at, message);
        }
    }

    fn step_up(&mut self, spec: &StepUpSpec, at: &ConfigPath) -> StepUp {
        if spec.acr.is_empty() && spec.max_age.is_none() {
            let message = "`stepUp` asks for nothing: it needs `acr`, `maxAge` or both";
            self.error(Code::MissingKey, at, message);
        }
        for (index, acr) in spec.acr.iter().enumerate() {
            self.check_quotable("context", acr, &at.key("acr").index(index));
        }
        StepUp {
            acr_values: spec.acr.clone(),
            max_age: spec.max_age.map(DurationSpec::get),
        }
    }

    /// Refuses what cannot stand in a challenge, among others separated by blanks (RFC 6749 section
    /// 3.3).
    fn check_quotable(&mut self, what: &str, text: &str, at: &ConfigPath) {
        let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if text.is_empty() || !text.bytes().all(legal) {
            let message = format!("`{text}` is not a {what}");
            self.error(Code::InvalidValue, at, message);
        }
    }
}

/// Where one of several values stands; one value is written without a list.
fn place(at: &ConfigPath, index: usize, length: usize) -> ConfigPath {
    match length {
        1 => at.clone(),
        _ => at.index(index),
    }
}
