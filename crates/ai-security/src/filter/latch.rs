//! Secrets without a maximum length: what tells where they end, byte by byte.

use super::bytes::ByteSet;

/// Letters of JSON Web Tokens: base64url and the dots between the parts.
pub(crate) const TOKEN: ByteSet = ByteSet::alphanumeric().all(b"-_.");

/// What may stand in a private key between its first and its last line, as it is written in files,
/// in source and in JSON.
const ARMOUR: ByteSet = ByteSet::alphanumeric().all(b"+/=:,.-_\\\"'`<>()@#;*|$ \t\r\n");

/// Reads on behind something long until it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Latch {
    /// As long as bytes are in a set.
    Run(ByteSet),
    /// Until the last line of a private key, or a byte that cannot be part of one.
    Key(KeyEnd),
}

impl Latch {
    /// How many bytes at the start of `more` still belong to it, and whether it ends there.
    pub(crate) fn feed(&mut self, more: &[u8]) -> (usize, bool) {
        match self {
            Self::Run(set) => {
                let run = set.run(more);
                (run, run < more.len())
            }
            Self::Key(end) => end.feed(more),
        }
    }
}

/// Looks for `-----END ... PRIVATE KEY-----`, one byte at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyEnd {
    /// How far the footer has been read.
    seen: Footer,
    matched: usize,
    words: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Footer {
    /// Looking for `-----END`, of which so much is read.
    #[default]
    Opening,
    /// In the words between, looking for `-----`.
    Words,
}

const OPENING: &[u8] = b"-----END ";
const DASHES: usize = 5;
/// Longest label of a footer, such as `PGP PRIVATE KEY BLOCK`.
const LABEL: usize = 48;

impl KeyEnd {
    fn feed(&mut self, more: &[u8]) -> (usize, bool) {
        for (index, byte) in more.iter().enumerate() {
            if !ARMOUR.has(*byte) {
                return (index, true);
            }
            if self.step(*byte) {
                return (index + 1, true);
            }
        }
        (more.len(), false)
    }

    /// Takes one byte; whether it is the last of the footer.
    fn step(&mut self, byte: u8) -> bool {
        match self.seen {
            Footer::Opening => {
                if OPENING.get(self.matched) == Some(&byte) {
                    self.matched += 1;
                } else if byte == b'-' {
                    // A sixth dash may still be followed by the word.
                    self.matched = if self.matched == DASHES { DASHES } else { 1 };
                } else {
                    self.matched = 0;
                }
                if self.matched == OPENING.len() {
                    *self = Self {
                        seen: Footer::Words,
                        ..Self::default()
                    };
                }
                false
            }
            Footer::Words => {
                self.words += 1;
                self.matched = if byte == b'-' { self.matched + 1 } else { 0 };
                if self.words > LABEL + DASHES {
                    *self = Self::default();
                }
                self.matched == DASHES
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(text: &[u8], by: usize) -> Option<usize> {
        let mut latch = Latch::Key(KeyEnd::default());
        let mut total = 0;
        for part in text.chunks(by) {
            let (taken, ended) = latch.feed(part);
            total += taken;
            if ended {
                return Some(total);
            }
        }
        None
    }

    #[test]
    fn a_key_ends_with_its_footer_however_it_is_cut() {
        let key = b"\nMIIE\n------END RSA PRIVATE KEY----- and more";
        for by in 1..key.len() {
            assert_eq!(end_of(key, by), Some(key.len() - b" and more".len()));
        }
    }

    #[test]
    fn a_key_without_footer_ends_with_what_cannot_be_part_of_it() {
        assert_eq!(end_of(b"\nMIIE{", 2), Some(5));
        assert_eq!(end_of(b"\nMIIE-----END", 3), None);
    }

    #[test]
    fn a_footer_without_end_is_none() {
        let text = [b"-----END ".as_slice(), &[b'A'; 99]].concat();
        assert_eq!(end_of(&text, 7), None);
    }
}
