//! The decision record: what happened to one request, from which metrics, logs and explanations
//! are folded.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::clock::Timestamp;
use crate::names::{EndpointName, RuleName};
use crate::outcome::{Outcome, Reason};
use crate::stage::StageName;
use crate::view::{Object, Sequence, View};

/// How much the trace keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What metrics and the access log need.
    #[default]
    Summary,
    /// Every condition with the values it read; for explanations.
    Full,
}

/// What a cache had to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Participation {
    /// Caching is off here, or the inputs allow none.
    #[default]
    Bypass,
    /// Answered from the cache.
    Hit,
    /// Not in the cache; the result was not stored.
    Miss,
    /// Not in the cache; the result was stored.
    Stored,
    /// Answered by an identical call already under way.
    Shared,
    /// The cache could not be asked, which counts as a miss.
    Unavailable,
}

impl Participation {
    /// The spelling in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stored => "stored",
            Self::Shared => "shared",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A cache's part in a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheReport {
    /// What it had to say.
    pub participation: Participation,
    /// Age of the remembered verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<Duration>,
    /// How long the verdict is kept from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// The inputs that make up the key, named but not shown. Kept at [`Detail::Full`] only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_inputs: Vec<String>,
}

/// One stage's run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageReport {
    /// The stage.
    pub stage: StageName,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub latency: Duration,
    /// One sentence for the explanation. Kept at [`Detail::Full`] only.
    pub note: Cow<'static, str>,
}

/// One call to a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BackendReport {
    /// The method.
    pub method: String,
    /// The URL without query and credentials.
    pub url: String,
    /// Status of the last page; 0 when there is none.
    pub status: u16,
    /// Pages fetched.
    pub pages: u32,
    /// Requests sent, retries included.
    pub attempts: u32,
    /// How long it took.
    pub latency: Duration,
    /// Class of the failure, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'static, str>>,
}

/// One question to a store of relationships.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FgaReport {
    /// The store.
    pub store: String,
    /// Who answered: `local`, `replica` or `remote`; empty when nobody was asked.
    pub source: &'static str,
    /// The change of the store as of which it was answered, at the least, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Checks asked.
    pub checks: usize,
    /// Checks answered from memory.
    pub remembered: usize,
    /// Objects listed, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<usize>,
    /// Age of the oldest answer.
    pub age: Duration,
    /// How long it took.
    pub latency: Duration,
    /// Class of what went wrong, if anything did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The checks with their answers, secrets redacted. Kept at [`Detail::Full`] only.
    pub asked: Vec<FgaCheckReport>,
}

/// One check of a question to a store of relationships.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FgaCheckReport {
    /// User, relation and object.
    pub check: serde_json::Value,
    /// The answer, or the class of what went wrong.
    pub allowed: Result<bool, String>,
}

/// What a guardrail says of the texts of a request or a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InspectReport {
    /// The guardrail.
    pub guardrail: SmolStr,
    /// `allow`, `mark` or `block`.
    pub verdict: &'static str,
    /// Whether the verdict is only reported.
    pub shadow: bool,
    /// How likely it is an attack, 0 to 1.
    pub score: f32,
    /// The score from which the text with the highest one is blocked.
    pub threshold: f32,
    /// Texts read.
    pub texts: usize,
    /// Bytes read.
    pub scanned: usize,
    /// Bytes not read, because they are over a limit or in an encoding that was not followed.
    pub skipped: usize,
    /// Places that were masked.
    pub masked: usize,
    /// Texts that were spotlighted.
    pub spotlit: usize,
    /// How long it took.
    pub latency: Duration,
    /// What was found, by channel.
    pub channels: SmallVec<[InspectedChannel; 2]>,
    /// What a classifier was asked about marked texts, if it was.
    pub consulted: Option<ConsultReport>,
    /// The findings, text only where the guardrail records it.
    pub findings: Vec<serde_json::Value>,
    /// Why the texts could not be read, if so.
    pub error: Option<Cow<'static, str>>,
}

/// What a guardrail found in one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InspectedChannel {
    /// The channel, such as `user` or `tool`.
    pub channel: &'static str,
    /// Texts marked or blocked as injections.
    pub injections: usize,
    /// Secrets, personal data and words.
    pub contents: usize,
    /// How long reading it took.
    pub latency: Duration,
}

/// What a classifier was asked about marked texts, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsultReport {
    /// Texts asked about.
    pub asked: usize,
    /// Of these, without an answer.
    pub failed: usize,
    /// Of these, blocked for what was answered.
    pub blocked: usize,
    /// Of these, allowed for what was answered.
    pub cleared: usize,
    /// Bytes of them that were not asked about.
    pub unasked: usize,
    /// How long was waited for answers.
    pub latency: Duration,
}

/// What a gateway did with one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForwardReport {
    /// The route.
    pub route: SmolStr,
    /// The upstream group.
    pub upstream: SmolStr,
    /// Address of the target that answered last; empty when none was reached.
    pub target: SmolStr,
    /// Status of the upstream; 0 when there is none.
    pub status: u16,
    /// Requests sent, retries included.
    pub attempts: u32,
    /// From the permit to the head of the upstream's response.
    pub latency: Duration,
    /// Class of the failure, if it failed.
    pub error: Option<&'static str>,
    /// What the guardrail of the route says of the body of the request, if it read it.
    pub request: Option<Box<InspectReport>>,
    /// What it says of the body of the response, if it read it whole.
    pub response: Option<Box<InspectReport>>,
    /// Whether it reads the response as it comes: what it says then follows when the response ends.
    pub reads_on: bool,
}

/// What a guardrail says of a response that it read as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamReport {
    /// The correlation id.
    pub correlation: SmolStr,
    /// The route.
    pub route: SmolStr,
    /// What was found up to the end, whatever ended it.
    pub inspection: InspectReport,
    /// Bytes passed on to the client.
    pub passed: u64,
    /// How it ended.
    pub end: StreamEnd,
}

/// How a response that was read as it came ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamEnd {
    /// Whole.
    Whole,
    /// The guardrail ended it.
    Stopped,
    /// The upstream broke off.
    #[default]
    Broken,
    /// The client did not want the rest.
    Left,
}

impl StreamEnd {
    /// The spelling in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Stopped => "stopped",
            Self::Broken => "broken",
            Self::Left => "left",
        }
    }
}

impl ForwardReport {
    /// What guardrails say of the bodies that were read whole.
    pub fn inspections(&self) -> impl Iterator<Item = &InspectReport> {
        let both = self.request.iter().chain(&self.response);
        both.map(|report| &**report)
    }

    /// The report of a request to `route` that was not forwarded: nothing else is known. The name
    /// is empty where the request fits no route.
    pub fn turned_away(route: impl Into<SmolStr>) -> Self {
        Self {
            route: route.into(),
            ..Self::default()
        }
    }
}

/// One condition as judged. Kept at [`Detail::Full`] only.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionReport {
    /// `error`, `fail` or `pass`: the list it stands in.
    pub list: Outcome,
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its source.
    pub source: String,
    /// What it evaluated to, or the evaluation error.
    pub result: Result<bool, String>,
    /// The inputs it read, secrets redacted.
    pub reads: Vec<(String, serde_json::Value)>,
}

/// One rule as judged.
#[derive(Clone, Debug)]
pub struct RuleReport {
    /// The rule.
    pub rule: RuleName,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// How long it took.
    pub latency: Duration,
    /// The rule cache's part.
    pub cache: CacheReport,
    /// The backend call, if one was made.
    pub backend: Option<Box<BackendReport>>,
    /// What a store of relationships was asked, if one was.
    pub fga: Option<Box<FgaReport>>,
    /// What a guardrail says of the request, if one was asked.
    pub inspect: Option<Box<InspectReport>>,
    /// The conditions. Kept at [`Detail::Full`] only.
    pub conditions: Vec<ConditionReport>,
    /// Local variables evaluated and exports made, secrets redacted. Kept at [`Detail::Full`] only.
    pub variables: Vec<(String, serde_json::Value)>,
}

/// The `rule` root after judgement, and one item of `chain`.
impl Object for RuleReport {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "name" => View::Str(self.rule.as_str()),
            "outcome" => View::Str(self.outcome.as_str()),
            "reason" => View::Str(self.reason.code().as_str()),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        vec!["name", "outcome", "reason"]
    }
}

/// The rules judged so far: the `chain` root of expressions.
#[derive(Clone, Copy, Debug)]
pub struct ChainView<'a>(pub &'a [RuleReport]);

impl Sequence for ChainView<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn at(&self, index: usize) -> Option<View<'_>> {
        self.0.get(index).map(|report| View::Object(report))
    }
}

/// What the stages append to while a request is decided.
#[derive(Debug, Default)]
pub struct Trace {
    /// How much to keep.
    pub detail: Detail,
    /// The stages run, in order.
    // Not kept in place: most decisions do not time their stages, and all of them move the trace.
    pub stages: Vec<StageReport>,
    /// The rules judged, in order.
    pub rules: SmallVec<[RuleReport; 1]>,
}

impl Trace {
    /// An empty trace that keeps `detail`.
    pub fn new(detail: Detail) -> Self {
        Self {
            detail,
            ..Self::default()
        }
    }

    /// Whether to keep what only explanations need.
    pub fn is_full(&self) -> bool {
        self.detail == Detail::Full
    }
}

/// One finished decision.
#[derive(Debug)]
pub struct Record {
    /// The endpoint asked for; `None` when the request named none that exists.
    pub endpoint: Option<EndpointName>,
    /// Generation of the plan that decided.
    pub generation: u64,
    /// The correlation id.
    pub correlation: SmolStr,
    /// When the request arrived.
    pub received: Timestamp,
    /// From arrival to reply.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Status of the reply.
    pub status: u16,
    /// The rule that decided.
    pub rule: Option<RuleName>,
    /// Method and target of the original request, query values left out; empty when it could not
    /// be read.
    pub method: SmolStr,
    /// Host of the original request.
    pub host: SmolStr,
    /// Path of the original request.
    pub path: SmolStr,
    /// Address of the client, as text.
    pub client: SmolStr,
    /// Kinds of the credentials presented, such as `bearer`.
    pub credentials: SmallVec<[&'static str; 2]>,
    /// The endpoint cache's part.
    pub cache: CacheReport,
    /// Stages and rules.
    pub trace: Trace,
    /// What became of the request in a gateway: its route, and the upstream if one was asked; none
    /// in forward-auth.
    pub forwarded: Option<Box<ForwardReport>>,
}

impl Record {
    /// The rules judged for this decision, in order. A verdict that the endpoint remembers had its
    /// rules judged before: there are none, although the trace names the one that decided.
    pub fn judged(&self) -> &[RuleReport] {
        match self.cache.participation {
            Participation::Hit | Participation::Shared => &[],
            _ => &self.trace.rules,
        }
    }
}
