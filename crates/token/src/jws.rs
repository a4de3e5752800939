//! Compact signed tokens (RFC 7515 sections 3.1 and 5.2): the one place where a signature is
//! checked.

use crate::algorithm::AlgorithmSet;
use crate::encoding;
use crate::header::Header;
use crate::key::KeySet;
use crate::refusal::Refusal;

/// A token taken apart, nothing of it believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compact<'a> {
    /// The header as written.
    pub(crate) header: &'a str,
    /// The payload as written.
    pub(crate) payload: &'a str,
    /// The signature as written.
    pub(crate) signature: &'a str,
    /// What is signed: header, dot, payload.
    pub(crate) signed: &'a str,
}

/// A payload whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
}

impl Signed {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload; any bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Checks the signature of `token` with the one key of `keys` that its header means, if its
/// algorithm is among `allowed`. Says nothing about claims: the payload may be anything.
///
/// # Errors
/// Why the token is not accepted.
pub fn verify(
    token: &str,
    keys: &KeySet,
    allowed: AlgorithmSet,
    max_bytes: usize,
) -> Result<Signed, Refusal> {
    let compact = Compact::split(token, max_bytes)?;
    let header = compact.header()?;
    let payload = compact.payload()?;
    compact.check_signature(&header, keys, allowed)?;
    Ok(Signed { header, payload })
}

impl<'a> Compact<'a> {
    pub(crate) fn split(token: &'a str, max_bytes: usize) -> Result<Self, Refusal> {
        if token.len() > max_bytes {
            return Err(Refusal::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        if payload.contains('.') {
            let five = payload.bytes().filter(|byte| *byte == b'.').count() == 2;
            return Err(if five {
                Refusal::Encrypted
            } else {
                Refusal::Malformed
            });
        }
        Ok(Self {
            header,
            payload,
            signature,
            signed,
        })
    }

    pub(crate) fn header(&self) -> Result<Header, Refusal> {
        Header::parse(&self.header_bytes()?)
    }

    pub(crate) fn header_bytes(&self) -> Result<Vec<u8>, Refusal> {
        encoding::decode(self.header).ok_or(Refusal::Malformed)
    }

    pub(crate) fn payload(&self) -> Result<Vec<u8>, Refusal> {
        encoding::decode(self.payload).ok_or(Refusal::Malformed)
    }

    /// The signature's bytes, after it was found to be one of the key that `header` means.
    pub(crate) fn check_signature(
        &self,
        header: &Header,
        keys: &KeySet,
        allowed: AlgorithmSet,
    ) -> Result<Vec<u8>, Refusal> {
        if !allowed.contains(header.algorithm) {
            return Err(Refusal::AlgorithmRefused);
        }
        let signature = encoding::decode(self.signature).ok_or(Refusal::Malformed)?;
        let key = keys.select(header)?;
        key.verify(header.algorithm, self.signed.as_bytes(), &signature)?;
        Ok(signature)
    }
}
