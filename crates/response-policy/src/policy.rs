//! The policy: one reply per outcome.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use ztag_expr::Template;
use ztag_types::{Outcome, ReadPath, Reads, Root};

/// How the verdict of the rule chain is answered: the only place where an outcome becomes a
/// status.
#[derive(Clone, Debug)]
pub struct ResponsePolicy {
    pub(crate) pass: ReplyPlan,
    pub(crate) fail: ReplyPlan,
    pub(crate) error: ReplyPlan,
    pub(crate) correlation: Option<HeaderName>,
    /// The realm of challenges, quoted.
    pub(crate) realm: Box<str>,
    pub(crate) reads: Reads,
}

/// One reply, compiled.
#[derive(Clone, Debug)]
pub(crate) struct ReplyPlan {
    pub(crate) status: StatusCode,
    pub(crate) headers: Box<[HeaderPlan]>,
    pub(crate) body: BodyPlan,
    /// Whether `headers` name a `content-type`.
    pub(crate) typed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct HeaderPlan {
    pub(crate) name: HeaderName,
    pub(crate) source: HeaderSource,
}

#[derive(Clone, Debug)]
pub(crate) enum HeaderSource {
    /// The client's own header.
    Copy,
    Literal(HeaderValue),
    Template(Template),
}

#[derive(Clone, Debug)]
pub(crate) enum BodyPlan {
    Literal(Bytes),
    Template(Template),
}

impl ResponsePolicy {
    /// What the replies read, all outcomes together. What lies below `backend` is what a
    /// remembered verdict must keep of its backend's answer.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Names of the headers that a pass sets: what a proxy copies over the client's.
    pub fn pass_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.pass.headers.iter().map(|header| &header.name)
    }

    pub(crate) const fn plan(&self, outcome: Outcome) -> &ReplyPlan {
        match outcome {
            Outcome::Pass => &self.pass,
            Outcome::Fail => &self.fail,
            Outcome::Error => &self.error,
        }
    }
}

impl ReplyPlan {
    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        for header in &self.headers {
            match &header.source {
                HeaderSource::Copy => {
                    let path = [Root::Request.as_str(), "headers", header.name.as_str()];
                    reads.insert(ReadPath::new(path));
                }
                HeaderSource::Literal(_) => {}
                HeaderSource::Template(template) => reads.extend(template.reads()),
            }
        }
        if let BodyPlan::Template(template) = &self.body {
            reads.extend(template.reads());
        }
    }
}
