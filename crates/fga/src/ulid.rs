//! Ids of stores and models.

use std::hash::{BuildHasher, RandomState};

use ztag_types::Timestamp;

/// Crockford's base 32.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A ULID of this moment: 48 bits of milliseconds and 80 random bits.
pub(crate) fn generate(now: Timestamp, salt: usize) -> String {
    let millis = milliseconds(now) & 0xffff_ffff_ffff;
    // A fresh state is keyed by the operating system's randomness.
    let random = |part: u8| u128::from(RandomState::new().hash_one((part, salt)));
    let random = (random(0) << 64 | random(1)) & ((1 << 80) - 1);
    let value = u128::from(millis) << 80 | random;
    let digit = |place: u32| DIGITS.get((value >> (5 * place)) as usize & 31);
    (0..26)
        .rev()
        .filter_map(digit)
        .map(|digit| char::from(*digit))
        .collect()
}

/// Milliseconds since the epoch.
pub(crate) fn milliseconds(at: Timestamp) -> u64 {
    let seconds = u64::try_from(at.seconds()).unwrap_or_default();
    seconds
        .saturating_mul(1000)
        .saturating_add(u64::from(at.nanos() / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelId;

    #[test]
    fn ids_are_well_formed_and_sorted_by_time() {
        let early = generate(Timestamp::from_seconds(1_000_000), 1);
        let late = generate(Timestamp::from_seconds(1_000_001), 0);
        assert!(ModelId::parse(&early).is_ok(), "{early}");
        assert!(early < late);
        assert_ne!(early, generate(Timestamp::from_seconds(1_000_000), 1));
    }
}
