//! Public keys as PEM: a `SubjectPublicKeyInfo` (RFC 5280 section 4.1, RFC 7468 section 13).

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use crate::key::KeyError;
use crate::key::public::{Curve, PublicKey};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

impl PublicKey {
    /// The key of the first `PUBLIC KEY` block in `text`.
    pub(crate) fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
            .map_err(|_| KeyError::Syntax)?;
        Self::from_spki(&der).ok_or(KeyError::Invalid)
    }

    /// The key of a DER `SubjectPublicKeyInfo`.
    fn from_spki(der: &[u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut info = Der(outer.only(SEQUENCE)?);
        let mut algorithm = Der(info.take(SEQUENCE)?);
        let (unused, key) = info.only(BIT_STRING)?.split_first()?;
        if *unused != 0 {
            return None;
        }
        match algorithm.take(OBJECT_ID)? {
            RSA => {
                let mut outer = Der(key);
                let mut numbers = Der(outer.only(SEQUENCE)?);
                let n = positive(numbers.take(INTEGER)?)?;
                let e = positive(numbers.only(INTEGER)?)?;
                Some(Self::Rsa { n, e })
            }
            EC => {
                let curve = match algorithm.only(OBJECT_ID)? {
                    P256 => Curve::P256,
                    P384 => Curve::P384,
                    P521 => Curve::P521,
                    _ => return None,
                };
                let point = key.to_vec();
                Some(Self::Ec { curve, point })
            }
            ED25519 if algorithm.0.is_empty() => Some(Self::Ed25519(key.to_vec())),
            _ => None,
        }
    }
}

/// The bytes of a positive DER integer, without its sign byte.
fn positive(integer: &[u8]) -> Option<Vec<u8>> {
    match integer {
        [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Some(rest.to_vec()),
        [first, ..] if (1..0x80).contains(first) => Some(integer.to_vec()),
        _ => None,
    }
}

/// What is left to read of a DER value.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (own, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            short @ 0..=0x7f => (usize::from(*short), rest),
            0x81 => {
                let (length, rest) = rest.split_first()?;
                (usize::from(*length), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*own == tag).then_some(content)
    }

    /// The content of the next element, which must have this tag and be the last.
    fn only(&mut self, tag: u8) -> Option<&'a [u8]> {
        let content = self.take(tag)?;
        self.0.is_empty().then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};

    use super::*;
    use crate::algorithm::Algorithm;

    fn check(spki: &[u8], algorithm: Algorithm) {
        let key = PublicKey::from_spki(spki).unwrap();
        assert!(key.algorithms().contains(algorithm));
        key.parse(algorithm).unwrap();
        for cut in 0..spki.len() {
            assert!(PublicKey::from_spki(&spki[..cut]).is_none());
        }
        assert!(PublicKey::from_spki(&[spki, &[0]].concat()).is_none());
    }

    #[test]
    fn keys_of_every_type_are_read() {
        let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        check(
            rsa.public_key().as_der().unwrap().as_ref(),
            Algorithm::Ps256,
        );
        let ed = Ed25519KeyPair::generate().unwrap();
        check(ed.public_key().as_der().unwrap().as_ref(), Algorithm::EdDsa);
        for (parameters, algorithm) in [
            (
                &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                Algorithm::Es256,
            ),
            (
                &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                Algorithm::Es384,
            ),
            (
                &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
                Algorithm::Es512,
            ),
        ] {
            let ec = EcdsaKeyPair::generate(parameters).unwrap();
            check(ec.public_key().as_der().unwrap().as_ref(), algorithm);
        }
    }
}
