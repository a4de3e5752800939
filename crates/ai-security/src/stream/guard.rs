//! The filter over a text that comes in pieces.

use std::collections::BTreeMap;

use ztag_types::SmolStr;

use super::held::{Held, Sieve};
use crate::filter::rule::Rule;
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
    held: Held,
    seen: BTreeMap<SmolStr, u64>,
}

impl<'f> StreamGuard<'f> {
    /// Begins a text.
    pub const fn new(filter: &'f Filter) -> Self {
        Self {
            filter,
            system: None,
            held: Held::new(),
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
        self.sift(vault, |held, sieve| held.push(piece, sieve, out))
    }

    /// Ends the text and appends what was held.
    ///
    /// # Errors
    ///
    /// As [`StreamGuard::push`].
    pub fn finish(&mut self, vault: &mut Vault, out: &mut Vec<u8>) -> Result<(), Blocked> {
        self.sift(vault, |held, sieve| held.finish(sieve, out))
    }

    /// How many bytes are held back.
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// How often each kind was found.
    pub const fn seen(&self) -> &BTreeMap<SmolStr, u64> {
        &self.seen
    }

    fn sift<T>(
        &mut self,
        vault: &mut Vault,
        read: impl FnOnce(&mut Held, &mut Sieve<'_>) -> T,
    ) -> T {
        let seen = &mut self.seen;
        let mut sieve = Sieve {
            filter: self.filter,
            system: self.system,
            vault,
            note: &mut |rule: &Rule, _: &[u8]| *seen.entry(rule.kind.clone()).or_default() += 1,
        };
        read(&mut self.held, &mut sieve)
    }
}
