//! Certificates that were read before.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ztag_types::ClientCertificate;

/// Most bytes remembered, about.
const CAPACITY: u64 = 1 << 20;
/// Bytes of a certificate of usual size, as written in a header field; for the first allocation.
const USUAL: usize = 4 * 1024;

/// What header values say, letter by letter: a proxy passes the same certificate on with every
/// request of a client. Reading one is a pure function, so that nothing here can be outdated; what
/// cannot be read is not remembered.
#[derive(Debug)]
pub(super) struct KnownCertificates(Cache<Box<str>, Arc<ClientCertificate>, Weight>);

impl Default for KnownCertificates {
    fn default() -> Self {
        let items = usize::try_from(CAPACITY).unwrap_or(usize::MAX) / USUAL;
        Self(Cache::with_weighter(items, CAPACITY, Weight))
    }
}

impl KnownCertificates {
    pub(super) fn find(&self, value: &str) -> Option<Arc<ClientCertificate>> {
        self.0.get(value)
    }

    pub(super) fn remember(&self, value: &str, read: &Arc<ClientCertificate>) {
        self.0.insert(value.into(), Arc::clone(read));
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Box<str>, Arc<ClientCertificate>> for Weight {
    /// What was read is about as large as what it was read from, at the most.
    fn weight(&self, value: &Box<str>, _: &Arc<ClientCertificate>) -> u64 {
        2 * value.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(subject: &str) -> Arc<ClientCertificate> {
        let made = rcgen::generate_simple_self_signed(vec![subject.to_owned()]).unwrap();
        Arc::new(ztag_token::certificate::read(made.cert.der()).unwrap())
    }

    #[test]
    fn attack_37_a_certificate_is_known_by_every_letter() {
        let known = KnownCertificates::default();
        let own = certificate("a.example");
        known.remember("value", &own);
        assert!(
            known
                .find("value")
                .is_some_and(|found| Arc::ptr_eq(&found, &own))
        );
        for other in ["valuf", "value ", "Value", "valu", ""] {
            assert!(known.find(other).is_none(), "{other}");
        }
    }

    #[test]
    fn attack_25_a_flood_of_certificates_takes_no_memory() {
        let known = KnownCertificates::default();
        let own = certificate("a.example");
        for number in 0..10_000 {
            known.remember(&format!("{number:04000}"), &own);
        }
        assert!(known.0.weight() <= CAPACITY, "{}", known.0.weight());
        assert!(known.0.len() > 10);
    }
}
