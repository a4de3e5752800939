//! What was decided, and why.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The three ends a rule, a chain or a request can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The request may go on.
    Pass,
    /// The request is turned away.
    Fail,
    /// No decision was possible; the request is turned away and the outcome is never cached.
    Error,
}

impl Outcome {
    /// `pass`, `fail` or `error`: the spelling in configuration, headers, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The class of a reason: a closed set, safe as a metric label and in a reply.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ReasonCode {
            $($(#[$doc])* $variant,)*
        }

        impl ReasonCode {
            /// Every class, in the order of `design/decision-model.md`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The spelling in metrics, logs and explanations.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reason_codes! {
    /// Every rule of the chain passed.
    RulesPassed = "rules_passed",
    /// The endpoint names no rules.
    NoRules = "no_rules",
    /// The route is open to everybody, as its configuration spells out.
    PublicRoute = "public_route",
    /// A rule passed on its own account (per-rule reports).
    RulePassed = "rule_passed",
    /// No allowed credential was presented.
    CredentialsMissing = "credentials_missing",
    /// A credential was presented in a form that cannot be read.
    CredentialsMalformed = "credentials_malformed",
    /// A token was presented that its issuer does not vouch for: expired, revoked, of somebody
    /// else, for somebody else.
    TokenRefused = "token_refused",
    /// A token could not be judged: the keys or answers of its issuer cannot be had.
    TokenUndecided = "token_undecided",
    /// A client certificate is not one that the endpoint accepts.
    CertificateRefused = "certificate_refused",
    /// The peer is not a trusted proxy but speaks for somebody else.
    ProxyUntrusted = "proxy_untrusted",
    /// The forwarding headers are absent, malformed or contradict each other.
    ForwardedInvalid = "forwarded_invalid",
    /// The request can be read in more than one way.
    RequestAmbiguous = "request_ambiguous",
    /// The body, which a rule reads, is not what its content type says.
    RequestMalformed = "request_malformed",
    /// The request exceeds a limit.
    RequestTooLarge = "request_too_large",
    /// No match group of the rule fits the presented credentials.
    CredentialsUnmatched = "credentials_unmatched",
    /// A `fail` condition holds.
    FailCondition = "fail_condition",
    /// An `error` condition holds.
    ErrorCondition = "error_condition",
    /// Not every `pass` condition holds.
    PassConditionUnmet = "pass_condition_unmet",
    /// A condition could not be evaluated.
    ConditionFailed = "condition_failed",
    /// A backend request, variable or export could not be rendered.
    RenderFailed = "render_failed",
    /// The backend answered with a status that the rule does not accept.
    BackendRefused = "backend_refused",
    /// The backend answered 5xx, which decides nothing.
    BackendUnavailable = "backend_unavailable",
    /// The backend could not be reached, or answered out of bounds.
    BackendFailed = "backend_failed",
    /// A store of relationships says no.
    FgaDenied = "fga_denied",
    /// A question to a store of relationships would not be one: an empty or malformed user, relation
    /// or object.
    FgaUnaskable = "fga_unaskable",
    /// A store of relationships did not answer, or cannot.
    FgaUndecided = "fga_undecided",
    /// A guardrail blocks what a request or its answer says.
    InspectionBlocked = "inspection_blocked",
    /// What a guardrail is to read cannot be read, or not be changed here.
    InspectionFailed = "inspection_failed",
    /// The reply could not be rendered.
    ReplyFailed = "reply_failed",
    /// The endpoint's configuration is broken.
    EndpointQuarantined = "endpoint_quarantined",
    /// No endpoint has this name.
    EndpointUnknown = "endpoint_unknown",
    /// Several endpoints exist and the request names none.
    EndpointUnnamed = "endpoint_unnamed",
    /// No route leads anywhere for this request.
    RouteUnknown = "route_unknown",
    /// A route names the host and the path, but not the method.
    RouteMethod = "route_method",
    /// The route's configuration is broken.
    RouteQuarantined = "route_quarantined",
    /// No upstream could be reached or none is in service.
    UpstreamUnavailable = "upstream_unavailable",
    /// An upstream did not answer in time.
    UpstreamTimeout = "upstream_timeout",
    /// An upstream broke off, or answered what cannot be forwarded.
    UpstreamFailed = "upstream_failed",
    /// The gate itself failed.
    Internal = "internal",
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an outcome came about: a class, and a detail for operators that never reaches a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    code: ReasonCode,
    detail: Option<Cow<'static, str>>,
}

impl Reason {
    /// A reason that its class says in full.
    pub const fn new(code: ReasonCode) -> Self {
        Self { code, detail: None }
    }

    /// A reason with a detail for the decision record. The detail must hold no secret.
    pub fn with_detail(code: ReasonCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: Some(detail.into()),
        }
    }

    /// The class.
    pub const fn code(&self) -> ReasonCode {
        self.code
    }

    /// The detail, for operators.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.code),
            None => f.write_str(self.code.as_str()),
        }
    }
}
