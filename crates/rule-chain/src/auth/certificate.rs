//! Client certificates that a rule accepts.

use ztag_expr::TextPattern;
use ztag_types::{ClientCertificate, Value};

/// What a certificate must say; a list without entries asks for nothing.
#[derive(Clone, Debug)]
pub(crate) struct CertificateMatcher {
    pub(crate) spiffe_ids: Box<[TextPattern]>,
    pub(crate) dns: Box<[TextPattern]>,
    pub(crate) subjects: Box<[TextPattern]>,
    pub(crate) fingerprints: Box<[Box<str>]>,
}

impl CertificateMatcher {
    pub(super) fn fits(&self, own: &ClientCertificate) -> bool {
        let fingerprint = || {
            let mut known = self.fingerprints.iter();
            known.any(|known| **known == *own.fingerprint)
        };
        one_of(&self.spiffe_ids, own.spiffe_id.as_deref())
            && one_of(&self.dns, own.dns.iter().filter_map(Value::as_str))
            && one_of(&self.subjects, [&*own.subject])
            && (self.fingerprints.is_empty() || fingerprint())
    }
}

/// Whether one of `texts` fits one of `patterns`; no pattern asks for nothing.
pub(super) fn one_of<'t>(
    patterns: &[TextPattern],
    texts: impl IntoIterator<Item = &'t str>,
) -> bool {
    let fits = |text: &str| patterns.iter().any(|pattern| pattern.fits(text));
    patterns.is_empty() || texts.into_iter().any(fits)
}
