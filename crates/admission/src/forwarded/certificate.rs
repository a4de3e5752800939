//! The certificate of the client, as the proxy that terminates TLS passes it on.
//!
//! Believed as everything a trusted proxy says: it must overwrite what clients send under the same
//! name (RFC 8705 section 6.5, RFC 9440 section 2.4).

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_token::certificate;
use ztag_types::{ClientCertificate, Code, ConfigPath, Diagnostic};

use super::known_certificates::KnownCertificates;
use super::optional;
use crate::error::Fault;
use crate::spec::CertificateHeaderSpec;

/// Longest value read, in bytes.
const MAX_VALUE: usize = 32 * 1024;

const MALFORMED: Fault = Fault::forwarded("forwarded client certificate cannot be read");

/// How a proxy writes the certificate of its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateFormat {
    /// RFC 9440 `Client-Cert`: `:base64 of the DER:`.
    #[default]
    ClientCert,
    /// PEM with percent-encoding, as nginx writes `$ssl_client_escaped_cert`; also its base64
    /// alone, the leaf first, as Traefik writes `X-Forwarded-Tls-Client-Cert`.
    PemUrlencoded,
    /// The `Cert` of the only element of Envoy's `X-Forwarded-Client-Cert`, which is what
    /// `SANITIZE_SET` sends.
    Xfcc,
}

/// The compiled [`CertificateHeaderSpec`].
#[derive(Clone, Debug)]
pub(crate) struct CertificateHeader {
    name: HeaderName,
    format: CertificateFormat,
    known: Arc<KnownCertificates>,
}

impl CertificateHeader {
    /// Compiles `spec`, found at `path`.
    pub(crate) fn compile(
        spec: &CertificateHeaderSpec,
        path: &ConfigPath,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let path = path.key("header");
        let written = spec.header.trim();
        if written.is_empty() {
            let message = "the header that carries the certificate has no name";
            findings.push(Diagnostic::error(Code::MissingKey, &path, message));
            return None;
        }
        let taken = [
            AUTHORIZATION,
            CONTENT_LENGTH,
            COOKIE,
            HOST,
            TRANSFER_ENCODING,
        ];
        let name = HeaderName::try_from(written).ok();
        let name = name.filter(|name| !taken.contains(name));
        if name.is_none() {
            let message = format!("`{written}` cannot carry a certificate");
            findings.push(Diagnostic::error(Code::InvalidName, &path, message));
        }
        Some(Self {
            name: name?,
            format: spec.format,
            known: Arc::default(),
        })
    }

    /// The lower-case name.
    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The certificate, where one is passed on; an empty value is none.
    pub(crate) fn read(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<ClientCertificate>>, Fault> {
        let value = optional(headers, &self.name)?.unwrap_or_default().trim();
        if value.is_empty() {
            return Ok(None);
        }
        if value.len() > MAX_VALUE {
            return Err(MALFORMED);
        }
        if let Some(known) = self.known.find(value) {
            return Ok(Some(known));
        }
        let read = Arc::new(self.parse(value)?);
        self.known.remember(value, &read);
        Ok(Some(read))
    }

    fn parse(&self, value: &str) -> Result<ClientCertificate, Fault> {
        let der = match self.format {
            CertificateFormat::ClientCert => byte_sequence(value),
            CertificateFormat::PemUrlencoded => pem(value),
            CertificateFormat::Xfcc => pem(cert_of(value).ok_or(MALFORMED)?),
        };
        certificate::read(&der.ok_or(MALFORMED)?).map_err(|_| MALFORMED)
    }
}

/// A byte sequence (RFC 9651 section 3.3.5), as RFC 9440 uses it.
fn byte_sequence(value: &str) -> Option<Vec<u8>> {
    let inner = value.strip_prefix(':')?.strip_suffix(':')?;
    STANDARD.decode(inner).ok()
}

/// The first certificate of percent-encoded PEM, with its frame or without.
fn pem(value: &str) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text: Cow<'_, str> = percent_decode_str(value).decode_utf8().ok()?;
    let leaf = match text.trim_start().strip_prefix(BEGIN) {
        Some(framed) => framed.split_once(END)?.0,
        None => text.split(',').next()?,
    };
    let digits: Vec<u8> = leaf
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD.decode(digits).ok()
}

/// The `Cert` of the only element; a second element, or a second `Cert`, is a second opinion.
fn cert_of(value: &str) -> Option<&str> {
    let mut found = None;
    let mut rest = value;
    loop {
        let (key, behind) = rest.split_once('=')?;
        let (value, behind) = pair_value(behind)?;
        if key.trim().eq_ignore_ascii_case("cert") && found.replace(value).is_some() {
            return None;
        }
        match behind.strip_prefix(';') {
            Some(next) => rest = next,
            None if behind.is_empty() => return found,
            None => return None,
        }
    }
}

/// The value that begins `text`, without quotes, and what stands behind it.
fn pair_value(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, behind) = quoted.split_once('"')?;
        // Escapes are not read: nothing in a certificate needs one.
        return (!value.contains('\\')).then_some((value, behind));
    }
    let end = text.find([';', ',']).unwrap_or(text.len());
    text.split_at_checked(end)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate() -> (Vec<u8>, String) {
        let params = CertificateParams::new(vec!["billing.example".to_owned()]).unwrap();
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        (made.der().to_vec(), made.pem())
    }

    fn escaped(pem: &str) -> String {
        percent_encoding::utf8_percent_encode(pem, percent_encoding::NON_ALPHANUMERIC).to_string()
    }

    fn read(format: CertificateFormat, values: &[&str]) -> Result<Option<String>, Fault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("client-cert", HeaderValue::from_str(value).unwrap());
        }
        let name = HeaderName::from_static("client-cert");
        let header = CertificateHeader {
            name,
            format,
            known: Arc::default(),
        };
        // What is remembered is what was read.
        let read = header.read(&headers)?;
        assert_eq!(header.read(&headers)?, read);
        Ok(read.map(|own| own.fingerprint.to_string()))
    }

    #[test]
    fn every_format_names_the_same_certificate() {
        let (der, pem) = certificate();
        let base64 = STANDARD.encode(&der);
        let expected = Ok(Some(ztag_token::certificate_thumbprint(&der)));
        let check = |format, value: &str| assert_eq!(read(format, &[value]), expected, "{value}");
        check(CertificateFormat::ClientCert, &format!(":{base64}:"));
        check(CertificateFormat::PemUrlencoded, &escaped(&pem));
        check(CertificateFormat::PemUrlencoded, &base64);
        check(CertificateFormat::PemUrlencoded, &format!("{base64},AAAA"));
        let cert = escaped(&pem);
        check(
            CertificateFormat::Xfcc,
            &format!("By=spiffe://a/b;Cert=\"{cert}\";URI=c"),
        );
        check(
            CertificateFormat::Xfcc,
            &format!("Hash=ab;Subject=\"CN=a;b,c\";cert={cert}"),
        );
    }

    #[test]
    fn an_empty_value_is_no_certificate() {
        for format in [CertificateFormat::ClientCert, CertificateFormat::Xfcc] {
            assert_eq!(read(format, &[]), Ok(None));
            assert_eq!(read(format, &[""]), Ok(None));
        }
    }

    #[test]
    fn attack_17_a_second_certificate_is_a_second_opinion() {
        let (der, pem) = certificate();
        let value = format!(":{}:", STANDARD.encode(der));
        assert!(read(CertificateFormat::ClientCert, &[&value, &value]).is_err());
        let cert = escaped(&pem);
        for value in [
            format!("Cert={cert},Cert={cert}"),
            format!("Cert={cert};Cert={cert}"),
            format!("Hash=a,Cert={cert}"),
        ] {
            assert!(read(CertificateFormat::Xfcc, &[&value]).is_err(), "{value}");
        }
    }

    #[test]
    fn attack_20_what_cannot_be_read_is_refused() {
        let (der, _) = certificate();
        let base64 = STANDARD.encode(&der);
        for value in [
            "::",
            "AAAA",
            ":AAAA:",
            &format!(":{base64}"),
            "%ff",
            &"a".repeat(MAX_VALUE + 1),
        ] {
            assert!(
                read(CertificateFormat::ClientCert, &[value]).is_err(),
                "{value}"
            );
        }
        for value in ["%ff", "-----BEGIN CERTIFICATE-----AAAA", "AAAA", "!"] {
            assert!(
                read(CertificateFormat::PemUrlencoded, &[value]).is_err(),
                "{value}"
            );
        }
        for value in [
            "Hash=ab",
            "Cert",
            "Cert=\"a",
            "Cert=\"a\"b",
            "Cert=\"\\\"\"",
        ] {
            assert!(read(CertificateFormat::Xfcc, &[value]).is_err(), "{value}");
        }
    }
}
