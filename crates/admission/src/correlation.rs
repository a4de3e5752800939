//! The id by which the records of one request are found together.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};
use smol_str::SmolStr;

use crate::forwarded::text;
use crate::text::hex;

const MAX_LENGTH: usize = 128;

/// The id that the client sent in `header`, when there is one and it is well formed, or a new one
/// of 32 hexadecimal digits.
pub fn correlation(headers: &HeaderMap, header: Option<&HeaderName>) -> SmolStr {
    let sent = header.and_then(|name| headers.get(name)).map(text);
    sent.filter(|id| is_well_formed(id))
        .map_or_else(fresh, SmolStr::new)
}

fn is_well_formed(id: &str) -> bool {
    let allowed = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'+' | b'=' | b'-')
    };
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(allowed)
}

/// Two keyed pseudo-random functions (SipHash, keyed by the operating system) over a counter:
/// unique within the process and not to be guessed, without a system call per request.
static SERIES: LazyLock<(RandomState, RandomState, AtomicU64)> =
    LazyLock::new(|| (RandomState::new(), RandomState::new(), AtomicU64::new(0)));

fn fresh() -> SmolStr {
    let (high, low, counter) = &*SERIES;
    let number = counter.fetch_add(1, Ordering::Relaxed);
    let high = u128::from(high.hash_one(number));
    hex(high << 64 | u128::from(low.hash_one(!number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bounded_plain_ids_are_taken_over() {
        let header = HeaderName::from_static("x-request-id");
        let check = |sent: &str, kept: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(&header, sent.parse().unwrap());
            let id = correlation(&headers, Some(&header));
            assert_eq!(id == sent, kept, "{sent}");
            assert!(!id.is_empty());
        };
        check("4bf92f3577b34da6a3ce929d0e0e4736", true);
        check("a/b:c=d+e._-", true);
        check(&"a".repeat(128), true);
        check(&"a".repeat(129), false);
        check("a b", false);
        check("a\"b", false);
        check("", false);
        check("é", false);
    }

    #[test]
    fn new_ids_differ() {
        let headers = HeaderMap::new();
        let (a, b) = (correlation(&headers, None), correlation(&headers, None));
        assert_ne!(a, b);
        assert_eq!(a.len(), 32);
        assert!(is_well_formed(&a));
    }
}
