//! Cache keys: a keyed BLAKE3 hash over fields that are tagged with their type and preceded by
//! their length, so that two lists of fields share a key only if they are equal.

use std::fmt;

use ztag_types::View;

use crate::encode::{self, Sink};

const DERIVATION: &str = "ztag result-cache 2026-11 namespace";

/// The full key of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(")?;
        self.0
            .iter()
            .take(4)
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

/// What keeps the keys of one deployment apart from those of others: its salt and its epoch.
#[derive(Clone)]
pub struct Namespace {
    hash_key: [u8; 32],
    epoch: u64,
}

impl Namespace {
    /// A namespace of a secret salt, possibly empty, and an epoch.
    pub fn new(salt: &str, epoch: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(DERIVATION);
        encode::text(&mut hasher, salt);
        hasher.put(&epoch.to_le_bytes());
        Self {
            hash_key: hasher.finalize().into(),
            epoch,
        }
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// Stands for one compiled piece of configuration: whatever could change its verdicts changes this.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Wraps a digest made elsewhere; it must be collision resistant.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The fingerprint of a configuration in some canonical form.
    pub fn of(canonical: &[u8]) -> Self {
        Self(blake3::hash(canonical).into())
    }

    /// The fingerprint of both, order mattering.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&other.0);
        Self(hasher.finalize().into())
    }

    /// The bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", blake3::Hash::from(self.0).to_hex())
    }
}

/// Collects the inputs of a decision into a key. The order of the calls counts.
#[derive(Clone, Debug)]
pub struct KeyBuilder {
    hasher: blake3::Hasher,
}

impl KeyBuilder {
    /// A key in `namespace` for what `fingerprint` stands for.
    pub fn new(namespace: &Namespace, fingerprint: &Fingerprint) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&namespace.hash_key);
        hasher.update(&fingerprint.0);
        Self { hasher }
    }

    /// Adds a text. It equals a view of the same text under the same label.
    pub fn text(&mut self, label: &str, value: &str) -> &mut Self {
        self.view(label, Some(View::Str(value)))
    }

    /// Adds bytes, such as a rendered body.
    pub fn bytes(&mut self, label: &str, value: &[u8]) -> &mut Self {
        self.view(label, Some(View::Bytes(value)))
    }

    /// Adds whatever an expression reads; absent, null, empty and failed are four different things.
    pub fn view(&mut self, label: &str, view: Option<View<'_>>) -> &mut Self {
        encode::text(&mut self.hasher, label);
        match view {
            Some(view) => encode::view(&mut self.hasher, view),
            None => encode::absent(&mut self.hasher),
        }
        self
    }

    /// The key.
    pub fn finish(&self) -> CacheKey {
        CacheKey(self.hasher.finalize().into())
    }
}
