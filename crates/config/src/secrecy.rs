//! Which values must not be shown, whatever is wrong with them.

use ztag_types::{ConfigPath, Diagnostic, Segment};

use crate::kind::Kind;

/// Parts of key names whose values are taken for secrets, compared without `-`, `_` and case.
const TELLING: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "salt",
    "authorization",
    "cookie",
    "apikey",
    "privatekey",
];

/// Keys that speak of secrets, or resemble those that do, and hold none.
const HARMLESS: &[&str] = &["authentication", "tokens", "tokenEndpoint"];

/// Keys of a database whose values may be shown. All others may be a misspelt `url`.
const HARMLESS_IN_DATABASE: &[&str] = &["schema", "caFile", "images", "pollInterval"];

/// Keys of a matcher, and the key above it, whose values may be shown. All others may be a misspelt
/// `value` or `password`.
const HARMLESS_IN_MATCH: &[&str] = &["match", "type", "name", "username"];

/// Letters of a key that may be a misspelt telling word; shorter ones resemble too many others.
const MIN_MISSPELT: usize = 6;

/// Whether the value at `path` may be a secret.
pub(crate) fn is_secret(path: &ConfigPath) -> bool {
    let keys = path.segments().iter().filter_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        Segment::Index(_) => None,
    });
    let keys: Vec<_> = keys.collect();
    let telling = |key: &&str| !HARMLESS.contains(key) && is_telling(key);
    match keys.as_slice() {
        // Names of definitions, variables and secret files are no secrets.
        [section, _] if Kind::of(section).is_some() => false,
        ["server", "variables", ..] => false,
        // An address may hold a password.
        ["server", "fga", "postgres", key, ..] => !HARMLESS_IN_DATABASE.contains(key),
        // Private keys of ours, and what else may be meant by a key of a few letters.
        [.., "clientAuth" | "client", key] if key.len() <= 3 => true,
        [section, _, rest @ ..] if Kind::of(section).is_some() => {
            let matched = *section == "rules" && rest.contains(&"match");
            let shown = |key: &&str| HARMLESS_IN_MATCH.contains(key);
            rest.iter().any(telling) || matched && !rest.last().is_some_and(shown)
        }
        other => other.iter().any(telling),
    }
}

/// Whether a key of this name holds a secret, perhaps misspelt: then the line is sure to be shown.
pub(crate) fn is_telling(key: &str) -> bool {
    let letters = key.chars().filter(|c| *c != '-' && *c != '_');
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    TELLING.iter().any(|word| plain.contains(word))
        || plain.len() >= MIN_MISSPELT
            && Diagnostic::nearest(&plain, TELLING.iter().copied()).is_some()
}

/// Whether `text` is a single template expression without any literal: it shows nothing.
pub(crate) fn is_reference(text: &str) -> bool {
    let inner = text
        .trim()
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| !inner.contains(['\'', '"', '{', '}']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&str], expected: bool) {
        let path = keys
            .iter()
            .fold(ConfigPath::root(), |path, key| path.key(*key));
        assert_eq!(is_secret(&path), expected, "{path}");
    }

    #[test]
    fn secrets_are_known_by_their_keys() {
        check(&["server", "cache", "redis", "password"], true);
        check(&["server", "cache", "keySalt"], true);
        check(&["server", "listen", "port"], false);
        check(&["server", "tokens", "maxRevocations"], false);
        check(&["server", "tokens", "proofs", "nonces", "secret"], true);
        check(&["server", "fga", "postgres", "url"], true);
        check(&["server", "fga", "postgres", "password"], true);
        check(&["server", "fga", "postgres", "schema"], false);
        check(&["server", "clientAuth", "key"], true);
        check(&["server", "clientAuth", "keyFile"], false);
        check(&["server", "clientAuth", "clientId"], false);
        check(&["issuers", "secret-service", "issuer"], false);
        check(
            &["endpoints", "api", "authentication", "allow", "jwt"],
            false,
        );
        check(&["issuers", "a", "secret", "value"], true);
        check(&["introspection", "a", "client", "key"], true);
        check(&["server", "variables", "secrets", "db-password"], false);
        check(&["rules", "introspect-token"], false);
        check(&["rules", "introspect-token", "description"], false);
        check(&["rules", "a", "auth", "match", "value"], true);
        check(&["rules", "a", "auth", "forwardAs", "value"], false);
        check(&["rules", "a", "backendApi", "headers", "X-Api-Key"], true);
    }

    /// The line of a misspelt key is shown, and the secret stands on it.
    #[test]
    fn attack_56_misspelt_keys_hide_their_secrets() {
        let redis = |key| ["server", "cache", "redis", key];
        for key in ["pasword", "passwrod", "Password", "pass-word"] {
            check(&redis(key), true);
        }
        check(&redis("address"), false);
        check(&redis("timeout"), false);
        check(&["server", "fga", "postgres", "ulr"], true);
        let matcher = |key| ["rules", "a", "auth", "match", key];
        for key in ["valeu", "values", "pw", "passwort"] {
            check(&matcher(key), true);
        }
        for key in ["type", "name", "username"] {
            check(&matcher(key), false);
        }
        check(&["rules", "a", "auth", "match"], false);
        check(&["rules", "a", "conditions", "pass"], false);
    }

    #[test]
    fn references_show_nothing() {
        assert!(is_reference("{{ auth.input.bearer.token }}"));
        assert!(!is_reference("{{ 'hunter2' }}"));
        assert!(!is_reference("abc{{ x }}"));
    }
}
