//! The stage: who asks, or the answer that tells them to say so.

mod refusals;

use http::HeaderName;
use http::header::AUTHORIZATION;
use smallvec::SmallVec;
use ztag_expr::TemplateFiles;
use ztag_token::Refusal;
use ztag_types::{
    Admitted, ConfigPath, Credential, Diagnostic, EndpointName, Halt, Outcome, Reads, Reason,
    ReasonCode, Run, Snapshot, Stage, StageName, Trace,
};

use crate::answer::Answer;
use crate::certificates::Unaccepted;
use crate::compile;
use crate::credentials::Sources;
use crate::error::Refused;
use crate::policy::CapturePolicy;
use crate::spec::AdmissionSpec;
use crate::token_sources::TokenSources;
use crate::tokens::{PROOF, Presented, Scheme, Tokens};

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
    /// Header fields, lower case, `authorization` included where a scheme of it is accepted, and
    /// `dpop` where tokens are.
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
        let allow = path.key("allow");
        let sources = compile::sources(&authentication.allow, &allow, deps.tokens, &mut findings);
        let tokens = sources.tokens.as_ref();
        let answer = compile::answer(authentication, &path, deps, tokens, &mut findings);
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

    /// Whether tokens are accepted that an issuer vouches for: signed ones, or such as it is asked
    /// about.
    pub fn verifies_tokens(&self) -> bool {
        let tokens = self.sources.tokens.as_ref();
        tokens.is_some_and(|own| own.verifier.is_some() || !own.introspectors.is_empty())
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

    /// Identifiers of the issuers whose signed tokens are accepted.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        let verifier = self
            .sources
            .tokens
            .iter()
            .filter_map(|own| own.verifier.as_ref());
        verifier
            .flat_map(|own| own.issuers())
            .map(|issuer| &**issuer.name())
    }

    /// Identifiers of the issuers that are asked about tokens.
    pub fn introspected_issuers(&self) -> impl Iterator<Item = &str> {
        let asked = self
            .sources
            .tokens
            .iter()
            .flat_map(|own| &own.introspectors);
        asked.map(|introspector| introspector.issuer())
    }

    /// Whether client certificates are accepted.
    pub const fn accepts_certificates(&self) -> bool {
        self.sources.certificates.is_some()
    }

    /// Who asks, or the answer that asks for credentials, by what is known now: where keys would
    /// have to be fetched or an issuer be asked, the request is turned away undecided. The stage
    /// waits for them instead.
    ///
    /// A credential that is there but cannot be read is no credential, and nobody is taken for
    /// anonymous who meant to be somebody: it halts where anonymous requests would pass, too.
    pub fn admit(&self, snapshot: &Snapshot) -> Result<Admitted, Halt> {
        match self.begin(snapshot)? {
            Begun::Admitted(admitted) => Ok(admitted),
            Begun::Waits(waiting) => {
                let scheme = waiting.presented.scheme;
                Err(self.refuse_token(snapshot, scheme, Refusal::KeysUnavailable))
            }
        }
    }

    fn begin<'a>(&'a self, snapshot: &'a Snapshot) -> Result<Begun<'a>, Halt> {
        let credentials = self.sources.collect(snapshot);
        let credentials = credentials.map_err(|malformed| self.malformed(snapshot, malformed))?;
        let presented = match &self.sources.tokens {
            None => None,
            Some(tokens) => {
                let found = tokens.find(snapshot);
                let found = found.map_err(|unfit| self.unfit(snapshot, unfit))?;
                found.map(|presented| (tokens, presented))
            }
        };
        let Some((tokens, presented)) = presented else {
            return self.conclude(snapshot, credentials).map(Begun::Admitted);
        };
        let judged = tokens.judge(presented, snapshot);
        match judged.map_err(|unfit| self.unfit(snapshot, unfit))? {
            Some(judged) => self
                .finish(snapshot, credentials, presented.scheme, judged)
                .map(Begun::Admitted),
            None => Ok(Begun::Waits(Waiting {
                tokens,
                presented,
                credentials,
            })),
        }
    }

    async fn wait(&self, snapshot: &Snapshot, waiting: Waiting<'_>) -> Result<Admitted, Halt> {
        let Waiting {
            tokens,
            presented,
            credentials,
        } = waiting;
        let judged = tokens.ask(presented, snapshot).await;
        self.finish(snapshot, credentials, presented.scheme, judged)
    }

    fn finish(
        &self,
        snapshot: &Snapshot,
        mut credentials: Credentials,
        scheme: Scheme,
        judged: Result<Credential, Refusal>,
    ) -> Result<Admitted, Halt> {
        let judged = judged.map_err(|refusal| self.refuse_token(snapshot, scheme, refusal));
        credentials.push(judged?);
        self.conclude(snapshot, credentials)
    }

    /// The last credential is the certificate. One that is not accepted is overlooked beside
    /// another credential: clients send the certificate they have.
    fn conclude(
        &self,
        snapshot: &Snapshot,
        mut credentials: Credentials,
    ) -> Result<Admitted, Halt> {
        if let Some(certificates) = &self.sources.certificates {
            match certificates.find(snapshot) {
                Ok(found) => credentials.extend(found),
                Err(Unaccepted(what)) if credentials.is_empty() => {
                    let reason = Reason::with_detail(ReasonCode::CertificateRefused, what);
                    return Err(self.turn_away(snapshot, reason, what));
                }
                Err(_) => {}
            }
        }
        let stripped = snapshot.client.proxy_stripped;
        let authenticated = !credentials.is_empty();
        if !authenticated && self.required && !self.none {
            let what = noted(stripped, MISSING);
            let reason = Reason::with_detail(ReasonCode::CredentialsMissing, what);
            return Err(self.turn_away(snapshot, reason, what));
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
}

impl Stage for Admission {
    const NAME: StageName = StageName::Admission;
    type Input<'a> = &'a Snapshot;
    type Output = Admitted;

    fn run<'a>(
        &'a self,
        input: &'a Snapshot,
        _: &mut Trace,
    ) -> Run<Result<Admitted, Halt>, impl Future<Output = Result<Admitted, Halt>> + Send> {
        match self.begin(input) {
            Ok(Begun::Admitted(admitted)) => Run::Done(Ok(admitted)),
            Ok(Begun::Waits(waiting)) => Run::Waits(self.wait(input, waiting)),
            Err(halt) => Run::Done(Err(halt)),
        }
    }
}

/// How far admission comes without waiting.
enum Begun<'a> {
    Admitted(Admitted),
    Waits(Waiting<'a>),
}

/// A request whose token somebody else must be asked about.
struct Waiting<'a> {
    tokens: &'a Tokens,
    presented: Presented<'a>,
    credentials: Credentials,
}

type Credentials = SmallVec<[Credential; 2]>;

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
    let tokens = sources.tokens.is_some();
    let authorization = sources.basic || sources.bearer || tokens;
    let authorization = authorization.then_some(AUTHORIZATION.as_str());
    let headers = sources.headers.iter().map(HeaderName::as_str);
    let headers = authorization
        .into_iter()
        .chain(tokens.then_some(PROOF))
        .chain(headers);
    CredentialNames {
        headers: headers.map(Into::into).collect(),
        queries: sources.queries.clone(),
    }
}

#[cfg(test)]
mod tests;
