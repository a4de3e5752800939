//! What an issuer publishes about itself (RFC 8414, `OpenID` Connect Discovery 1.0).

use std::time::Duration;

use url::Url;
use ztag_backend::Client;
use ztag_types::{Map, Value};

use crate::compile::is_callable;
use crate::fetch::{FetchError, fetch};
use crate::json;

/// Where a set of keys is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// At this address.
    Address(Url),
    /// Where the issuer's metadata says.
    Metadata {
        issuer: Url,
        /// The issuer letter by letter as configured.
        name: String,
        /// Origins that may be named beside that of the issuer.
        origins: Vec<Url>,
    },
}

impl Source {
    /// What it is called: the issuer or the address, as configured.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Address(address) => address.as_str(),
            Self::Metadata { name, .. } => name,
        }
    }
}

/// What an issuer publishes about itself, as far as it is used here.
#[derive(Clone, Debug)]
pub struct Metadata {
    document: Map,
}

impl Metadata {
    /// Reads `document`, if it is about the issuer `name`.
    ///
    /// # Errors
    /// When it is not JSON, or its `issuer` differs from `name` in a single byte (RFC 8414
    /// section 3.3).
    pub fn parse(document: &[u8], name: &str) -> Result<Self, FetchError> {
        let document = json::object(document).ok_or(FetchError::Document)?;
        if document.get("issuer").and_then(Value::as_str) != Some(name) {
            return Err(FetchError::Issuer);
        }
        Ok(Self { document })
    }

    /// The address under `member`, such as `token_endpoint`: `https`, or `http` to this machine.
    pub fn endpoint(&self, member: &str) -> Option<Url> {
        let text = self.document.get(member)?.as_str()?;
        Url::parse(text).ok().filter(is_callable)
    }

    /// The address under `member`, if it is of the same origin as the issuer or of one of
    /// `origins`.
    pub(crate) fn trusted_endpoint(
        &self,
        member: &str,
        issuer: &Url,
        origins: &[Url],
    ) -> Result<Url, FetchError> {
        let address = self.endpoint(member).ok_or(FetchError::Document)?;
        let mut trusted = std::iter::once(issuer).chain(origins);
        if trusted.any(|own| own.origin() == address.origin()) {
            Ok(address)
        } else {
            Err(FetchError::Origin)
        }
    }
}

/// Fetches the metadata of the issuer `name`, which as a URL is `issuer`, from the first of the
/// well-known addresses that has a document about it.
///
/// # Errors
/// Why the last address did not have one. A document about somebody else ends the search.
pub async fn discover(
    client: &Client,
    issuer: &Url,
    name: &str,
    timeout: Duration,
    max_bytes: usize,
) -> Result<Metadata, FetchError> {
    let mut last = FetchError::Document;
    for address in well_known(issuer) {
        let read = fetch(client, address, timeout, max_bytes).await;
        match read.and_then(|page| Metadata::parse(&page.body, name)) {
            Err(error @ (FetchError::Status(_) | FetchError::Document)) => last = error,
            found_or_fatal => return found_or_fatal,
        }
    }
    Err(last)
}

/// RFC 8414 section 3.1 puts the well-known part before the path of the issuer, `OpenID` Connect
/// Discovery section 4.1 behind it.
fn well_known(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let at = |path: String| {
        let mut address = issuer.clone();
        address.set_path(&path);
        address.set_query(None);
        address
    };
    paths.into_iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stands_at_the_well_known_addresses() {
        let check = |issuer: &str, expected: &[&str]| {
            let found = well_known(&Url::parse(issuer).unwrap());
            let found: Vec<_> = found.iter().map(Url::as_str).collect();
            assert_eq!(found, expected);
        };
        check(
            "https://a.example",
            &[
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ],
        );
        check(
            "https://a.example/t/1/",
            &[
                "https://a.example/.well-known/oauth-authorization-server/t/1",
                "https://a.example/.well-known/openid-configuration/t/1",
                "https://a.example/t/1/.well-known/openid-configuration",
            ],
        );
    }

    #[test]
    fn attack_metadata_of_another_issuer_is_refused() {
        let document = br#"{"issuer":"https://a.example/","jwks_uri":"https://a.example/k"}"#;
        assert!(Metadata::parse(document, "https://a.example/").is_ok());
        for other in [
            "https://a.example",
            "https://A.example/",
            "https://a.example:443/",
        ] {
            assert_eq!(
                Metadata::parse(document, other).err(),
                Some(FetchError::Issuer)
            );
        }
        let twice = br#"{"issuer":"a","issuer":"b"}"#;
        assert_eq!(
            Metadata::parse(twice, "b").err(),
            Some(FetchError::Document)
        );
    }

    #[test]
    fn attack_46_keys_come_from_the_issuer_alone() {
        let check = |address: &str, expected: bool| {
            let document = format!(r#"{{"issuer":"https://a.example","jwks_uri":"{address}"}}"#);
            let metadata = Metadata::parse(document.as_bytes(), "https://a.example").unwrap();
            let issuer = Url::parse("https://a.example").unwrap();
            let origins = [Url::parse("https://keys.example").unwrap()];
            let found = metadata.trusted_endpoint("jwks_uri", &issuer, &origins);
            assert_eq!(found.is_ok(), expected, "{address}");
        };
        check("https://a.example/keys?p=1", true);
        check("https://keys.example/a", true);
        check("https://a.example:444/keys", false);
        check("https://evil.example/keys", false);
        check("http://a.example/keys", false);
        check("http://169.254.169.254/latest", false);
        check("https://u:p@a.example/keys", false);
        check("file:///etc/passwd", false);
    }
}
