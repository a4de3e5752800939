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
    window: String,
    /// How many bytes at its end are new.
    new: usize,
    held: Held,
    returning: Returning,
}

impl Pipe {
    pub(super) fn new() -> Self {
        Self {
            window: String::new(),
            new: 0,
            held: Held::new(),
            returning: Returning::default(),
        }
    }

    /// Takes the next piece and appends to `out` what may pass.
    pub(super) fn push(
        &mut self,
        piece: &str,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let mut rest = piece;
        while !rest.is_empty() {
            // What is looked at together depends on the text alone, not on how it was cut.
            let room = STRIDE.saturating_sub(self.new);
            let (part, behind) = rest.split_at(rest.ceil_char_boundary(room));
            if reading.watches() {
                self.window.push_str(part);
            }
            self.new += part.len();
            if self.new >= STRIDE {
                self.watch(reading)?;
            }
            self.sift(part, false, reading, out)?;
            rest = behind;
        }
        Ok(())
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
        self.sift("", true, reading, out)?;
        self.returning.finish(out);
        Ok(())
    }

    /// Has the guard look at what is new.
    fn watch(&mut self, reading: &mut Reading<'_>) -> Result<(), Stopped> {
        let verdict = reading.watch(&self.window, self.new);
        self.new = 0;
        match verdict {
            Verdict::Block => return Err(Stopped::Refused),
            // Told of once.
            Verdict::Mark => self.window.clear(),
            Verdict::Allow => {
                let known = self.window.len().saturating_sub(OVERLAP);
                self.window.drain(..self.window.floor_char_boundary(known));
            }
        }
        Ok(())
    }

    fn sift(
        &mut self,
        piece: &str,
        complete: bool,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let piece = piece.as_bytes();
        if !reading.returns() {
            return Ok(reading.sift(&mut self.held, piece, complete, out)?);
        }
        let mut passed = Vec::new();
        reading.sift(&mut self.held, piece, complete, &mut passed)?;
        reading.hand_back(&mut self.returning, &passed, out);
        Ok(())
    }
}
