//! From issuers as written to issuers that judge.

use std::sync::Arc;
use std::time::Duration;

use url::Url;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::issuer::{Issuer, KeySource, Rules};
use crate::key::{Key, KeyError, KeySet, Purpose};
use crate::profile::Profile;
use crate::remote::{KeyStores, Rotation, Source};
use crate::spec::{IssuerSpec, JwksSpec, SharedSecretSpec};

/// Greatest difference between clocks that may be forgiven.
const MAX_SKEW: Duration = Duration::from_mins(5);
/// Bounds of the time a fetched set serves.
const REFRESH: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(30)..=Duration::from_hours(24);

impl Issuer {
    /// The issuer that `spec`, standing at `at`, describes; its fetched keys live in `stores`.
    /// Nothing is fetched here. `None` when something is wrong, with findings.
    pub fn compile(
        spec: &IssuerSpec,
        stores: &KeyStores,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        check_names(spec, at, findings);
        check_times(spec, at, findings);
        let algorithms = algorithms(spec, at, findings);
        let keys = key_source(spec, stores, at, findings);
        if findings.errors() > before {
            return None;
        }
        let requirements = spec.profile.requirements();
        let types = if spec.types.is_empty() {
            requirements.types.iter().copied().map(Into::into).collect()
        } else {
            spec.types.iter().map(|own| own.as_str().into()).collect()
        };
        let required = requirements.claims.iter().copied();
        let required = required.chain(spec.required_claims.iter().map(String::as_str));
        Some(Self::new(
            spec.issuer.as_str().into(),
            Rules {
                profile: spec.profile,
                audiences: spec
                    .audiences
                    .iter()
                    .map(|own| own.as_str().into())
                    .collect(),
                types,
                untyped: requirements.untyped && spec.types.is_empty(),
                required: required.map(Into::into).collect(),
                algorithms,
                skew: spec.clock_skew.get(),
                max_age: spec.max_age.map(ztag_types::DurationSpec::get),
                bound: requirements.bound,
            },
            keys?,
        ))
    }
}

fn check_names(spec: &IssuerSpec, at: &ConfigPath, findings: &mut Findings) {
    if spec.issuer.is_empty() {
        let message = "`issuer` is required";
        findings.push(Diagnostic::error(
            Code::MissingKey,
            &at.key("issuer"),
            message,
        ));
    } else if spec.profile == Profile::Spiffe && trust_domain(&spec.issuer).is_none() {
        let message = format!("`{}` is not a trust domain", spec.issuer);
        let found = Diagnostic::error(Code::InvalidValue, &at.key("issuer"), message);
        findings.push(found.hint("write it as `spiffe://example.org`"));
    }
    check_audiences(&spec.audiences, at, findings);
}

pub(crate) fn check_audiences(audiences: &[String], at: &ConfigPath, findings: &mut Findings) {
    if audiences.is_empty() {
        let message = "`audiences` is required: without it, tokens for others would be accepted";
        findings.push(Diagnostic::error(
            Code::MissingKey,
            &at.key("audiences"),
            message,
        ));
    }
    for (index, audience) in audiences.iter().enumerate() {
        if audience.is_empty() {
            let at = at.key("audiences").index(index);
            findings.push(Diagnostic::error(
                Code::InvalidValue,
                &at,
                "an audience is empty",
            ));
        }
    }
}

fn trust_domain(issuer: &str) -> Option<&str> {
    let name = issuer.strip_prefix("spiffe://")?;
    let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    (!name.is_empty() && name.bytes().all(legal)).then_some(name)
}

fn check_times(spec: &IssuerSpec, at: &ConfigPath, findings: &mut Findings) {
    if spec.clock_skew.get() > MAX_SKEW {
        let message = "more than 5 minutes of clock skew";
        findings.push(Diagnostic::error(
            Code::InvalidValue,
            &at.key("clockSkew"),
            message,
        ));
    }
    check_jwks(&spec.jwks, &at.key("jwks"), findings);
}

/// Checks the times of `spec`, which stands at `jwks`.
pub(crate) fn check_jwks(spec: &JwksSpec, jwks: &ConfigPath, findings: &mut Findings) {
    if !REFRESH.contains(&spec.refresh.get()) {
        let message = "`refresh` is not between 30 seconds and 24 hours";
        findings.push(Diagnostic::error(
            Code::InvalidValue,
            &jwks.key("refresh"),
            message,
        ));
    }
    if spec.min_interval.get() < Duration::from_secs(1) {
        let message = "less than a second between fetches lets anybody flood the issuer";
        findings.push(Diagnostic::error(
            Code::InvalidValue,
            &jwks.key("minInterval"),
            message,
        ));
    }
    if spec.timeout.get().is_zero() || spec.max_bytes == 0 {
        let message = "`timeout` and `maxBytes` must be more than zero";
        findings.push(Diagnostic::error(Code::InvalidValue, jwks, message));
    }
}

fn algorithms(spec: &IssuerSpec, at: &ConfigPath, findings: &mut Findings) -> AlgorithmSet {
    let offered = match &spec.secret {
        None => spec.profile.requirements().algorithms,
        Some(secret) => Algorithm::from_name(&secret.algorithm)
            .filter(|own| own.is_symmetric())
            .map_or(AlgorithmSet::NONE, Into::into),
    };
    if spec.algorithms.is_empty() {
        return offered;
    }
    let mut chosen = AlgorithmSet::NONE;
    for (index, name) in spec.algorithms.iter().enumerate() {
        if let Some(algorithm) = Algorithm::from_name(name).filter(|own| offered.contains(*own)) {
            chosen = chosen.with(algorithm);
            continue;
        }
        let at = at.key("algorithms").index(index);
        let message = format!("`{name}` is not an algorithm that may be used here");
        let found = Diagnostic::error(Code::InvalidValue, &at, message);
        let near = Diagnostic::nearest(name, offered.iter().map(Algorithm::as_str));
        findings.push(match near {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found,
        });
    }
    chosen
}

fn key_source(
    spec: &IssuerSpec,
    stores: &KeyStores,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<KeySource> {
    let jwks = at.key("jwks");
    let ways = [
        spec.secret.is_some(),
        spec.jwks.keys.is_some(),
        spec.jwks.uri.is_some(),
    ];
    if ways.into_iter().filter(|way| *way).count() > 1 {
        let message = "`secret`, `jwks.keys` and `jwks.uri` exclude each other";
        findings.push(Diagnostic::error(Code::Conflict, &jwks, message));
        return None;
    }
    if let Some(secret) = &spec.secret {
        return shared_secret(secret, &at.key("secret"), findings);
    }
    let purpose = spec.profile.requirements().purpose;
    published_keys(&spec.issuer, &spec.jwks, purpose, stores, at, findings)
}

/// The public keys of `issuer`, as `spec` under `at` says where they are.
pub(crate) fn published_keys(
    issuer: &str,
    spec: &JwksSpec,
    purpose: Purpose,
    stores: &KeyStores,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<KeySource> {
    let jwks = at.key("jwks");
    if spec.keys.is_some() && spec.uri.is_some() {
        let message = "`jwks.keys` and `jwks.uri` exclude each other";
        findings.push(Diagnostic::error(Code::Conflict, &jwks, message));
        return None;
    }
    if let Some(text) = &spec.keys {
        return fixed(KeySet::parse(text, purpose), &jwks.key("keys"), findings);
    }
    let source = match &spec.uri {
        Some(uri) => Source::Address(callable(uri, &jwks.key("uri"), findings)?),
        None => Source::Metadata {
            issuer: callable(issuer, &at.key("issuer"), findings)?,
            name: issuer.to_owned(),
            origins: origins(&spec.origins, &jwks.key("origins"), findings)?,
        },
    };
    let rotation = Rotation {
        purpose,
        refresh: spec.refresh.get(),
        min_interval: spec.min_interval.get(),
        max_stale: spec.max_stale.get(),
        timeout: spec.timeout.get(),
        max_bytes: spec.max_bytes,
    };
    Some(KeySource::Remote(stores.open(source, rotation)))
}

fn shared_secret(
    spec: &SharedSecretSpec,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<KeySource> {
    let algorithm = Algorithm::from_name(&spec.algorithm);
    let secret = spec.value.expose().as_bytes();
    let key = algorithm
        .ok_or(KeyError::Algorithm)
        .and_then(|algorithm| Key::from_secret(None, secret, algorithm));
    fixed(key.and_then(|key| KeySet::new(vec![key])), at, findings)
}

fn fixed(
    keys: Result<KeySet, KeyError>,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<KeySource> {
    let keys = keys.map_err(|error| {
        Diagnostic::error(
            Code::InvalidValue,
            at,
            format!("no key to verify with: {error}"),
        )
    });
    let keys = findings.keep(keys)?;
    if keys.skipped() > 0 {
        let message = format!("{} keys of the set cannot be used", keys.skipped());
        findings.push(Diagnostic::warning(Code::InvalidValue, at, message));
    }
    Some(KeySource::Fixed(Arc::new(keys)))
}

/// The URLs in `texts`, which stand at `at`.
pub(crate) fn origins(
    texts: &[String],
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Vec<Url>> {
    let texts = texts.iter().enumerate();
    let read: Vec<_> = texts
        .map(|(index, origin)| callable(origin, &at.index(index), findings))
        .collect();
    read.into_iter().collect()
}

/// The URL in `text`, if it is one to call an issuer at: `https`, or `http` to this machine.
pub(crate) fn callable(text: &str, at: &ConfigPath, findings: &mut Findings) -> Option<Url> {
    let url = Url::parse(text).ok().filter(is_callable);
    if url.is_none() {
        let message = format!("`{text}` is not an https URL without user and fragment");
        findings.push(Diagnostic::error(Code::InvalidUrl, at, message));
    }
    url
}

pub(crate) fn is_callable(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    plain && (url.scheme() == "https" || url.scheme() == "http" && local)
}
