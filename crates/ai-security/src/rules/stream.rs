//! The text as rules read it: runs of blanks and of signs between words are one space.

use crate::byte_table::byte_table;

byte_table! {
    /// What each byte is read as.
    READ: u8 = |byte| match byte {
        0..=b' ' | 0x7f | b'*' | b'_' | b'"' | b'\'' | b'`' | b',' | b'-' => b' ',
        _ => byte,
    }
}

/// What `byte` is read as: a space for blanks and for signs such as `*` and `-`.
pub(super) fn read(byte: u8) -> u8 {
    READ.get(usize::from(byte)).copied().unwrap_or(byte)
}

/// A word or phrase of a rule, already folded, as it appears in the stream.
pub(super) fn squeeze(folded: &str) -> String {
    let mut words = String::with_capacity(folded.len());
    for c in folded.chars() {
        let byte = u8::try_from(c).ok().filter(u8::is_ascii);
        let c = byte.map_or(c, |byte| char::from(read(byte)));
        if c != ' ' || !(words.is_empty() || words.ends_with(' ')) {
            words.push(c);
        }
    }
    words.truncate(words.trim_end().len());
    words
}

/// Whether a blank or such a sign stands at `at`.
pub(super) fn is_space(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| read(*byte) == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_squeezed() {
        for (written, read) in [
            ("do  anything\nnow", "do anything now"),
            (" don't tell ", "don t tell"),
            ("send_email", "send email"),
            ("<|im_start|>", "<|im start|>"),
            ("--- é ---", "é"),
        ] {
            assert_eq!(squeeze(written), read);
        }
        assert!(is_space(b"a-b", 1) && !is_space(b"a-b", 2) && !is_space(b"a-b", 3));
    }
}
