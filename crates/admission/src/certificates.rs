//! Which client certificates are a credential.

use ztag_expr::TextPattern;
use ztag_types::{ClientCertificate, Code, ConfigPath, Credential, Diagnostic, Snapshot, Value};

use crate::spec::ClientCertificateSpec;

/// The compiled [`ClientCertificateSpec`]: a list without entries asks for nothing.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    spiffe_ids: Box<[TextPattern]>,
    dns: Box<[TextPattern]>,
    subjects: Box<[TextPattern]>,
    fingerprints: Box<[Box<str>]>,
}

/// A certificate was presented and is not one of those accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unaccepted(pub(crate) &'static str);

impl Certificates {
    /// Compiles `spec`, found at `path`.
    pub(crate) fn compile(
        spec: &ClientCertificateSpec,
        path: &ConfigPath,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let lists = [
            &spec.spiffe_ids,
            &spec.dns,
            &spec.subjects,
            &spec.fingerprints,
        ];
        let constrained = lists.iter().any(|list| !list.is_empty());
        if !constrained && !spec.any {
            let message = "nothing says which certificates are accepted";
            let hint =
                "name some, such as `spiffeIds`, or accept every verified one with `any: true`";
            findings.push(Diagnostic::error(Code::MissingKey, path, message).hint(hint));
        }
        if constrained && spec.any {
            let message = "`any` accepts every certificate, beside lists of those accepted";
            findings.push(Diagnostic::error(Code::Conflict, &path.key("any"), message));
        }
        let mut patterns = |key: &str, list: &[String]| {
            let written = list.iter().enumerate();
            let compiled = written.filter_map(|(index, text)| {
                let compiled = TextPattern::compile(text, &path.key(key).index(index));
                compiled.map_err(|finding| findings.push(finding)).ok()
            });
            compiled.collect()
        };
        Self {
            spiffe_ids: patterns("spiffeIds", &spec.spiffe_ids),
            dns: patterns("dns", &spec.dns),
            subjects: patterns("subjects", &spec.subjects),
            fingerprints: fingerprints(&spec.fingerprints, &path.key("fingerprints"), findings),
        }
    }

    /// The certificate of the request, if there is one, as a credential.
    ///
    /// A connection may outlive the certificate it began with, so that its end is looked at again.
    pub(crate) fn find(&self, snapshot: &Snapshot) -> Result<Option<Credential>, Unaccepted> {
        let Some(certificate) = &snapshot.client.certificate else {
            return Ok(None);
        };
        if certificate.expires <= snapshot.received {
            return Err(Unaccepted("the client certificate has expired"));
        }
        if !self.allow(certificate) {
            return Err(Unaccepted(
                "the client certificate is not one of those accepted",
            ));
        }
        Ok(Some(Credential::Certificate {
            certificate: certificate.clone(),
        }))
    }

    fn allow(&self, certificate: &ClientCertificate) -> bool {
        let named = certificate.dns.iter().filter_map(Value::as_str);
        let fingerprint = &*certificate.fingerprint;
        let known = || self.fingerprints.iter().any(|own| **own == *fingerprint);
        one_of(&self.spiffe_ids, certificate.spiffe_id.as_deref())
            && one_of(&self.dns, named)
            && one_of(&self.subjects, [&*certificate.subject])
            && (self.fingerprints.is_empty() || known())
    }
}

/// Whether one of `texts` fits one of `patterns`; no pattern asks for nothing.
fn one_of<'t>(patterns: &[TextPattern], texts: impl IntoIterator<Item = &'t str>) -> bool {
    let fits = |text: &str| patterns.iter().any(|pattern| pattern.fits(text));
    patterns.is_empty() || texts.into_iter().any(fits)
}

fn fingerprints(
    list: &[String],
    path: &ConfigPath,
    findings: &mut Vec<Diagnostic>,
) -> Box<[Box<str>]> {
    let written = list.iter().enumerate();
    let read = written.filter_map(|(index, text)| {
        let fingerprint = ztag_token::certificate::fingerprint(text);
        if fingerprint.is_none() {
            let message = format!("`{text}` is not a SHA-256 fingerprint");
            let hint = "write 64 hexadecimal digits, or 43 letters of base64url";
            let path = path.index(index);
            findings.push(Diagnostic::error(Code::InvalidValue, &path, message).hint(hint));
        }
        fingerprint.map(Into::into)
    });
    read.collect()
}
