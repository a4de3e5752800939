//! The stage: who asks, or the answer that tells them to say so.

use std::future::Future;

use ztag_expr::TemplateFiles;
use ztag_types::{
    Admitted, ConfigPath, Diagnostic, EndpointName, Halt, Reads, ReasonCode, Reply, Snapshot,
    Stage, StageName, Trace,
};

use crate::capture::CapturePolicy;
use crate::error::Refused;
use crate::spec::AdmissionSpec;

/// What compiling an admission needs besides its spec.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionDeps<'a> {
    /// The endpoint.
    pub endpoint: &'a EndpointName,
    /// The template folder.
    pub files: &'a TemplateFiles,
}

/// Names of the credentials an endpoint accepts: to be stripped and redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialNames {
    /// Header fields, lower case, `authorization` included where a scheme of it is accepted.
    pub headers: Vec<Box<str>>,
    /// Query parameters.
    pub queries: Vec<Box<str>>,
}

/// The compiled admission of one endpoint.
#[derive(Debug)]
pub struct Admission {
    names: CredentialNames,
    reads: Reads,
    required: bool,
    none: bool,
}

/// What [`Admission::compile`] makes of a spec.
#[derive(Debug)]
pub struct Compiled {
    /// How requests are captured; credentials are single-valued already.
    pub capture: CapturePolicy,
    /// The stage.
    pub admission: Admission,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

impl Admission {
    /// Compiles the sections found below `path`, the path of the endpoint.
    pub fn compile(
        spec: &AdmissionSpec,
        path: &ConfigPath,
        deps: AdmissionDeps<'_>,
    ) -> Result<Compiled, Vec<Diagnostic>> {
        let _ = deps;
        let mut findings = Vec::new();
        let capture = CapturePolicy::compile(&spec.forward_proxy_policy, path, &mut findings);
        let Some(capture) = capture else {
            return Err(findings);
        };
        Ok(Compiled {
            capture,
            admission: Self {
                names: CredentialNames::default(),
                reads: Reads::nothing(),
                required: spec.authentication.required,
                none: spec.authentication.allow.none,
            },
            warnings: findings,
        })
    }

    /// Names of the credentials accepted.
    pub const fn credential_names(&self) -> &CredentialNames {
        &self.names
    }

    /// Whether a request without credentials is turned away.
    pub const fn required(&self) -> bool {
        self.required
    }

    /// Whether anonymous requests are admitted.
    pub const fn allows_none(&self) -> bool {
        self.none
    }

    /// What the body template of the answer reads.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Who asks, or the 401 that asks for credentials.
    pub fn admit(&self, snapshot: &Snapshot) -> Result<Admitted, Halt> {
        let _ = snapshot;
        Err(Halt {
            outcome: ztag_types::Outcome::Fail,
            reason: ReasonCode::CredentialsMissing.into(),
            reply: Box::new(Reply::new(http::StatusCode::UNAUTHORIZED)),
        })
    }

    /// The answer to a request refused at capture: 403 (or its own status) in the clothes of the
    /// configured response.
    pub fn refuse(&self, refused: &Refused) -> Halt {
        Halt {
            outcome: ztag_types::Outcome::Fail,
            reason: refused.fault.into(),
            reply: Box::new(Reply::new(refused.status)),
        }
    }
}

impl Stage for Admission {
    const NAME: StageName = StageName::Admission;
    type Input<'a> = &'a Snapshot;
    type Output = Admitted;

    fn run<'a>(
        &'a self,
        input: &'a Snapshot,
        _trace: &'a mut Trace,
    ) -> impl Future<Output = Result<Admitted, Halt>> + Send + 'a {
        std::future::ready(self.admit(input))
    }
}
