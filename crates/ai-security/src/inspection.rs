//! What the guard says of a text.

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_types::SmolStr;

use crate::bands::Bands;

/// What becomes of a text, least strict first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It goes on.
    Allow,
    /// It goes on with a warning: spotlighted, or after an approval.
    Mark,
    /// It does not go on.
    Block,
}

impl Verdict {
    /// As written in configuration and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Mark => "mark",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a text was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewKind {
    /// As it stands, folded.
    Text,
    /// Decoded from Base64 or Base64url.
    Base64,
    /// Decoded from Base32.
    Base32,
    /// Decoded from hexadecimal digits.
    Hex,
    /// Decoded from binary digits.
    Binary,
    /// Decoded from Morse code.
    Morse,
    /// Decoded from percent escapes.
    Percent,
    /// Decoded from HTML character references.
    Html,
    /// Decoded from `\u0041`, `\x41` and the like.
    Escapes,
    /// Letters moved by 13 places.
    Rot13,
    /// Read from its end.
    Reversed,
    /// Each word read from its end.
    ReversedWords,
    /// Digits and signs read as the letters they resemble.
    Leet,
    /// Single letters joined to words.
    Spaced,
    /// Written in Unicode tag characters, which no font shows.
    Tags,
    /// Written in variation selectors, which no font shows.
    Selectors,
}

/// Text that a reader of the page does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenKind {
    /// Unicode tag characters outside flags.
    Tags,
    /// Runs of variation selectors.
    Selectors,
    /// Overrides of the writing direction.
    Bidi,
    /// Zero-width characters inside words of a script that has no use for them.
    ZeroWidth,
    /// Letters of another script inside Latin words, which look like Latin ones.
    LookAlikes,
}

impl HiddenKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Tags,
        Self::Selectors,
        Self::Bidi,
        Self::ZeroWidth,
        Self::LookAlikes,
    ];

    /// Its place in [`HiddenKind::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// What found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A rule of a pack.
    Rule {
        /// Its id, such as `override.prior-instructions`.
        id: SmolStr,
        /// Version of its pack.
        version: u32,
    },
    /// The linear model.
    Model,
    /// A filter of content: secrets, personal data, word lists.
    Filter {
        /// What kind of content, such as `email`.
        kind: SmolStr,
    },
    /// Hidden code points.
    Hidden {
        /// Of which kind.
        kind: HiddenKind,
    },
    /// Text that was not read because it is over a limit.
    Limit,
    /// A classifier of the operator's, which was asked about a marked text.
    Transformer,
}

/// One reason for a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What found it.
    pub origin: Origin,
    /// For people: what it means, without text of the request.
    pub reason: SmolStr,
    /// What it adds to the score, 0 to 1.
    pub score: f32,
    /// Parts of the text that weighed most, for a finding of the model. This is text of the request:
    /// it goes into no record unless the operator asks for it.
    pub evidence: Vec<SmolStr>,
    /// Where, in bytes of the original text, on borders of characters. What was found in a decoded
    /// view has the place of the encoded run.
    pub span: Range<usize>,
    /// How the text was read.
    pub view: ViewKind,
}

/// What was read and what was not, in bytes of the original text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Bytes read.
    pub scanned: usize,
    /// Bytes left out, because the text is over the limit.
    pub skipped: usize,
    /// Bytes of encoded runs left out, because there were too many or they were too long.
    pub undecoded: usize,
}

impl Coverage {
    /// Adds what was read of another text.
    pub(crate) const fn add(&mut self, other: Self) {
        self.scanned += other.scanned;
        self.skipped += other.skipped;
        self.undecoded += other.undecoded;
    }

    /// Whether everything was read.
    pub const fn is_complete(&self) -> bool {
        self.skipped == 0 && self.undecoded == 0
    }
}

/// What the guard says of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[must_use]
pub struct Inspection {
    /// What becomes of it.
    pub verdict: Verdict,
    /// How likely it is an attack, 0 to 1.
    pub score: f32,
    /// The bands of its channel.
    pub bands: Bands,
    /// Why, the highest score first.
    pub findings: Vec<Finding>,
    /// How much of it was read.
    pub coverage: Coverage,
}

impl Inspection {
    /// The score from which a text of this channel is no longer just allowed.
    pub const fn threshold(&self) -> f32 {
        self.bands.mark
    }

    /// Where what weighs most begins, in bytes of the text.
    pub(crate) fn begins(&self) -> usize {
        self.findings
            .first()
            .map_or(0, |finding| finding.span.start)
    }
}
