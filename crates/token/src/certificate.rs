//! What a client certificate says (RFC 5280), read without judging its signature: TLS did that,
//! or the proxy that passed it on.

use std::fmt::Write as _;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};
use ztag_types::{ClientCertificate, SmolStr, Timestamp, Value};

use crate::binding::certificate_thumbprint;
use crate::encoding;
use crate::refusal::Refusal;

/// Largest certificate read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Most alternative names of one certificate.
const MAX_NAMES: usize = 100;
/// Longest SPIFFE id, in bytes (SPIFFE-ID section 2.3).
const MAX_SPIFFE_ID: usize = 2_048;

/// Reads the certificate `der`.
///
/// # Errors
/// [`Refusal::CertificateInvalid`] for anything but one certificate of version 3 or less, for
/// more than 100 alternative names, and for names that two readers could read in two ways: text
/// that is not printable ASCII, or two lists of names.
pub fn read(der: &[u8]) -> Result<ClientCertificate, Refusal> {
    if der.len() > MAX_BYTES {
        return Err(Refusal::CertificateInvalid);
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(invalid)?;
    if !rest.is_empty() {
        return Err(Refusal::CertificateInvalid);
    }
    let names = Names::of(&certificate)?;
    Ok(ClientCertificate {
        fingerprint: certificate_thumbprint(der).into(),
        subject: distinguished(certificate.subject()),
        issuer: distinguished(certificate.issuer()),
        serial: serial(certificate.raw_serial()),
        spiffe_id: names.spiffe_id(&certificate),
        dns: names.dns,
        uris: names.uris,
        emails: names.emails,
        expires: Timestamp::from_seconds(certificate.validity().not_after.timestamp()),
    })
}

/// The SHA-256 fingerprint that `text` writes, 64 hexadecimal digits with or without colons or 43
/// letters of base64url, in the spelling of [`ClientCertificate::fingerprint`].
pub fn fingerprint(text: &str) -> Option<String> {
    if encoding::decode(text).is_some_and(|hash| hash.len() == 32) {
        return Some(text.to_owned());
    }
    let bytes = hex::decode(text.replace(':', "")).ok()?;
    (bytes.len() == 32).then(|| encoding::encode(bytes))
}

fn invalid<E>(_: E) -> Refusal {
    Refusal::CertificateInvalid
}

/// The alternative names (RFC 5280 section 4.2.1.6).
#[derive(Default)]
struct Names {
    dns: Vec<Value>,
    uris: Vec<Value>,
    emails: Vec<Value>,
}

impl Names {
    fn of(certificate: &X509Certificate<'_>) -> Result<Self, Refusal> {
        let mut names = Self::default();
        let extension = certificate.subject_alternative_name().map_err(invalid)?;
        let Some(extension) = extension else {
            return Ok(names);
        };
        let found = &extension.value.general_names;
        if found.len() > MAX_NAMES {
            return Err(Refusal::CertificateInvalid);
        }
        for name in found {
            match name {
                GeneralName::DNSName(name) => {
                    names
                        .dns
                        .push(Value::from(printable(name)?.to_ascii_lowercase()));
                }
                GeneralName::URI(uri) => names.uris.push(Value::text(printable(uri)?)),
                GeneralName::RFC822Name(mail) => names.emails.push(Value::text(printable(mail)?)),
                GeneralName::Invalid(..) => return Err(Refusal::CertificateInvalid),
                _ => {}
            }
        }
        Ok(names)
    }

    /// The SPIFFE id. An authority has none, and neither has a certificate with a second URI
    /// (X509-SVID sections 2 and 4.1).
    fn spiffe_id(&self, certificate: &X509Certificate<'_>) -> Option<SmolStr> {
        let [uri] = self.uris.as_slice() else {
            return None;
        };
        let id = uri.as_str().filter(|uri| is_spiffe_id(uri))?;
        (!certificate.is_ca()).then(|| SmolStr::new(id))
    }
}

fn printable(text: &str) -> Result<&str, Refusal> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text)
    } else {
        Err(Refusal::CertificateInvalid)
    }
}

/// Whether `uri` is a SPIFFE id with a path (SPIFFE-ID section 2): a trust domain in lower case,
/// and segments without dot segments and percent-encoding.
fn is_spiffe_id(uri: &str) -> bool {
    let whole = uri
        .strip_prefix("spiffe://")
        .filter(|_| uri.len() <= MAX_SPIFFE_ID);
    let Some((domain, path)) = whole.and_then(|whole| whole.split_once('/')) else {
        return false;
    };
    let of_domain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(of_path);
    !domain.is_empty() && domain.bytes().all(of_domain) && path.split('/').all(segment)
}

/// Lower-case hexadecimal, without the byte that only keeps the number positive.
fn serial(raw: &[u8]) -> SmolStr {
    let digits = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        whole => whole,
    };
    hex::encode(digits).into()
}

/// A name as RFC 4514 writes it: last part first, special characters escaped, so that no value
/// passes for another part of the name.
fn distinguished(name: &X509Name<'_>) -> SmolStr {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for (index, part) in parts.iter().rev().enumerate() {
        if index > 0 {
            text.push(',');
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                text.push('+');
            }
            push_attribute(&mut text, attribute);
        }
    }
    text.into()
}

/// The types with a short name (RFC 4514 section 3), by object identifier.
const SHORT_NAMES: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

fn push_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let id = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(own, _)| *own == id);
    text.push_str(short.map_or(&*id, |(_, name)| name));
    text.push('=');
    match attribute.as_str() {
        Ok(value) if short.is_some() => push_escaped(text, value),
        _ => {
            // RFC 4514 section 2.4: the encoding, where there is no agreed text.
            text.push('#');
            text.push_str(&hex::encode(attribute.as_slice()));
        }
    }
}

fn push_escaped(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (index, letter) in value.chars().enumerate() {
        let special = match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            ' ' => index == 0 || index == last,
            '#' => index == 0,
            _ => false,
        };
        if letter.is_control() {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                // Writing into memory cannot fail.
                let _ = write!(text, "\\{byte:02x}");
            }
            continue;
        }
        if special {
            text.push('\\');
        }
        text.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn with_names(names: Vec<SanType>) -> ClientCertificate {
        read(&made(|params| params.subject_alt_names = names)).unwrap()
    }

    #[test]
    fn names_are_read() {
        let der = made(|params| {
            params.distinguished_name.push(DnType::CountryName, "NO");
            params
                .distinguished_name
                .push(DnType::CommonName, "billing");
            params.serial_number = Some(vec![0xab, 0x01].into());
            params.subject_alt_names = vec![
                SanType::DnsName("Billing.Example.COM".try_into().unwrap()),
                SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
                uri("spiffe://example.org/ns/prod/sa/billing"),
            ];
        });
        let read = read(&der).unwrap();
        assert_eq!(read.subject, "CN=billing,C=NO");
        assert_eq!(read.serial, "ab01");
        assert_eq!(read.dns, [Value::text("billing.example.com")]);
        assert_eq!(read.emails, [Value::text("ops@example.com")]);
        let id = "spiffe://example.org/ns/prod/sa/billing";
        assert_eq!(read.spiffe_id.as_deref(), Some(id));
        assert_eq!(read.fingerprint, certificate_thumbprint(&der));
        assert!(read.expires.seconds() > 0);
    }

    #[test]
    fn attack_30_no_value_passes_for_another_part_of_the_name() {
        let subject = |value: &str| {
            let der = made(|params| params.distinguished_name.push(DnType::CommonName, value));
            read(&der).unwrap().subject
        };
        assert_eq!(subject("a,O=Admins"), "CN=a\\,O=Admins");
        assert_eq!(subject("a+UID=root"), "CN=a\\+UID=root");
        assert_eq!(subject(" #a\\ "), "CN=\\ #a\\\\\\ ");
        assert_eq!(subject("#a"), "CN=\\#a");
        assert_eq!(subject("a\nb"), "CN=a\\0ab");
    }

    #[test]
    fn attack_30_two_identities_are_none() {
        let two = vec![uri("spiffe://example.org/a"), uri("spiffe://example.org/b")];
        assert_eq!(with_names(two).spiffe_id, None);
        let mixed = vec![uri("spiffe://example.org/a"), uri("https://example.org/")];
        assert_eq!(with_names(mixed).spiffe_id, None);
        let authority = made(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.subject_alt_names = vec![uri("spiffe://example.org/a")];
        });
        assert_eq!(read(&authority).unwrap().spiffe_id, None);
    }

    #[test]
    fn spiffe_ids_have_one_spelling() {
        assert!(is_spiffe_id("spiffe://example.org/ns/prod"));
        for bad in [
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe:///a",
            "spiffe://Example.org/a",
            "spiffe://example.org:80/a",
            "spiffe://user@example.org/a",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/a//b",
            "spiffe://example.org/%61",
            "spiffe://example.org/a?b",
            "SPIFFE://example.org/a",
            "https://example.org/a",
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
    }

    #[test]
    fn fingerprints_have_one_spelling() {
        let own = certificate_thumbprint(b"certificate");
        let bytes = encoding::decode(&own).unwrap();
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        for spelling in [
            own.clone(),
            hex.concat(),
            hex.join(":"),
            hex.concat().to_lowercase(),
        ] {
            assert_eq!(fingerprint(&spelling).as_ref(), Some(&own), "{spelling}");
        }
        for bad in ["", "ab", &hex[1..].concat(), "zz"] {
            assert_eq!(fingerprint(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let whole = made(|_| ());
        for length in [0, 1, 10, whole.len() - 1] {
            assert_eq!(read(&whole[..length]), Err(Refusal::CertificateInvalid));
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(read(&longer), Err(Refusal::CertificateInvalid));
        let crowd = (0..=MAX_NAMES).map(|index| {
            SanType::DnsName(format!("n{index}.example").as_str().try_into().unwrap())
        });
        let crowd = made(|params| params.subject_alt_names = crowd.collect());
        assert_eq!(read(&crowd), Err(Refusal::CertificateInvalid));
    }
}
