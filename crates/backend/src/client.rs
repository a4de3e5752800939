//! The client.

use ztag_types::{ConfigPath, Findings};

use crate::call::{Call, Pages};
use crate::compile::{Settings, compile};
use crate::error::{BackendError, Failure, FailureKind};
use crate::spec::{ClientSpec, TlsSpec};
use crate::tls::{Tls, TlsMaterial};

/// The one door out. Holds its connections; make few and keep them.
pub struct Client {
    settings: Settings,
}

impl Client {
    /// A client as `spec` says.
    ///
    /// # Errors
    /// Everything that is wrong with `spec` or `material`.
    pub fn new(spec: &ClientSpec, material: TlsMaterial) -> Result<Self, BackendError> {
        let mut findings = Findings::new();
        Self::compile(spec, material, &ConfigPath::root(), &mut findings)
            .ok_or_else(|| BackendError::new(findings.into_vec()))
    }

    /// A client as `spec`, standing at `at`, says. `None` when something is wrong, with findings.
    pub fn compile(
        spec: &ClientSpec,
        material: TlsMaterial,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let settings = compile(spec, material, at, findings)?;
        Some(Self { settings })
    }

    /// A client like this one, with TLS as `spec`, standing at `at`, says, and connections of its
    /// own. `None` when something is wrong, with findings.
    pub fn with_tls(
        &self,
        spec: &TlsSpec,
        material: TlsMaterial,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let tls = Tls::compile(spec, material, at, findings)?;
        Some(Self {
            settings: Settings {
                tls,
                ..self.settings.clone()
            },
        })
    }

    /// Sends `call` and returns the reply with all its pages.
    ///
    /// Whatever the status, a reply is a reply: only its absence is a failure. Redirects are not
    /// followed. Dropping the future closes the connection in use. Needs a tokio runtime with I/O
    /// and time.
    ///
    /// # Errors
    /// The class of what went wrong, without any page.
    #[expect(clippy::unused_async, reason = "the exchange comes next")]
    pub async fn send(&self, call: Call) -> Result<Pages, Failure> {
        let _ = (&self.settings, call);
        Err(Failure::new(FailureKind::Connect))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
