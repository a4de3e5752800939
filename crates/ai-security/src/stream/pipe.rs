//! One text of a stream, on its way past everything that reads it.

use super::Stopped;
use super::held::Held;
use super::returning::Returning;
use crate::Verdict;
use crate::guardrail::Reading;

/// So many new bytes are looked at together for attacks: an attack has passed by so many bytes at the
/// most when it is noticed.
const STRIDE: usize = 512;
/// So many bytes before them are looked at once more.
const OVERLAP: usize = 1024;

/// One text that comes in pieces, each of them whole characters.
#[derive(Debug)]
pub(super) struct Pipe {
    /// What the guard looks at next.
    window: Vec<u8>,
    /// How many bytes at its end are new.
    new: usize,
    held: Held,
    returning: Returning,
}

impl Pipe {
    pub(super) fn new() -> Self {
        Self {
            window: Vec::new(),
            new: 0,
            held: Held::new(),
            returning: Returning::default(),
        }
    }

    /// Takes the next piece and appends to `out` what may pass.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if reading.watches() {
            self.window.extend_from_slice(piece);
        }
        self.new += piece.len();
        if self.new >= STRIDE {
            self.watch(reading)?;
        }
        self.sift(piece, false, reading, out)
    }

    /// Ends the text and appends what was held.
    pub(super) fn finish(
        &mut self,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if self.new > 0 {
            self.watch(reading)?;
        }
        self.window.clear();
        self.sift(&[], true, reading, out)?;
        self.returning.finish(out);
        Ok(())
    }

    /// Has the guard look at what is new.
    fn watch(&mut self, reading: &mut Reading<'_>) -> Result<(), Stopped> {
        let verdict = reading.watch(&String::from_utf8_lossy(&self.window), self.new);
        self.new = 0;
        match verdict {
            Verdict::Block => return Err(Stopped::Refused),
            // Told of once.
            Verdict::Mark => self.window.clear(),
            Verdict::Allow => {
                let known = self.window.len().saturating_sub(OVERLAP);
                self.window.drain(..known);
            }
        }
        Ok(())
    }

    fn sift(
        &mut self,
        piece: &[u8],
        complete: bool,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if !reading.returns() {
            return Ok(reading.sift(&mut self.held, piece, complete, out)?);
        }
        let mut passed = Vec::new();
        reading.sift(&mut self.held, piece, complete, &mut passed)?;
        reading.hand_back(&mut self.returning, &passed, out);
        Ok(())
    }
}
