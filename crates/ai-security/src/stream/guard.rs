//! The filter over a text that comes in pieces.

use std::collections::BTreeMap;

use zeroize::Zeroize;
use ztag_types::SmolStr;

use crate::filter::candidate::{CONTEXT, Window};
use crate::filter::latch::Latch;
use crate::filter::{Blocked, Filter, Vault};
use crate::output::SystemText;

/// Filters a text that comes in pieces, cut anywhere, even inside characters. What it releases is, byte
/// for byte, what [`Filter::mask`] makes of the whole text, however it is cut.
///
/// What may still become a match is held back: usually the word that has just begun, at most 24 KiB.
/// Something longer than 8 KiB that has already become one, such as a private key, is hidden at once
/// and read on without being kept until it ends.
#[derive(Debug)]
pub struct StreamGuard<'f> {
    filter: &'f Filter,
    system: Option<&'f SystemText>,
    /// The last bytes that were released, for context, and those that are held.
    buffer: Vec<u8>,
    /// Where those that are held begin.
    from: usize,
    /// What is being read past, and whether that passes.
    latch: Option<(Latch, bool)>,
    /// Length of the buffer from which on another look is worth its time.
    look_at: usize,
    blocked: Option<Blocked>,
    seen: BTreeMap<SmolStr, u64>,
}

/// Held bytes are looked at again when an eighth more has come, so that small pieces of something long
/// do not cost the square of its length.
const PATIENCE: usize = 8;
/// Up to so many held bytes, every piece is looked at.
const SHORT: usize = 128;

impl<'f> StreamGuard<'f> {
    /// Begins a text.
    pub const fn new(filter: &'f Filter) -> Self {
        Self {
            filter,
            system: None,
            buffer: Vec::new(),
            from: 0,
            latch: None,
            look_at: 0,
            blocked: None,
            seen: BTreeMap::new(),
        }
    }

    /// Begins a text that must not repeat `system`.
    pub const fn beside(filter: &'f Filter, system: &'f SystemText) -> Self {
        let mut guard = Self::new(filter);
        guard.system = Some(system);
        guard
    }

    /// Takes the next piece and appends to `out` what may pass.
    ///
    /// # Errors
    ///
    /// Something that is blocked has come. What came before it may have passed; nothing more does.
    pub fn push(
        &mut self,
        piece: &[u8],
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        self.buffer.extend_from_slice(piece);
        self.advance(false, vault, out)
    }

    /// Ends the text and appends what was held.
    ///
    /// # Errors
    ///
    /// As [`StreamGuard::push`].
    pub fn finish(&mut self, vault: &mut Vault, out: &mut Vec<u8>) -> Result<(), Blocked> {
        self.advance(true, vault, out)?;
        self.buffer.clear();
        (self.from, self.look_at, self.latch) = (0, 0, None);
        Ok(())
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.from
    }

    /// How often each kind was found.
    pub const fn seen(&self) -> &BTreeMap<SmolStr, u64> {
        &self.seen
    }

    fn advance(
        &mut self,
        complete: bool,
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        if let Some(blocked) = &self.blocked {
            return Err(blocked.clone());
        }
        self.read_past(out);
        if self.latch.is_none() && (complete || self.buffer.len() >= self.look_at) {
            self.look(complete, vault, out)?;
            self.look_at = match self.held() {
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
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        let window = Window {
            bytes: &self.buffer,
            from: self.from,
            complete,
        };
        let scan = self.filter.scan(&window, self.system);
        let last = scan.settled.len().saturating_sub(1);
        let mut from = self.from;
        for (index, candidate) in scan.settled.iter().enumerate() {
            if let Err(blocked) = self.filter.admit(candidate) {
                self.blocked = Some(blocked.clone());
                self.buffer.zeroize();
                self.from = 0;
                return Err(blocked);
            }
            if let Some(rule) = self.filter.rule(candidate) {
                *self.seen.entry(rule.kind.clone()).or_default() += 1;
            }
            let secret = candidate.secret.clone();
            out.extend_from_slice(self.buffer.get(from..secret.start).unwrap_or_default());
            let whole = scan.latch.is_none() || index < last || self.filter.passes(candidate);
            let value = self.buffer.get(secret.clone()).filter(|_| whole);
            self.filter.cover(candidate, value, vault, out);
            from = secret.end;
        }
        let ready = scan.ready.max(from);
        out.extend_from_slice(self.buffer.get(from..ready).unwrap_or_default());
        self.from = ready;
        let passes = |latch| {
            (
                latch,
                scan.settled.last().is_some_and(|c| self.filter.passes(c)),
            )
        };
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

impl Drop for StreamGuard<'_> {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}
