//! Control sequences of terminals, ECMA-48: they move the cursor, set titles and clipboards, and hide
//! what a reader should see.

use crate::filter::bytes::{ByteSet, Cursor};
use crate::filter::candidate::{Candidate, Finder, Found, Window};

const ESCAPE: u8 = 0x1b;
/// U+009B, the same as `ESC [`, and its neighbours, as written in UTF-8.
const C1_LEAD: u8 = 0xc2;
const C1: ByteSet = ByteSet::empty().range(0x80, 0x9f);
const PARAMETERS: ByteSet = ByteSet::empty().range(0x20, 0x3f);
const LONGEST: usize = 64;

/// Finds what begins a control sequence and, of those with parameters, all of it.
#[derive(Debug)]
pub(crate) struct ControlSequences {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl Finder for ControlSequences {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let mut at = window.from;
        while let Some(rest) = window.bytes.get(at..) {
            let Some(next) = memchr::memchr2(ESCAPE, C1_LEAD, rest) else {
                return;
            };
            let start = at + next;
            let mut cursor = Cursor::new(window.bytes, start);
            let found_one = sequence(&mut cursor);
            if cursor.starved() && !window.complete {
                found.hold(start);
            } else if found_one {
                found.push(Candidate::whole(self.rule, start..cursor.at()));
            }
            at = start + 1;
        }
    }
}

fn sequence(cursor: &mut Cursor<'_>) -> bool {
    let parameters = if cursor.eat(ESCAPE) {
        cursor.eat(b'[')
    } else if cursor.eat(C1_LEAD) && cursor.sees(C1) {
        let control = cursor.peek() == Some(0x9b);
        cursor.step();
        control
    } else {
        return false;
    };
    if parameters {
        cursor.run(PARAMETERS, LONGEST);
        let end = ByteSet::empty().range(0x40, 0x7e);
        cursor.run(end, 1);
    }
    true
}
