//! As much of RFC 7541 as a test needs: fields written in full, and the status of a reply.

/// A block of these fields, each a literal with a new name that nobody remembers (section 6.2.2).
pub fn literal(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name.as_bytes());
        text(&mut block, value.as_bytes());
    }
    block
}

/// The status that a block begins with, where the encoder remembers nothing. Static table:
/// appendix A.
pub fn status(block: &[u8]) -> Option<u16> {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // Whoever has no table to fill says so first (section 6.3).
    let resized = block
        .iter()
        .take_while(|byte| **byte & 0xe0 == 0x20)
        .count();
    let mut rest = block.iter().copied().skip(resized);
    let first = rest.next()?;
    if first & 0x80 != 0 {
        let index = usize::from(first & 0x7f).checked_sub(8)?;
        return INDEXED.get(index).copied();
    }
    // A literal whose name is one of the entries `:status`.
    let index = if first & 0x40 == 0 {
        first & 0x0f
    } else {
        first & 0x3f
    };
    if !(8..=14).contains(&index) {
        return None;
    }
    let length = rest.next()?;
    let value: Vec<u8> = rest.take(usize::from(length & 0x7f)).collect();
    let digits = if length & 0x80 == 0 {
        value
    } else {
        digits(&value)
    };
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// A text without compression (section 5.2).
fn text(block: &mut Vec<u8>, bytes: &[u8]) {
    integer(block, bytes.len(), 127);
    block.extend(bytes);
}

/// An integer behind a prefix that holds numbers below `limit` (section 5.1).
fn integer(block: &mut Vec<u8>, value: usize, limit: u8) {
    let Some(mut rest) = value.checked_sub(usize::from(limit)) else {
        block.push(u8::try_from(value).unwrap_or(limit));
        return;
    };
    block.push(limit);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap_or(0) | 0x80);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap_or(0));
}

/// Digits in the code of appendix B: `0` to `2` take five bits, the others six.
fn digits(bytes: &[u8]) -> Vec<u8> {
    let mut bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut digits = Vec::new();
    while let Some(five) = (0..5).try_fold(0, |code, _| Some(code << 1 | bits.next()?)) {
        if five < 3 {
            digits.push(b'0' + five);
            continue;
        }
        match bits.next().map(|bit| five << 1 | bit) {
            Some(six @ 0x19..=0x1f) => digits.push(b'3' + six - 0x19),
            _ => break,
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_of_a_status() {
        for (block, expected) in [
            (&b"\x88"[..], Some(200)),
            (b"\x20\x8c", Some(400)),
            (b"\x48\x03401", Some(401)),
            // `302`, the example of appendix C.6.1.
            (b"\x48\x82\x64\x02", Some(302)),
            (b"\x08\x03503", Some(503)),
            (b"\x50\x00", None),
            (b"", None),
        ] {
            assert_eq!(status(block), expected, "{block:?}");
        }
    }

    #[test]
    fn writes_long_texts() {
        let block = literal(&[("a", &"b".repeat(1337 + 127))]);
        // The remainder 1337 is the example of appendix C.1.2.
        assert_eq!(block.get(..6), Some(&b"\0\x01a\x7f\xb9\x0a"[..]));
    }
}
