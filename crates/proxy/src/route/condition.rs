//! What a route asks of a request besides its place: methods and header fields.

use std::cmp::Reverse;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use regex::bytes::Regex;

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
