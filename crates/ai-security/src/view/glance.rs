//! What a folded text may hold, at a glance: one pass over its words for all encodings of letters.

use super::letters::{Looks, may_be_listed, resembles};
use super::{pieces, spaced};

/// What is worth a closer look.
#[derive(Debug, Default)]
pub(super) struct Glance {
    /// Words that look like ROT13, like text read from its end, and like leet.
    pub(super) looks: Looks,
    /// Whether letters stand apart somewhere, or words hang together.
    pub(super) is_spaced: bool,
    /// Whether so many short pieces stand in a row somewhere that they may be cut words.
    pub(super) is_cut: bool,
}

/// What was seen of a word between blanks.
#[derive(Default)]
struct Word {
    start: usize,
    has_letters: bool,
    /// It has a digit or sign that resembles a letter.
    has_signs: bool,
    may_be_listed: bool,
}

impl Glance {
    /// At `text`, folded.
    pub(super) fn at(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut glance = Self::default();
        let (mut spaced, mut pieces) = (spaced::Row::default(), pieces::Row::default());
        let mut word = Word::default();
        let mut letters = 0;
        let mut last = b'\n';
        for at in 0..=bytes.len() {
            // The last word ends, too.
            let byte = bytes.get(at).copied().unwrap_or(b'\n');
            if byte.is_ascii_lowercase() {
                letters += 1;
                last = byte;
                continue;
            }
            // The rest of what is not in ASCII changes nothing.
            if !byte.is_ascii() && !last.is_ascii() {
                continue;
            }
            last = byte;
            let run = at - letters..at;
            letters = 0;
            glance.is_spaced = glance.is_spaced || spaced.end(&run, byte).is_some();
            if !run.is_empty() {
                glance.is_cut = glance.is_cut || pieces.end(&run).is_some();
                word.has_letters = true;
                word.may_be_listed |= may_be_listed(bytes.get(run).unwrap_or_default());
            }
            word.has_signs |= resembles(byte);
            if byte.is_ascii_whitespace() {
                if word.may_be_listed || (word.has_letters && word.has_signs) {
                    glance
                        .looks
                        .add(text.get(word.start..at).unwrap_or_default());
                }
                word = Word {
                    start: at + 1,
                    ..Word::default()
                };
            }
        }
        glance
    }
}
