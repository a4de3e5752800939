//! Who we are to authorization servers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Secret, Timestamp};

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::client::assertion::{Assertion, Authentication};
use crate::client::signer::{Signer, SignerError};
use crate::client::spec::ClientIdentitySpec;

/// Longest client id and key id, in bytes.
const MAX_ID: usize = 256;
/// What Auth0 takes: longer names and assertions are refused there.
const AUTH0_ID: usize = 64;
const AUTH0_ASSERTION: usize = 2_048;
/// How long an assertion may be good.
const LIFETIME: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_mins(5);
/// Tried in this order where the configuration names none: a key is for one of the first four, or
/// of RSA.
const GUESSES: [Algorithm; 5] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
    Algorithm::Rs256,
];

/// The key files that a configuration names, as they were read.
#[derive(Clone, Debug, Default)]
pub struct KeyFiles(BTreeMap<PathBuf, Result<Secret<String>, String>>);

impl KeyFiles {
    /// Reads the files at `paths`, which are relative to `folder`. What cannot be read is
    /// reported when it is needed.
    pub fn load<'a>(paths: impl IntoIterator<Item = &'a Path>, folder: &Path) -> Self {
        let read = |path: &Path| {
            let text = fs::read_to_string(folder.join(path)).map(Secret::new);
            text.map_err(|error| error.to_string())
        };
        let files = paths.into_iter();
        Self(files.map(|path| (path.to_owned(), read(path))).collect())
    }

    fn text(&self, path: &Path) -> Result<&Secret<String>, &str> {
        match self.0.get(path) {
            Some(read) => read.as_ref().map_err(String::as_str),
            None => Err("it was not there when the configuration was read"),
        }
    }
}

/// Who we are to authorization servers: how each of them is convinced.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    id: String,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    Key {
        signer: Arc<Signer>,
        lifetime: Duration,
        typed: bool,
    },
    Secret(Secret<String>),
}

impl ClientIdentity {
    /// The identity that `spec`, standing at `at`, describes. `None` when something is wrong, with
    /// findings.
    pub fn compile(
        spec: &ClientIdentitySpec,
        files: &KeyFiles,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        check(spec, at, findings);
        let proof = proof(spec, files, at, findings);
        if findings.errors() > before {
            return None;
        }
        Some(Self {
            id: spec.client_id.clone(),
            proof: proof?,
        })
    }

    /// Our client id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How we show ourselves to the server whose issuer is `issuer`.
    pub fn towards(&self, issuer: &str) -> Authentication {
        match &self.proof {
            Proof::Secret(secret) => Authentication::Basic {
                id: self.id.clone(),
                secret: secret.clone(),
            },
            Proof::Key {
                signer,
                lifetime,
                typed,
            } => {
                let assertion = Assertion::new(&*self.id, issuer, Arc::clone(signer));
                let assertion = assertion.with_lifetime(*lifetime);
                let assertion = if *typed {
                    assertion
                } else {
                    assertion.without_type()
                };
                Authentication::Assertion(Arc::new(assertion))
            }
        }
    }

    /// Warns where an assertion for `issuer` is larger than some servers take.
    pub(crate) fn check_size(&self, issuer: &str, at: &ConfigPath, findings: &mut Findings) {
        let Authentication::Assertion(assertion) = self.towards(issuer) else {
            return;
        };
        let made = assertion.make(Timestamp::default());
        if made.is_ok_and(|made| made.expose().len() > AUTH0_ASSERTION) {
            let message = "assertions are longer than 2048 bytes, which some servers refuse";
            let found = Diagnostic::warning(Code::InvalidValue, at, message);
            findings.push(found.hint("use a shorter key or key id"));
        }
    }
}

fn check(spec: &ClientIdentitySpec, at: &ConfigPath, findings: &mut Findings) {
    let id = at.key("clientId");
    match spec.client_id.len() {
        0 => findings.push(Diagnostic::error(
            Code::MissingKey,
            &id,
            "`clientId` is required",
        )),
        length if length > MAX_ID => {
            let message = "a client id of more than 256 bytes";
            findings.push(Diagnostic::error(Code::InvalidValue, &id, message));
        }
        length if length > AUTH0_ID => {
            let message = "a client id of more than 64 bytes, which some servers refuse";
            findings.push(Diagnostic::warning(Code::InvalidValue, &id, message));
        }
        _ => {}
    }
    if spec.key_id.as_ref().is_some_and(|id| id.len() > MAX_ID) {
        let message = "a key id of more than 256 bytes";
        let at = at.key("keyId");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
    if !LIFETIME.contains(&spec.assertion_lifetime.get()) {
        let message = "`assertionLifetime` is not between 1 second and 5 minutes";
        let at = at.key("assertionLifetime");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
}

fn proof(
    spec: &ClientIdentitySpec,
    files: &KeyFiles,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Proof> {
    let (text, at_key) = match (&spec.key, &spec.key_file, &spec.secret) {
        (None, None, Some(secret)) => return client_secret(secret, at, findings),
        (Some(key), None, None) => (with_line_ends(key), at.key("key")),
        (None, Some(path), None) => {
            let at = at.key("keyFile");
            let read = files.text(path).map_err(|reason| {
                let message = format!("`{}` cannot be read: {reason}", path.display());
                Diagnostic::error(Code::Unreadable, &at, message)
            });
            (findings.keep(read)?.clone(), at)
        }
        (None, None, None) => {
            let message = "one of `key`, `keyFile` and `secret` is required";
            findings.push(Diagnostic::error(Code::MissingKey, at, message));
            return None;
        }
        _ => {
            let message = "`key`, `keyFile` and `secret` exclude each other";
            findings.push(Diagnostic::error(Code::Conflict, at, message));
            return None;
        }
    };
    let signer = signer(spec, &text, at, &at_key, findings)?;
    Some(Proof::Key {
        signer: Arc::new(signer),
        lifetime: spec.assertion_lifetime.get(),
        typed: spec.typed,
    })
}

fn client_secret(
    secret: &Secret<String>,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Proof> {
    if secret.expose().is_empty() {
        let message = "the client secret is empty";
        let at = at.key("secret");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        return None;
    }
    Some(Proof::Secret(secret.clone()))
}

fn signer(
    spec: &ClientIdentitySpec,
    text: &Secret<String>,
    at: &ConfigPath,
    at_key: &ConfigPath,
    findings: &mut Findings,
) -> Option<Signer> {
    let key_id = spec.key_id.as_deref();
    let parsed = match &spec.algorithm {
        None => guess(text, key_id),
        Some(name) => {
            let known = Algorithm::from_name(name).filter(|own| !own.is_symmetric());
            let known = known.ok_or_else(|| unknown_algorithm(name, &at.key("algorithm")));
            Signer::parse(text, findings.keep(known)?, key_id)
        }
    };
    // The reason tells the form, never the content.
    let parsed = parsed.map_err(|error| {
        let message = format!("no key to sign with: {error}");
        Diagnostic::error(Code::InvalidValue, at_key, message)
    });
    findings.keep(parsed)
}

/// The signer of the one algorithm that the key says, or is, for.
fn guess(text: &Secret<String>, key_id: Option<&str>) -> Result<Signer, SignerError> {
    if let Some(algorithm) = Signer::named_algorithm(text) {
        return Signer::parse(text, algorithm, key_id);
    }
    for algorithm in GUESSES {
        match Signer::parse(text, algorithm, key_id) {
            Err(SignerError::Key(_)) => {}
            parsed_or_no_key => return parsed_or_no_key,
        }
    }
    Err(SignerError::Unusable)
}

fn unknown_algorithm(name: &str, at: &ConfigPath) -> Diagnostic {
    let message = format!("`{name}` is not an algorithm to sign with");
    let found = Diagnostic::error(Code::InvalidValue, at, message);
    let all = AlgorithmSet::ASYMMETRIC.iter().map(Algorithm::as_str);
    match Diagnostic::nearest(name, all) {
        Some(near) => found.hint(format!("did you mean `{near}`?")),
        None => found,
    }
}

/// The key with real line ends: variables of the environment often hold `\n` as two characters.
fn with_line_ends(text: &Secret<String>) -> Secret<String> {
    let exposed = text.expose();
    if exposed.trim_start().starts_with("-----BEGIN") && exposed.contains("\\n") {
        return Secret::new(exposed.replace("\\n", "\n"));
    }
    text.clone()
}
