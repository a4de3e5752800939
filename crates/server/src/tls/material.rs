//! The files of a listener's TLS, in memory.

use std::fs;
use std::io;
use std::path::Path;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Secret};

use crate::spec::ListenTlsSpec;

/// Certificates and keys in memory: reading them is I/O, making use of them is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsMaterial {
    /// Chain and key of each item of `certificates`.
    pub(super) pairs: Vec<(Vec<u8>, Secret<Vec<u8>>)>,
    /// The authorities of clients.
    pub(super) authorities: Option<Vec<u8>>,
}

impl TlsMaterial {
    /// The text of PEM files: chain and key of each item of `certificates`, in their order, and
    /// `clientAuth.caFile`.
    pub const fn from_pem(
        pairs: Vec<(Vec<u8>, Secret<Vec<u8>>)>,
        authorities: Option<Vec<u8>>,
    ) -> Self {
        Self { pairs, authorities }
    }

    /// Reads the files that `spec`, standing at `at`, names, relative ones below `folder`.
    /// `None` when a file cannot be read, with a finding each.
    pub fn load(
        spec: &ListenTlsSpec,
        folder: &Path,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut read = |file: &Path, at: ConfigPath| {
            let text = fs::read(folder.join(file)).map_err(|error| unreadable(&at, file, &error));
            findings.keep(text)
        };
        let mut pairs = Vec::new();
        for (index, certificate) in spec.certificates.iter().enumerate() {
            let at = at.key("certificates").index(index);
            let chain = read(&certificate.cert_file, at.key("certFile"));
            let key = read(&certificate.key_file, at.key("keyFile"));
            pairs.push(chain.zip(key.map(Secret::new)));
        }
        let authorities = match &spec.client_auth.ca_file {
            None => Some(None),
            Some(file) => read(file, at.key("clientAuth").key("caFile")).map(Some),
        };
        Some(Self {
            pairs: pairs.into_iter().collect::<Option<_>>()?,
            authorities: authorities?,
        })
    }
}

fn unreadable(at: &ConfigPath, file: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("cannot read `{}`: {}", file.display(), error.kind());
    Diagnostic::error(Code::Unreadable, at, message)
}
