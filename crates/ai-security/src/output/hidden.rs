//! Text in Unicode tags and variation selectors: a reader sees nothing, a model reads it.

use crate::filter::bytes::ByteSet;
use crate::filter::candidate::{Candidate, Finder, Found, LONG, Window};
use crate::filter::latch::Latch;

/// Bytes of U+E0000 to U+E01EF in UTF-8. Other characters that begin with the first are private or
/// unassigned.
const HIDDEN: ByteSet = ByteSet::empty().with(0xf3).range(0x80, 0xbf);
const LEAD: u8 = 0xf3;
const PLANE: &[u8] = &[0xf3, 0xa0];
/// U+1F3F4, a black flag: tags behind it name a region.
const FLAG: &[u8] = &[0xf0, 0x9f, 0x8f, 0xb4];
/// U+E007F, which ends the name.
const CANCEL: &[u8] = &[0xf3, 0xa0, 0x81, 0xbf];
const LONGEST_FLAG: usize = 28;
/// One or two selectors choose a form of a letter; more are text.
const FEW_SELECTORS: usize = 8;

/// Finds text that no font shows.
#[derive(Debug)]
pub(crate) struct HiddenText {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl Finder for HiddenText {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let mut at = window.from;
        while let Some(rest) = window.bytes.get(at..) {
            let Some(next) = memchr::memchr(LEAD, rest) else {
                return;
            };
            let start = at + next;
            let run = rest.get(next..).map_or(1, |run| HIDDEN.run(run));
            self.read(window, start..start + run, found);
            at = start + run;
        }
    }
}

impl HiddenText {
    fn read(&self, window: &Window<'_>, run: std::ops::Range<usize>, found: &mut Found) {
        let ended = run.end < window.bytes.len() || window.complete;
        if !ended && run.len() <= LONG {
            return found.hold(run.start);
        }
        let bytes = window.bytes.get(run.clone()).unwrap_or_default();
        let before = window.bytes.get(..run.start).unwrap_or_default();
        let selectors = bytes.chunks(4).all(|c| matches!(c, [_, _, 0x84..=0x87, _]));
        let flag = before.ends_with(FLAG) && bytes.ends_with(CANCEL) && run.len() <= LONGEST_FLAG;
        let few = selectors && run.len() <= FEW_SELECTORS;
        if bytes.starts_with(PLANE) && !flag && !few {
            found.push(Candidate {
                latch: (!ended).then_some(Latch::Run(HIDDEN)),
                ..Candidate::whole(self.rule, run)
            });
        }
    }
}
