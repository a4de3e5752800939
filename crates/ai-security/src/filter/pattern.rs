//! A regular expression with a known longest match, tried at one place.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::bytes::{ByteSet, before, starts_word};
use super::check::{Check, entropy};
use super::placeholder;

/// Longest match a pattern may have, in bytes. Longer things have finders of their own.
pub(crate) const LONGEST: usize = 2048;

/// What a hit of a keyword is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// What stands before the secret part. Without it, the secret part is the group of `regex`, or
    /// all of it.
    head: Option<Regex>,
    regex: Regex,
    /// Most bytes of a match.
    longest: usize,
    /// Bytes that matches are made of.
    body: ByteSet,
    /// What else must hold.
    pub(crate) tests: Tests,
}

/// What must hold beside the shape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tests {
    /// Least entropy of the secret part, in bits a byte.
    pub(crate) entropy: f32,
    /// Checksum or measure of the secret part.
    pub(crate) check: Option<Check>,
    /// Whether values of manuals are let go.
    pub(crate) no_samples: bool,
    /// Whether the keyword must begin a word.
    pub(crate) word: bool,
}

/// Why a pattern cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PatternError {
    /// It does not parse.
    #[error("{0}")]
    Syntax(String),
    /// Its matches have no end, or a late one.
    #[error("can match more than {LONGEST} bytes")]
    TooLong,
    /// It matches nothing at all.
    #[error("can match nothing")]
    Empty,
    /// It looks at what stands around.
    #[error("looks at what stands before or behind a match")]
    LooksAround,
}

/// What came of trying a pattern at a place.
pub(crate) enum Tried {
    /// It does not match there.
    No,
    /// More bytes are needed to tell.
    Later,
    /// It matches: all of it, and the part to hide.
    Yes(Range<usize>, Range<usize>),
}

impl Pattern {
    /// Compiles `text`, which sees bytes and no Unicode.
    pub(crate) fn compile(text: &str, tests: Tests) -> Result<Self, PatternError> {
        let shape = Shape::of(text)?;
        Ok(Self {
            head: None,
            regex: anchored(text)?,
            longest: shape.longest,
            body: shape.body,
            tests,
        })
    }

    /// Compiles a pattern of a secret `value` and what stands before it. Both are matched one after the
    /// other: the first takes what it can, whatever is then left for the second.
    pub(crate) fn named(head: &str, value: &str, tests: Tests) -> Result<Self, PatternError> {
        let (before, secret) = (Shape::of(head)?, Shape::of(value)?);
        Ok(Self {
            head: Some(anchored(head)?),
            regex: anchored(value)?,
            longest: before.longest + secret.longest,
            body: before.body.or(secret.body),
            tests,
        })
    }

    /// Tries it at `at` of `text`, which is all there will ever be if `complete`.
    pub(crate) fn attempt(&self, text: &[u8], at: usize, complete: bool) -> Tried {
        if self.tests.word && !starts_word(text, at) {
            return Tried::No;
        }
        let limit = at + self.longest + 1;
        let near = text.get(at..limit.min(text.len())).unwrap_or_default();
        if !complete && limit > text.len() && self.body.run(near) == near.len() {
            return Tried::Later;
        }
        let Some((whole, secret)) = self.search(near) else {
            return Tried::No;
        };
        let value = near.get(secret.clone()).unwrap_or_default();
        if !self.is_whole(near, secret.end) || !self.is_real(value) {
            return Tried::No;
        }
        Tried::Yes(at..at + whole, at + secret.start..at + secret.end)
    }

    /// Matches at the start of `near`: the end of the match, and where its secret part stands.
    fn search(&self, near: &[u8]) -> Option<(usize, Range<usize>)> {
        if let Some(head) = &self.head {
            let start = head.find(near)?.end();
            let value = self.regex.find(near.get(start..)?)?;
            let end = start + value.end();
            return Some((end, start..end));
        }
        let whole = self.regex.find(near)?.end();
        if self.regex.captures_len() == 1 {
            return Some((whole, 0..whole));
        }
        let secret = self.regex.captures(near)?.get(1).map(|group| group.range());
        Some((whole, secret.unwrap_or(0..whole)))
    }

    /// Whether nothing that could belong to the secret follows at `end`.
    fn is_whole(&self, near: &[u8], end: usize) -> bool {
        let word = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        !(word(before(near, end)) && word(near.get(end).copied()))
            || self.tests.check == Some(Check::Password)
    }

    fn is_real(&self, secret: &[u8]) -> bool {
        (self.tests.entropy <= 0.0 || entropy(secret) >= self.tests.entropy)
            && self.tests.check.is_none_or(|check| check.passes(secret))
            && !(self.tests.no_samples && placeholder::is_sample(secret))
    }
}

fn anchored(text: &str) -> Result<Regex, PatternError> {
    let regex = RegexBuilder::new(&format!("^(?:{text})"))
        .unicode(false)
        .build();
    regex.map_err(|e| first_line(&e.to_string()))
}

/// What is known of a pattern beside what it matches.
struct Shape {
    longest: usize,
    body: ByteSet,
}

impl Shape {
    fn of(text: &str) -> Result<Self, PatternError> {
        let mut parser = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build();
        let shape = parser.parse(text).map_err(|e| first_line(&e.to_string()))?;
        let properties = shape.properties();
        if !properties.look_set().is_empty() {
            return Err(PatternError::LooksAround);
        }
        let longest = properties.maximum_len().unwrap_or(usize::MAX);
        if longest > LONGEST {
            return Err(PatternError::TooLong);
        }
        if properties.minimum_len().unwrap_or(0) == 0 {
            return Err(PatternError::Empty);
        }
        Ok(Self {
            longest,
            body: bytes_of(&shape, ByteSet::empty()),
        })
    }
}

fn first_line(message: &str) -> PatternError {
    let line = message.lines().rev().find(|line| !line.trim().is_empty());
    PatternError::Syntax(line.unwrap_or(message).trim().to_owned())
}

/// Every byte that a match of `shape` may hold, beside those of `known`.
fn bytes_of(shape: &Hir, known: ByteSet) -> ByteSet {
    match shape.kind() {
        HirKind::Empty | HirKind::Look(_) => known,
        HirKind::Literal(literal) => known.all(&literal.0),
        HirKind::Class(Class::Bytes(class)) => class
            .iter()
            .fold(known, |set, range| set.range(range.start(), range.end())),
        HirKind::Class(Class::Unicode(_)) => known.range(0, u8::MAX),
        HirKind::Repetition(repetition) => bytes_of(&repetition.sub, known),
        HirKind::Capture(capture) => bytes_of(&capture.sub, known),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(known, |set, part| bytes_of(part, set))
        }
    }
}
