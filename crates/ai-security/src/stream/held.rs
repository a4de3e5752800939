//! What is held back of a text that comes in pieces.

use zeroize::Zeroize;

use crate::filter::candidate::{CONTEXT, Window};
use crate::filter::latch::Latch;
use crate::filter::rule::Rule;
use crate::filter::{Blocked, Filter, Vault};
use crate::output::SystemText;

/// Held bytes are looked at again when an eighth more has come, so that small pieces of something long
/// do not cost the square of its length.
const PATIENCE: usize = 8;
/// Up to so many held bytes, every piece is looked at.
const SHORT: usize = 128;

/// What is looked for in a text, and who wants to know.
pub(crate) struct Sieve<'a> {
    pub(crate) filter: &'a Filter,
    /// What the text must not repeat.
    pub(crate) system: Option<&'a SystemText>,
    pub(crate) vault: &'a mut Vault,
    /// Is told of everything found, with its bytes as far as they are there.
    pub(crate) note: &'a mut dyn FnMut(&Rule, &[u8]),
}

/// What is held back of one text.
#[derive(Debug)]
pub(crate) struct Held {
    /// The last bytes that were released, for context, and those that are held.
    buffer: Vec<u8>,
    /// Where those that are held begin.
    from: usize,
    /// What is being read past, and whether that passes.
    latch: Option<(Latch, bool)>,
    /// Length of the buffer from which on another look is worth its time.
    look_at: usize,
    blocked: Option<Blocked>,
}

impl Held {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            from: 0,
            latch: None,
            look_at: 0,
            blocked: None,
        }
    }

    /// Takes the next piece and appends to `out` what may pass.
    pub(crate) fn push(
        &mut self,
        piece: &[u8],
        sieve: &mut Sieve<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        self.buffer.extend_from_slice(piece);
        self.advance(false, sieve, out)
    }

    /// Ends the text and appends what was held.
    pub(crate) fn finish(
        &mut self,
        sieve: &mut Sieve<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        self.advance(true, sieve, out)?;
        self.buffer.clear();
        (self.from, self.look_at, self.latch) = (0, 0, None);
        Ok(())
    }

    /// How many bytes are held back.
    pub(crate) const fn len(&self) -> usize {
        self.buffer.len() - self.from
    }

    fn advance(
        &mut self,
        complete: bool,
        sieve: &mut Sieve<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        if let Some(blocked) = &self.blocked {
            return Err(blocked.clone());
        }
        self.read_past(out);
        if self.latch.is_none() && (complete || self.buffer.len() >= self.look_at) {
            self.look(complete, sieve, out)?;
            self.look_at = match self.len() {
                held if held <= SHORT => 0,
                held => self.buffer.len() + held / PATIENCE,
            };
        }
        self.forget();
        Ok(())
    }

    /// Moves past what goes on of something long.
    fn read_past(&mut self, out: &mut Vec<u8>) {
        if let Some((latch, passes)) = &mut self.latch {
            let held = self.buffer.get(self.from..).unwrap_or_default();
            let (taken, ended) = latch.feed(held);
            if *passes {
                out.extend_from_slice(held.get(..taken).unwrap_or_default());
            }
            self.from += taken;
            if ended {
                self.latch = None;
                self.look_at = 0;
            }
        }
    }

    /// Decides what can be decided of what is held.
    fn look(
        &mut self,
        complete: bool,
        sieve: &mut Sieve<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        let filter = sieve.filter;
        let window = Window {
            bytes: &self.buffer,
            from: self.from,
            complete,
        };
        let scan = filter.scan(&window, sieve.system);
        let last = scan.settled.len().saturating_sub(1);
        let mut from = self.from;
        for (index, candidate) in scan.settled.iter().enumerate() {
            let secret = candidate.secret.clone();
            let found = self.buffer.get(secret.clone());
            if let Some(rule) = filter.rule(candidate) {
                (sieve.note)(rule, found.unwrap_or_default());
            }
            if let Err(blocked) = filter.admit(candidate) {
                self.blocked = Some(blocked.clone());
                self.buffer.zeroize();
                self.from = 0;
                return Err(blocked);
            }
            out.extend_from_slice(self.buffer.get(from..secret.start).unwrap_or_default());
            let whole = scan.latch.is_none() || index < last || filter.passes(candidate);
            let value = found.filter(|_| whole);
            filter.cover(candidate, value, sieve.vault, out);
            from = secret.end;
        }
        let ready = scan.ready.max(from);
        out.extend_from_slice(self.buffer.get(from..ready).unwrap_or_default());
        self.from = ready;
        let passes = |latch| (latch, scan.settled.last().is_some_and(|c| filter.passes(c)));
        self.latch = scan.latch.map(passes);
        Ok(())
    }

    /// Forgets what no finder looks back at.
    fn forget(&mut self) {
        let known = self.from.saturating_sub(CONTEXT);
        // Moving the rest each time would cost more than a few bytes kept.
        if known >= CONTEXT {
            self.buffer.drain(..known);
            self.from -= known;
            self.look_at = self.look_at.saturating_sub(known);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}
