//! The stage: who asks, or the answer that tells them to say so.

use std::borrow::Cow;
use std::future::{Future, ready};

use http::header::AUTHORIZATION;
use smallvec::SmallVec;
use ztag_expr::TemplateFiles;
use ztag_types::{
    Admitted, ConfigPath, Diagnostic, EndpointName, Halt, Outcome, Reads, Reason, ReasonCode,
    Snapshot, Stage, StageName, Trace,
};

use crate::answer::Answer;
use crate::compile;
use crate::credentials::{Malformed, Sources};
use crate::error::Refused;
use crate::policy::CapturePolicy;
use crate::spec::AdmissionSpec;
use crate::token_sources::TokenSources;

/// The compiled admission of one endpoint.
#[derive(Debug)]
pub struct Admission {
    sources: Sources,
    names: CredentialNames,
    required: bool,
    none: bool,
    answer: Answer,
    reads: Reads,
}

/// What compiling an admission needs besides its spec.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionDeps<'a> {
    /// The endpoint.
    pub endpoint: &'a EndpointName,
    /// The template folder.
    pub files: &'a TemplateFiles,
    /// Those who judge tokens.
    pub tokens: &'a dyn TokenSources,
}

/// Names of the credentials an endpoint accepts: to be stripped and redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialNames {
    /// Header fields, lower case, `authorization` included where a scheme of it is accepted.
    pub headers: Vec<Box<str>>,
    /// Query parameters.
    pub queries: Vec<Box<str>>,
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
    /// Compiles the sections `authentication` and `forwardProxyPolicy` found below `path`, the path
    /// of the endpoint. Fails with all findings when one of them is an error.
    pub fn compile(
        spec: &AdmissionSpec,
        path: &ConfigPath,
        deps: AdmissionDeps<'_>,
    ) -> Result<Compiled, Vec<Diagnostic>> {
        let mut findings = Vec::new();
        let proxies = path.key("forwardProxyPolicy");
        let mut capture =
            CapturePolicy::compile(&spec.forward_proxy_policy, &proxies, &mut findings);
        let path = path.key("authentication");
        let authentication = &spec.authentication;
        let sources = compile::sources(&authentication.allow, &path.key("allow"), &mut findings);
        let answer = compile::answer(
            authentication,
            &path,
            deps.endpoint,
            deps.files,
            &mut findings,
        );
        let Some(answer) = answer.filter(|_| !findings.iter().any(Diagnostic::is_error)) else {
            return Err(findings);
        };
        let reads = answer.reads();
        capture.prepare_for(&reads);
        for name in &sources.headers {
            capture.demand_header(name.clone());
        }
        for name in &sources.queries {
            capture.demand_query(name);
        }
        let admission = Self {
            names: names(&sources),
            sources,
            required: authentication.required,
            none: authentication.allow.none,
            answer,
            reads,
        };
        Ok(Compiled {
            capture,
            admission,
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

    /// Whether anonymous requests are admitted; rules then cache nothing.
    pub const fn allows_none(&self) -> bool {
        self.none
    }

    /// What the body template of the answer reads.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Who asks, or the answer that asks for credentials.
    ///
    /// A credential that is there but cannot be read is no credential, and nobody is taken for
    /// anonymous who meant to be somebody: it halts where anonymous requests would pass, too.
    pub fn admit(&self, snapshot: &Snapshot) -> Result<Admitted, Halt> {
        let stripped = snapshot.client.proxy_stripped;
        let credentials = match self.sources.collect(snapshot) {
            Ok(credentials) => credentials,
            Err(Malformed(what)) => {
                let reason = Reason::with_detail(ReasonCode::CredentialsMalformed, what);
                return Err(self.turn_away(snapshot, reason, what.into()));
            }
        };
        let authenticated = !credentials.is_empty();
        if !authenticated && self.required && !self.none {
            let what = noted(stripped, MISSING);
            let reason = Reason::with_detail(ReasonCode::CredentialsMissing, what);
            return Err(self.turn_away(snapshot, reason, what.into()));
        }
        let reason = match (authenticated, self.none) {
            (true, _) => SATISFIED,
            (false, true) => ANONYMOUS,
            (false, false) => OPTIONAL,
        };
        Ok(Admitted {
            credentials,
            authenticated,
            reason: noted(stripped, reason).into(),
        })
    }

    /// The answer to a request refused at capture: its own status in the clothes of the configured
    /// response, without challenge and redirect.
    pub fn refuse(&self, refused: &Refused) -> Halt {
        let reply = self
            .answer
            .refusal(refused.status, &refused.correlation, refused.received);
        Halt {
            outcome: Outcome::Fail,
            reason: refused.fault.into(),
            reply: Box::new(reply),
        }
    }

    fn turn_away(&self, snapshot: &Snapshot, reason: Reason, told: Cow<'static, str>) -> Halt {
        let denied = Admitted {
            credentials: SmallVec::new(),
            authenticated: false,
            reason: told,
        };
        Halt {
            outcome: Outcome::Fail,
            reason,
            reply: Box::new(self.answer.challenge(snapshot, &denied)),
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
        _trace: &mut Trace,
    ) -> impl Future<Output = Result<Admitted, Halt>> + Send {
        ready(self.admit(input))
    }
}

/// A sentence, and the same with the note that forwarding headers were dropped.
type Noted = [&'static str; 2];

const SATISFIED: Noted = [
    "authentication requirements satisfied",
    "authentication requirements satisfied (forwarding headers dropped)",
];
const ANONYMOUS: Noted = [
    "anonymous access allowed",
    "anonymous access allowed (forwarding headers dropped)",
];
const OPTIONAL: Noted = [
    "optional authentication not provided",
    "optional authentication not provided (forwarding headers dropped)",
];
const MISSING: Noted = [
    "no allowed credentials present",
    "no allowed credentials present (forwarding headers dropped)",
];

const fn noted(stripped: bool, [plain, noted]: Noted) -> &'static str {
    if stripped { noted } else { plain }
}

fn names(sources: &Sources) -> CredentialNames {
    let authorization = (sources.basic || sources.bearer).then_some(AUTHORIZATION);
    let headers = authorization.iter().chain(&sources.headers);
    CredentialNames {
        headers: headers.map(|name| name.as_str().into()).collect(),
        queries: sources.queries.clone(),
    }
}

#[cfg(test)]
mod tests;
