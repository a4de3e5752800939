//! Private keys between their first and last lines: PEM (RFC 7468), `OpenSSH` and `OpenPGP`.

use super::bytes::{ByteSet, Cursor, cut_opening, openings};
use super::candidate::{Candidate, Finder, Found, LONG, Window};
use super::latch::{KeyEnd, Latch};

const OPENING: &[u8] = b"-----BEGIN ";
const LABEL: ByteSet = ByteSet::empty()
    .range(b'A', b'Z')
    .range(b'0', b'9')
    .all(b" -");
/// Longest label with its dashes, such as `PGP PRIVATE KEY BLOCK-----`.
const LONGEST_LABEL: usize = 64;
/// What may stand between the first line and the key itself: header lines, quotes, line ends as
/// they are written in source.
const LONGEST_HEAD: usize = 512;
const KEY_LETTERS: ByteSet = ByteSet::alphanumeric().all(b"+/=");
const HEAD: ByteSet = ByteSet::alphanumeric().all(b"+/=:,.-_\\\"'`<>()@#;*|$ \t\r\n");
/// So many letters in a row are a key and no word.
const LEAST_LETTERS: usize = 24;

/// Finds private keys.
#[derive(Debug)]
pub(crate) struct PrivateKeys {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl Finder for PrivateKeys {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let mut done = window.from;
        for start in openings(window.bytes, window.from, OPENING) {
            if start >= done {
                done = self.read(window, start, found).unwrap_or(start + 1);
            }
        }
        if !window.complete
            && let Some(at) = cut_opening(window.bytes, done, OPENING)
        {
            found.hold(at);
        }
    }
}

impl PrivateKeys {
    /// Reads a key that begins at `start` and returns where it ends.
    fn read(&self, window: &Window<'_>, start: usize, found: &mut Found) -> Option<usize> {
        let mut cursor = Cursor::new(window.bytes, start);
        let begins = opens(&mut cursor) && has_key(&mut cursor);
        if cursor.starved() && !window.complete {
            found.hold(start);
            return None;
        }
        if !begins {
            return None;
        }
        let mut latch = Latch::Key(KeyEnd::default());
        let body = window.bytes.get(start + OPENING.len()..)?;
        let (taken, ended) = latch.feed(body);
        let end = start + OPENING.len() + taken;
        let ended = ended || window.complete;
        if !ended && end - start <= LONG {
            found.hold(start);
            return Some(end);
        }
        found.push(Candidate {
            latch: (!ended).then_some(latch),
            ..Candidate::whole(self.rule, start..end)
        });
        Some(end)
    }
}

/// Reads the first line: `-----BEGIN ... PRIVATE KEY-----`.
fn opens(cursor: &mut Cursor<'_>) -> bool {
    if !cursor.eat_all(OPENING) {
        return false;
    }
    let mut label = [0_u8; LONGEST_LABEL];
    for index in 0..LONGEST_LABEL {
        let Some(byte) = cursor.peek().filter(|byte| LABEL.has(*byte)) else {
            return false;
        };
        cursor.step();
        if let Some(slot) = label.get_mut(index) {
            *slot = byte;
        }
        let label = label.get(..=index).unwrap_or_default();
        if let Some(words) = label.strip_suffix(b"-----") {
            return words.ends_with(b"PRIVATE KEY") || words.ends_with(b"PRIVATE KEY BLOCK");
        }
    }
    false
}

/// Whether a key follows, and not just prose about the line.
fn has_key(cursor: &mut Cursor<'_>) -> bool {
    let from = cursor.at();
    let mut run = 0;
    while cursor.at() - from < LONGEST_HEAD {
        let Some(byte) = cursor.peek().filter(|byte| HEAD.has(*byte)) else {
            return false;
        };
        cursor.step();
        run = if KEY_LETTERS.has(byte) { run + 1 } else { 0 };
        if run == LEAST_LETTERS {
            return true;
        }
    }
    false
}

/// `-----BEGIN ` in base64, as far as it does not depend on what follows.
const ENCODED_OPENING: &[u8] = b"LS0tLS1CRUdJTi";
/// `-----BEGIN ... PRIVATE KEY` in base64, as in the files of `kubectl` and in variables of builds.
const ENCODED: [&[u8]; 6] = [
    b"LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBL",
    b"LS0tLS1CRUdJTiBQUklWQVRFIEtF",
    b"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtF",
    b"LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ",
    b"LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBL",
    b"LS0tLS1CRUdJTiBEU0EgUFJJVkFURSBL",
];

/// Finds private keys that were encoded once more.
#[derive(Debug)]
pub(crate) struct EncodedKeys {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl Finder for EncodedKeys {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let mut done = window.from;
        for start in openings(window.bytes, window.from, ENCODED_OPENING) {
            let mut cursor = Cursor::new(window.bytes, start);
            let begins = ENCODED.iter().any(|opening| cursor.eat_all(opening));
            if start < done {
                continue;
            }
            if cursor.starved() && !window.complete {
                found.hold(start);
            } else if begins {
                done = self.read(window, start, found);
            }
        }
        if !window.complete
            && let Some(at) = cut_opening(window.bytes, done, ENCODED_OPENING)
        {
            found.hold(at);
        }
    }
}

impl EncodedKeys {
    fn read(&self, window: &Window<'_>, start: usize, found: &mut Found) -> usize {
        let rest = window.bytes.get(start..).unwrap_or_default();
        let run = KEY_LETTERS.run(rest);
        let ended = run < rest.len() || window.complete;
        if !ended && run <= LONG {
            found.hold(start);
        } else {
            found.push(Candidate {
                latch: (!ended).then_some(Latch::Run(KEY_LETTERS)),
                ..Candidate::whole(self.rule, start..start + run)
            });
        }
        start + run
    }
}
