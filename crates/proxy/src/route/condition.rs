//! What a route asks of a request besides its place: methods and header fields.

use std::cmp::Reverse;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use regex::bytes::{Regex, RegexBuilder};
use ztag_admission::canonical;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::spec::RouteSpec;

/// Bytes that the compiled pattern of a header value may take.
const MAX_PATTERN: usize = 256 * 1024;

/// Methods and header fields that a route asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    /// Whether they outrank all others: those of a route whose own cannot be read.
    pub(super) first: bool,
    /// Without any, every method.
    pub(super) methods: Vec<Method>,
    pub(super) headers: Vec<HeaderCondition>,
}

/// A header field that must be there with a certain value.
#[derive(Clone, Debug)]
pub(super) struct HeaderCondition {
    pub(super) name: HeaderName,
    pub(super) value: ValuePattern,
}

/// The values of a header field that fit.
#[derive(Clone, Debug)]
pub(super) enum ValuePattern {
    Literal(HeaderValue),
    Regex(Regex),
}

/// How narrow conditions are; the narrowest comes first.
type Rank = Reverse<(bool, usize, usize, bool)>;

impl Conditions {
    /// Those that every request fits before any other is looked at.
    pub(super) fn first() -> Self {
        Self {
            first: true,
            ..Self::default()
        }
    }

    /// More header fields are narrower than fewer, literal values than patterns, some methods than
    /// all.
    pub(super) fn rank(&self) -> Rank {
        let literal = |header: &&HeaderCondition| matches!(header.value, ValuePattern::Literal(_));
        Reverse((
            self.first,
            self.headers.len(),
            self.headers.iter().filter(literal).count(),
            !self.methods.is_empty(),
        ))
    }

    pub(super) fn fit_method(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    pub(super) fn fit_headers(&self, headers: &HeaderMap) -> bool {
        let fits = |header: &HeaderCondition| header.fits(headers);
        self.headers.iter().all(fits)
    }

    /// Whether one request may fit both.
    pub(super) fn meet(&self, other: &Self) -> bool {
        let methods = self.methods.is_empty()
            || other.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|method| other.methods.contains(method));
        let apart = |own: &HeaderCondition| other.headers.iter().any(|their| own.excludes(their));
        methods && !self.headers.iter().any(apart)
    }
}

impl HeaderCondition {
    fn fits(&self, headers: &HeaderMap) -> bool {
        headers
            .get(&self.name)
            .is_some_and(|value| match &self.value {
                ValuePattern::Literal(literal) => literal == value,
                ValuePattern::Regex(regex) => regex.is_match(value.as_bytes()),
            })
    }

    /// Whether no request fits both.
    fn excludes(&self, other: &Self) -> bool {
        self.name == other.name
            && match (&self.value, &other.value) {
                (ValuePattern::Literal(a), ValuePattern::Literal(b)) => a != b,
                (ValuePattern::Literal(literal), ValuePattern::Regex(regex))
                | (ValuePattern::Regex(regex), ValuePattern::Literal(literal)) => {
                    !regex.is_match(literal.as_bytes())
                }
                (ValuePattern::Regex(_), ValuePattern::Regex(_)) => false,
            }
    }
}

impl Conditions {
    /// Methods and header fields of `spec`, found at `at`; none when one cannot be read.
    pub(super) fn compile(
        spec: &RouteSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let mut conditions = Self::default();
        let methods_at = at.key("methods");
        for (index, text) in spec.methods.iter().enumerate() {
            let at = methods_at.index(index);
            let method = canonical::method(text).map_err(|fault| {
                let message = format!("`{text}` cannot be judged: {}", fault.detail());
                Diagnostic::error(Code::InvalidValue, &at, message)
            });
            conditions.methods.extend(findings.keep(method));
        }
        let headers_at = at.key("headers");
        for (name, value) in &spec.headers {
            let header = header(name, value, &headers_at.key(name));
            conditions.headers.extend(findings.keep(header));
        }
        (findings.errors() == before).then_some(conditions)
    }
}

fn header(name: &str, value: &str, at: &ConfigPath) -> Result<HeaderCondition, Diagnostic> {
    let own = HeaderName::try_from(name)
        .ok()
        .filter(|own| !ztag_types::Headers::is_hidden(own.as_str()))
        .ok_or_else(|| {
            let message = format!("`{name}` is not a header that routes can look at");
            Diagnostic::error(Code::InvalidName, at, message)
        })?;
    Ok(HeaderCondition {
        name: own,
        value: pattern(value, at)?,
    })
}

fn pattern(value: &str, at: &ConfigPath) -> Result<ValuePattern, Diagnostic> {
    let inner = value
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'));
    let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
        let literal = HeaderValue::try_from(value).map_err(|_| {
            let message = "a header value holds no line breaks or other controls";
            Diagnostic::error(Code::InvalidValue, at, message)
        })?;
        return Ok(ValuePattern::Literal(literal));
    };
    let regex: Result<Regex, regex::Error> = RegexBuilder::new(inner)
        .size_limit(MAX_PATTERN)
        .dfa_size_limit(MAX_PATTERN)
        .build();
    regex.map(ValuePattern::Regex).map_err(|error| {
        let what = match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large",
            _ => "the regular expression does not parse",
        };
        let hint = "back references and look-around are not offered";
        Diagnostic::error(Code::Pattern, at, what).hint(hint)
    })
}
