//! What an answer is given back: its reader's own values in the place of their placeholders, and
//! spaces in the place of marks.

use crate::filter::Vault;
use crate::filter::restoring::Restoring;
use crate::spotlight::{self, Unmarking};

/// Gives back one text, however it is cut. Held back is what may be the beginning of a placeholder or
/// a mark, 64 bytes at the most.
#[derive(Debug, Default)]
pub(crate) struct Returning {
    unmarking: Unmarking,
    restoring: Restoring,
}

impl Returning {
    /// Whether a text can come out otherwise than it goes in.
    pub(crate) fn concerns(text: &str) -> bool {
        text.contains('[') || text.contains(spotlight::is_letter)
    }

    /// Takes the next piece and appends to `out` what may pass: with values of `vault`, and without
    /// marks if `marked`.
    pub(crate) fn push(
        &mut self,
        piece: &[u8],
        (vault, marked): (Option<&Vault>, bool),
        out: &mut Vec<u8>,
    ) {
        let mut plain = Vec::new();
        let piece = if marked {
            self.unmarking.push(piece, &mut plain);
            &*plain
        } else {
            piece
        };
        match vault {
            Some(vault) => self.restoring.push(piece, vault, out),
            None => out.extend_from_slice(piece),
        }
    }

    /// Ends the text and appends what was held. Half a placeholder or mark is none.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.restoring.finish(out);
        self.unmarking.finish(out);
    }
}
