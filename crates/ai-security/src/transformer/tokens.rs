//! Texts as tokens.

use std::fmt;
use std::ops::Range;

use tokenizers::{PostProcessor as _, Tokenizer, TruncationDirection};

use super::{LoadError, Unanswered};

/// Bytes that are made into tokens for each token that a window has room for: more than most texts
/// need, so that windows are full, and so few that no text is costly.
const BYTES_A_TOKEN: usize = 8;

/// A tokenizer, and how many tokens a model reads at once.
pub(super) struct Tokenizing {
    tokenizer: Tokenizer,
    /// Tokens of a window beside those that frame it.
    room: usize,
}

/// What a model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) ids: Vec<u32>,
    /// Which of two texts each belongs to.
    pub(super) types: Vec<u32>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) tokens: Tokens,
    /// Where it stands, in bytes, on borders of characters.
    pub(super) span: Range<usize>,
}

impl Tokenizing {
    /// Reads `tokenizer.json` for a model that reads `most` tokens at once.
    pub(super) fn read(file: &[u8], most: usize) -> Result<Self, LoadError> {
        let broken = |error: tokenizers::Error| LoadError::Tokenizer(super::network::short(&error));
        let mut tokenizer = Tokenizer::from_bytes(file).map_err(broken)?;
        // Windows are cut here, and so that nothing is lost.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(broken)?;
        let frame = tokenizer
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(false));
        match most.checked_sub(frame).filter(|room| *room > 0) {
            Some(room) => Ok(Self { tokenizer, room }),
            None => Err(LoadError::Tokenizer(format!(
                "it frames a text with {frame} tokens, and the model reads {most}"
            ))),
        }
    }

    /// Tokens of a window beside those that frame it.
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    /// The highest token.
    pub(super) fn highest(&self) -> u32 {
        let vocabulary = self.tokenizer.get_vocab(true);
        vocabulary.into_values().max().unwrap_or_default()
    }

    /// The window of `text` that begins at `from`, a border of characters.
    pub(super) fn window(&self, text: &str, from: usize) -> Result<Window, Unanswered> {
        let most = from.saturating_add(self.room * BYTES_A_TOKEN);
        let mut end = text.floor_char_boundary(most);
        let part = text.get(from..end).unwrap_or_default();
        let mut tokens = self
            .tokenizer
            .encode(part, false)
            .map_err(|_| Unanswered::Failed)?;
        if tokens.len() > self.room {
            let last = self.room.checked_sub(1);
            let last = last.and_then(|last| tokens.get_offsets().get(last));
            end = text.floor_char_boundary(from + last.map_or(0, |(_, end)| *end));
            tokens.truncate(self.room, 0, TruncationDirection::Right);
            tokens.take_overflowing();
        }
        if end <= from {
            return Err(Unanswered::Failed);
        }
        let framed = self.tokenizer.post_process(tokens, None, true);
        let framed = framed.map_err(|_| Unanswered::Failed)?;
        Ok(Window {
            tokens: Tokens {
                ids: framed.get_ids().to_vec(),
                types: framed.get_type_ids().to_vec(),
            },
            span: from..end,
        })
    }
}

impl Window {
    /// Where the next one begins: a quarter of this one is read again, with what follows.
    pub(super) fn next(&self, text: &str) -> usize {
        let begins = text.floor_char_boundary(self.span.end - self.span.len() / 4);
        // Never where this one begins.
        if begins > self.span.start {
            begins
        } else {
            self.span.end
        }
    }
}

impl fmt::Debug for Tokenizing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizing")
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}
