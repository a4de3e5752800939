//! Ids of stores.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use ztag_types::Timestamp;

/// Crockford's base 32.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The id of a store: a ULID, which begins with the time of its making.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(Box<str>);

impl StoreId {
    /// Characters of an id.
    pub const LENGTH: usize = 26;

    /// Reads a ULID as the API accepts it; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        is_ulid(text).then(|| Self(text.into()))
    }

    /// The id that stands for these bits, the same every time.
    pub fn from_bits(bits: u128) -> Self {
        Self(encode(bits).into())
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A new id: 48 bits of milliseconds and 80 random bits.
    pub fn generate(now: Timestamp) -> Self {
        Self(ulid(now).into())
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is a ULID as the API accepts it.
fn is_ulid(text: &str) -> bool {
    let is_good = |byte: &u8| DIGITS.contains(byte);
    text.len() == StoreId::LENGTH && text.as_bytes().iter().all(is_good)
}

/// A ULID of this moment: 48 bits of milliseconds and 80 random bits.
fn ulid(now: Timestamp) -> String {
    let seconds = u64::try_from(now.seconds()).unwrap_or_default();
    let millis = seconds * 1000 + u64::from(now.nanos() / 1_000_000);
    // A fresh state is keyed by the operating system's randomness.
    let random = |part: u8| u128::from(RandomState::new().hash_one(part));
    let random = (random(0) << 64 | random(1)) & ((1 << 80) - 1);
    encode(u128::from(millis & 0xffff_ffff_ffff) << 80 | random)
}

fn encode(value: u128) -> String {
    let digit = |place: u32| DIGITS.get((value >> (5 * place)) as usize & 31);
    (0..26)
        .rev()
        .filter_map(digit)
        .map(|digit| char::from(*digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let early = StoreId::generate(Timestamp::from_seconds(1_000_000));
        let late = StoreId::generate(Timestamp::from_seconds(1_000_001));
        assert!(early < late);
        assert_eq!(StoreId::parse(early.as_str()), Some(early));
        for bad in [
            "",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "01arz3ndektsv4rrffq69g5fav",
        ] {
            assert_eq!(StoreId::parse(bad), None, "{bad}");
        }
        assert!(is_ulid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        assert!(is_ulid(StoreId::from_bits(u128::MAX).as_str()));
        assert_eq!(
            StoreId::from_bits(33).as_str(),
            "00000000000000000000000011"
        );
    }
}
