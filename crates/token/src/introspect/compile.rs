//! From introspection as written to an introspector.

use std::sync::Arc;
use std::time::Duration;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::signed::SignedAnswers;
use super::{Introspection, IntrospectionSpec, Introspector};
use crate::client::server::{Identities, Server, ServerSpec};
use crate::client::{ClientIdentity, KeyFiles};
use crate::compile::{check_audiences, check_jwks, published_keys};
use crate::key::Purpose;
use crate::remote::KeyStores;
use crate::verify::Places;

/// How long an answer may be believed.
const MAX_AGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(1);

/// What compiling an introspector needs beside what is written.
#[derive(Clone, Copy, Debug)]
pub struct IntrospectionDeps<'a> {
    /// Where the keys of signed answers are, and the way out.
    pub stores: &'a KeyStores,
    /// What the introspector uses and does not own.
    pub places: &'a Places,
    /// Who we are where nothing else is said: `server.clientAuth`.
    pub identity: Option<&'a ClientIdentity>,
    /// The key files that the configuration names.
    pub files: &'a KeyFiles,
}

impl Introspector {
    /// The introspector that `spec`, standing at `at`, describes. Nothing is asked here. `None`
    /// when something is wrong, with findings.
    pub fn compile(
        spec: &IntrospectionSpec,
        deps: IntrospectionDeps<'_>,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Arc<Self>> {
        let before = findings.errors();
        check_ages(spec, at, findings);
        if !spec.allow_no_audience || !spec.audiences.is_empty() {
            check_audiences(&spec.audiences, at, findings);
        }
        let identities = Identities {
            default: deps.identity,
            files: deps.files,
        };
        let server = Server::compile(ServerSpec::from(spec), identities, at, findings);
        let signed = signed(spec, deps.stores, at, findings);
        if findings.errors() > before {
            return None;
        }
        let (server, authentication) = server?;
        let (client, clock) = (&deps.stores.client, &deps.places.clock);
        let policy = Introspection {
            issuer: spec.issuer.as_str().into(),
            address: server.address(client, clock, spec.timeout.get()),
            audiences: spec.audiences.clone(),
            allow_no_audience: spec.allow_no_audience,
            authentication,
            timeout: spec.timeout.get(),
            max_age: spec.max_age.get(),
            max_age_inactive: spec.max_age_inactive.get(),
        };
        let (client, places) = (Arc::clone(client), deps.places.clone());
        Some(Self::with_signed(policy, signed?, client, places))
    }
}

fn check_ages(spec: &IntrospectionSpec, at: &ConfigPath, findings: &mut Findings) {
    if !MAX_AGE.contains(&spec.max_age.get()) {
        let message = "`maxAge` is not between 1 second and 1 hour";
        let at = at.key("maxAge");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
    if spec.max_age_inactive.get() > *MAX_AGE.end() {
        let message = "`maxAgeInactive` is more than 1 hour";
        let at = at.key("maxAgeInactive");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
}

/// The outer `None` when something is wrong, the inner one where answers need no signature.
#[expect(clippy::option_option, reason = "what is wrong is not what is absent")]
fn signed(
    spec: &IntrospectionSpec,
    stores: &KeyStores,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Option<SignedAnswers>> {
    let Some(jwks) = &spec.jwks else {
        return Some(None);
    };
    let at_jwks = at.key("jwks");
    check_jwks(jwks, &at_jwks, findings);
    let (issuer, purpose) = (spec.issuer.as_str(), Purpose::Signature);
    let keys = published_keys(issuer, jwks, purpose, stores, at, findings)?;
    Some(Some(SignedAnswers(keys)))
}
