//! From verdict to reply.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue};
use ztag_types::{
    AdmissionView, Admitted, ChainView, Challenge, Curated, EndpointName, Globals, Halt, Outcome,
    Reply, Root, RuleReport, Run, Slots, Snapshot, Stage, StageName, Trace, Variables, Vars,
    Verdict, View,
};

use crate::error::ReplyFault;
use crate::policy::{BodyPlan, HeaderPlan, HeaderSource, ReplyPlan, ResponsePolicy};

static OUTCOME: HeaderName = HeaderName::from_static("x-ztag-outcome");
static PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The evidence that a reply is made of.
#[derive(Clone, Copy, Debug)]
pub struct ReplyInput<'a> {
    /// The request.
    pub snapshot: &'a Snapshot,
    /// The proof of admission.
    pub admitted: &'a Admitted,
    /// The curated proxy headers.
    pub curated: &'a Curated,
    /// Variables of the endpoint.
    pub vars: &'a Vars,
    /// Variables of the server.
    pub globals: &'a Globals,
    /// The endpoint asked for.
    pub endpoint: &'a EndpointName,
    /// The judgement to answer.
    pub verdict: &'a Verdict,
}

impl ResponsePolicy {
    /// The reply to `input.verdict`, where `rules` are the rules judged.
    ///
    /// # Errors
    /// A template that cannot be rendered, or a header value with a line break, makes the whole
    /// decision an error: the halt carries an empty reply with the status of `error`, whatever
    /// the verdict was.
    pub fn render(&self, input: &ReplyInput<'_>, rules: &[RuleReport]) -> Result<Reply, Halt> {
        let outcome = input.verdict.outcome;
        let mut reply = match self.plan(outcome).render(outcome, input, rules) {
            Ok(reply) => reply,
            Err(fault) => return Err(self.broken(fault, input.snapshot)),
        };
        if let Some(challenge) = &input.verdict.challenge {
            self.add_challenge(&mut reply, challenge);
        }
        self.sign(&mut reply, outcome, input.snapshot);
        Ok(reply)
    }

    /// Says what would let the client pass, unless the policy sends a challenge of its own making.
    fn add_challenge(&self, reply: &mut Reply, challenge: &Challenge) {
        let is_challenge = |(name, _): &(HeaderName, _)| *name == WWW_AUTHENTICATE;
        if reply.headers.iter().any(is_challenge) {
            return;
        }
        reply.status = challenge.status.unwrap_or(reply.status);
        let value = self.in_realm(challenge);
        let value = value.unwrap_or_else(|| challenge.value.clone());
        reply.headers.push((WWW_AUTHENTICATE, value));
    }

    /// The challenge, in the realm of the endpoint (RFC 6750 section 3).
    fn in_realm(&self, challenge: &Challenge) -> Option<HeaderValue> {
        let (scheme, parameters) = challenge.value.to_str().ok()?.split_once(' ')?;
        HeaderValue::try_from(format!("{scheme} realm={}, {parameters}", self.realm)).ok()
    }

    fn broken(&self, fault: ReplyFault, snapshot: &Snapshot) -> Halt {
        let mut reply = Reply::new(self.error.status);
        self.sign(&mut reply, Outcome::Error, snapshot);
        Halt {
            outcome: Outcome::Error,
            reason: fault.into(),
            reply: Box::new(reply),
        }
    }

    /// Adds what every reply carries; it wins over headers of the policy.
    fn sign(&self, reply: &mut Reply, outcome: Outcome, snapshot: &Snapshot) {
        let value = HeaderValue::from_static(outcome.as_str());
        reply.headers.push((OUTCOME.clone(), value));
        let Some(name) = &self.correlation else {
            return;
        };
        if let Ok(value) = HeaderValue::from_str(&snapshot.correlation) {
            reply.headers.retain(|(own, _)| own != name);
            reply.headers.push((name.clone(), value));
        }
    }
}

impl ReplyPlan {
    fn render(
        &self,
        outcome: Outcome,
        input: &ReplyInput<'_>,
        rules: &[RuleReport],
    ) -> Result<Reply, ReplyFault> {
        let verdict = input.verdict;
        let admission = AdmissionView {
            admitted: input.admitted,
            client: &input.snapshot.client,
        };
        let variables = Variables {
            endpoint: input.vars,
            local: None,
            rule: &verdict.exports.by_rule,
            globals: input.globals,
        };
        let chain = ChainView(rules);
        let rule = rules.last().map_or(View::Null, |rule| View::Object(rule));
        let slots = input
            .slots()
            .with(Root::Admission, View::Object(&admission))
            .with(Root::Variables, View::Object(&variables))
            .with(Root::Backend, View::Object(&verdict.backend))
            .with(Root::Response, View::Map(&verdict.exports.merged))
            .with(Root::Rule, rule)
            .with(Root::Chain, View::Sequence(&chain));
        self.fill(outcome, input.snapshot, &slots)
    }

    fn fill(
        &self,
        outcome: Outcome,
        snapshot: &Snapshot,
        slots: &Slots<'_>,
    ) -> Result<Reply, ReplyFault> {
        let mut reply = Reply::new(self.status);
        // Three more: content type, outcome, correlation id.
        reply.headers.reserve(self.headers.len() + 3);
        for header in &self.headers {
            if let Some(value) = header.value(outcome, snapshot, slots)? {
                reply.headers.push((header.name.clone(), value));
            }
        }
        reply.body = self.body.render(slots)?;
        if !reply.body.is_empty() && !self.typed {
            reply.headers.push((CONTENT_TYPE, PLAIN_TEXT.clone()));
        }
        Ok(reply)
    }
}

impl ReplyInput<'_> {
    fn slots(&self) -> Slots<'_> {
        Slots::new()
            .with(Root::Request, View::Object(self.snapshot))
            .with(Root::Subrequest, View::Object(&self.snapshot.subrequest))
            .with(Root::Forward, View::Object(self.curated))
            .with(Root::Endpoint, View::Str(self.endpoint.as_str()))
            .with(Root::CorrelationId, View::Str(&self.snapshot.correlation))
            .with(Root::Now, View::Timestamp(self.snapshot.received))
    }
}

impl HeaderPlan {
    /// The value to send; `None` to leave the header out.
    fn value(
        &self,
        outcome: Outcome,
        snapshot: &Snapshot,
        slots: &Slots<'_>,
    ) -> Result<Option<HeaderValue>, ReplyFault> {
        match &self.source {
            HeaderSource::Literal(value) => Ok(Some(value.clone())),
            HeaderSource::Copy => {
                let own = snapshot.headers().get(self.name.as_str());
                let value = own.map(HeaderValue::from_str).transpose();
                value.map_err(|_| self.unfit())
            }
            HeaderSource::Template(template) => {
                let rendered = template.render(slots.scope());
                let text = rendered.map_err(|source| ReplyFault::Header {
                    name: self.name.clone(),
                    source,
                })?;
                let inner = text.trim_matches([' ', '\t']);
                let padded = inner.len() < text.len();
                // Blanks at the ends are lost on the wire, where `ann ` would pass for `ann`.
                if outcome == Outcome::Pass && padded && template.is_value() {
                    return Err(self.unfit());
                }
                if inner.is_empty() && !self.overwrites(outcome) {
                    return Ok(None);
                }
                let value = if padded {
                    HeaderValue::from_str(inner)
                } else {
                    HeaderValue::try_from(text)
                };
                value.map(Some).map_err(|_| self.unfit())
            }
        }
    }

    /// Whether the header is sent even when empty. A proxy copies the headers of a pass over the
    /// client's; one left out would let the client's own value through.
    fn overwrites(&self, outcome: Outcome) -> bool {
        outcome == Outcome::Pass && self.name != SET_COOKIE
    }

    fn unfit(&self) -> ReplyFault {
        let name = self.name.clone();
        ReplyFault::HeaderValue { name }
    }
}

impl BodyPlan {
    fn render(&self, slots: &Slots<'_>) -> Result<Bytes, ReplyFault> {
        match self {
            Self::Literal(body) => Ok(body.clone()),
            Self::Template(template) => {
                let rendered = template.render(slots.scope());
                let text = rendered.map_err(|source| ReplyFault::Body { source })?;
                Ok(trimmed(text))
            }
        }
    }
}

/// `text` without white space at its ends.
pub(crate) fn trimmed(text: String) -> Bytes {
    let inner = text.trim();
    if inner.len() == text.len() {
        Bytes::from(text)
    } else {
        Bytes::copy_from_slice(inner.as_bytes())
    }
}

impl Stage for ResponsePolicy {
    const NAME: StageName = StageName::ResponsePolicy;

    type Input<'a> = ReplyInput<'a>;
    type Output = Reply;

    fn run<'a>(
        &'a self,
        input: ReplyInput<'a>,
        trace: &mut Trace,
    ) -> Run<Result<Reply, Halt>, impl Future<Output = Result<Reply, Halt>> + Send> {
        Run::done(self.render(&input, &trace.rules))
    }
}
