//! The filter over an answer in plain text.

use super::Stopped;
use super::pipe::Pipe;
use crate::guardrail::Reading;

/// Reads one text that comes in pieces, cut anywhere, even inside characters: content is masked as in
/// the whole text, attacks end it. All of its pieces belong to one reading.
#[derive(Debug)]
pub struct TextGuard {
    pipe: Pipe,
    /// The beginning of a character, three bytes at the most.
    half: Vec<u8>,
    begun: bool,
    stopped: Option<Stopped>,
}

impl TextGuard {
    /// Begins a text.
    pub fn new() -> Self {
        Self {
            pipe: Pipe::new(),
            half: Vec::new(),
            begun: false,
            stopped: None,
        }
    }

    /// Takes the next bytes and appends to `out` what may pass.
    ///
    /// # Errors
    ///
    /// The text does not go on: something is blocked, or it is not UTF-8.
    pub fn push(
        &mut self,
        bytes: &[u8],
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        if !std::mem::replace(&mut self.begun, true) {
            reading.count_text();
        }
        let taken = self.take(bytes, reading, out);
        taken.inspect_err(|stopped| self.stopped = Some(stopped.clone()))
    }

    /// Ends the text and appends what was held.
    ///
    /// # Errors
    ///
    /// As [`TextGuard::push`].
    pub fn finish(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        let finished = match &self.stopped {
            Some(stopped) => Err(stopped.clone()),
            None if !self.half.is_empty() => Err(Stopped::NotText),
            None => self.pipe.finish(reading, out),
        };
        finished.inspect_err(|stopped| self.stopped = Some(stopped.clone()))
    }

    /// Ends the text because something else says that it must not go on.
    pub fn refuse(&mut self) {
        self.stopped.get_or_insert(Stopped::Refused);
    }

    fn take(
        &mut self,
        bytes: &[u8],
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        self.half.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.half) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_some() => return Err(Stopped::NotText),
            Err(error) => error.valid_up_to(),
        };
        let piece: Vec<u8> = self.half.drain(..whole).collect();
        let piece = String::from_utf8(piece).map_err(|_| Stopped::NotText)?;
        self.pipe.push(&piece, reading, out)
    }
}

impl Default for TextGuard {
    fn default() -> Self {
        Self::new()
    }
}
