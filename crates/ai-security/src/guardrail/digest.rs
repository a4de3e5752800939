//! What records hold instead of text.

use ztag_types::SmolStr;

/// Makes keyed digests of what was found: equal texts have equal digests, and nobody without the key
/// can find out which text a digest belongs to by trying.
#[derive(Clone)]
pub struct Digests([u8; 32]);

impl Digests {
    /// Digests under `key`.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Digests under a key that follows from `secret`, which may be of any length.
    pub fn of_secret(secret: &str) -> Self {
        Self(blake3::derive_key(
            "ztag guardrail findings",
            secret.as_bytes(),
        ))
    }

    /// What a mark for `text` is made of: nobody without the key knows it beforehand, and another text
    /// has another.
    pub(crate) fn chance(&self, text: &str) -> [u8; 4] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"spotlight\0");
        hasher.update(text.as_bytes());
        let digest = hasher.finalize();
        let [first, second, third, fourth, ..] = *digest.as_bytes();
        [first, second, third, fourth]
    }

    /// Sixteen hexadecimal digits for `text`.
    pub(crate) fn of(&self, text: &str) -> SmolStr {
        let digest = blake3::keyed_hash(&self.0, text.as_bytes());
        let hex = digest.to_hex();
        SmolStr::new(hex.get(..16).unwrap_or_default())
    }
}

impl std::fmt::Debug for Digests {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digests").finish_non_exhaustive()
    }
}
