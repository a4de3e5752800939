//! Who makes us ask an issuer in vain, and how often that may be.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use quick_cache::sync::Cache;

/// Questions in vain that one address may cause at a time ...
const BURST: u32 = 100;
/// ... and one more after each of these.
const INTERVAL: Duration = Duration::from_millis(200);
/// Most addresses remembered; one that is forgotten begins anew.
const MAX_ADDRESSES: usize = 8_192;

/// Addresses that show tokens which nobody knows. Made-up tokens cost their sender nothing, and the
/// issuer a question each: whoever shows too many is no longer asked about for a while. Tokens that
/// turn out to be active are not counted.
#[derive(Debug)]
pub(super) struct Askers(Cache<IpAddr, Duration>);

impl Askers {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_ADDRESSES))
    }

    /// Whether the issuer is asked about a token that `asker` shows at the monotonic time `now`.
    pub(super) fn may_ask(&self, asker: IpAddr, now: Duration) -> bool {
        let owed = self.0.get(&network(asker)).unwrap_or_default();
        owed <= now + INTERVAL * (BURST - 1)
    }

    /// The issuer was asked in vain.
    pub(super) fn note_miss(&self, asker: IpAddr, now: Duration) {
        let asker = network(asker);
        let owed = self.0.get(&asker).unwrap_or_default();
        self.0.insert(asker, owed.max(now) + INTERVAL);
    }
}

/// What one client has of addresses: of IPv6 it is a network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(own) => {
            let bits = own.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Questions in vain of `asker` until it is no longer asked about, a thousand at the most.
    fn misses(askers: &Askers, asker: &str, now: Duration) -> usize {
        let asker = asker.parse().unwrap();
        let miss = |_: &u32| {
            let may = askers.may_ask(asker, now);
            if may {
                askers.note_miss(asker, now);
            }
            may
        };
        (0..1_000).take_while(miss).count()
    }

    #[test]
    fn attack_29_whoever_makes_tokens_up_is_not_asked_about_for_long() {
        let askers = Askers::new();
        let start = Duration::from_secs(1_000);
        assert_eq!(misses(&askers, "192.0.2.1", start), 100);
        assert_eq!(misses(&askers, "192.0.2.1", start), 0);
        assert_eq!(misses(&askers, "192.0.2.2", start), 100, "nobody else pays");
        let later = start + Duration::from_secs(2);
        assert_eq!(misses(&askers, "192.0.2.1", later), 10);
        assert_eq!(misses(&askers, "192.0.2.1", start * 2), 100);
    }

    #[test]
    fn attack_29_a_network_of_addresses_is_one_client() {
        let askers = Askers::new();
        let start = Duration::from_secs(1);
        assert_eq!(misses(&askers, "2001:db8::1", start), 100);
        assert_eq!(misses(&askers, "2001:db8::ffff:2", start), 0);
        assert_eq!(misses(&askers, "2001:db8:0:1::1", start), 100);
    }
}
