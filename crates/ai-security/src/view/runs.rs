//! Base64, Base32 and hexadecimal digits without spaces: long runs of their alphabets.

use std::ops::Range;

use super::cluster::has_stretch;
use super::{Sink, Source, ViewLimits, Views};
use crate::byte_table::byte_table;
use crate::inspection::ViewKind;

/// Shortest run looked at: twelve letters.
const SHORTEST: usize = 16;
/// Shortest line of Base64 that the next line may continue.
const SHORTEST_LINE: usize = 32;

byte_table! {
    /// Value of a digit of Base64 or Base64url, `OTHER` for what is none.
    VALUES: u8 = |byte| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => OTHER,
    }
}
const OTHER: u8 = 0xff;

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    if !has_stretch(source.text.as_bytes(), SHORTEST, |byte| {
        value(byte) != OTHER
    }) {
        return;
    }
    views.add(ViewKind::Base64, source, limits, |sink| {
        read_runs(sink, base64);
    });
    views.add(ViewKind::Base32, source, limits, |sink| {
        read_runs(sink, base32);
    });
    views.add(ViewKind::Hex, source, limits, |sink| {
        read_runs(sink, hex);
    });
}

/// What decodes a run into a buffer and says whether it is one of its encoding.
type Decode = fn(&[u8], &mut Vec<u8>) -> bool;

fn read_runs(sink: &mut Sink<'_>, decode: Decode) {
    let text = sink.source.text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while let Some(run) = next_run(text, at) {
        at = run.end;
        let Some(digits) = text.get(run.clone()) else {
            return;
        };
        decoded.clear();
        // Whole groups of every encoding: four, eight and two digits.
        let fits = (sink.room() / 8 + 1) * 16;
        let readable = digits.get(..fits).unwrap_or(digits);
        if decode(readable, &mut decoded) {
            sink.push_bytes(&decoded, run);
            sink.left_out += digits.len() - readable.len();
        }
    }
}

fn value(byte: u8) -> u8 {
    VALUES.get(usize::from(byte)).copied().unwrap_or(OTHER)
}

/// The next run from `at` on, lines of Base64 joined.
fn next_run(text: &[u8], at: usize) -> Option<Range<usize>> {
    let mut at = at;
    loop {
        let start = at
            + text
                .get(at..)?
                .iter()
                .position(|byte| value(*byte) != OTHER)?;
        let mut end = end_of_run(text, start);
        while end - start >= SHORTEST_LINE {
            let breaks = text.get(end..).unwrap_or_default();
            let breaks = breaks
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            let next = end_of_run(text, end + breaks);
            if !(1..=2).contains(&breaks) || next - end - breaks < 4 {
                break;
            }
            end = next;
        }
        if end - start >= SHORTEST {
            return Some(start..end);
        }
        at = end.max(at + 1);
    }
}

fn end_of_run(text: &[u8], start: usize) -> usize {
    let run = text.get(start..).unwrap_or_default();
    start + run.iter().take_while(|byte| value(**byte) != OTHER).count()
}

/// Base64 of text has capital and small letters.
fn base64(digits: &[u8], into: &mut Vec<u8>) -> bool {
    if !digits.iter().any(u8::is_ascii_uppercase) || !digits.iter().any(u8::is_ascii_lowercase) {
        return false;
    }
    let (mut bits, mut held) = (0_u32, 0_u32);
    for value in digits
        .iter()
        .map(|byte| value(*byte))
        .filter(|value| *value != OTHER)
    {
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            into.extend(u8::try_from((held >> bits) & 0xff));
            held &= (1 << bits) - 1;
        }
    }
    true
}

/// Base32 (RFC 4648, section 6), in capital letters.
fn base32(digits: &[u8], into: &mut Vec<u8>) -> bool {
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return false,
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            into.extend(u8::try_from((held >> bits) & 0xff));
            held &= (1 << bits) - 1;
        }
    }
    true
}

/// Hexadecimal digits come in pairs.
fn hex(digits: &[u8], into: &mut Vec<u8>) -> bool {
    let mut pairs = digits.chunks_exact(2);
    for pair in pairs.by_ref() {
        let &[high, low] = pair else {
            return false;
        };
        let (Some(high), Some(low)) = (nibble(high), nibble(low)) else {
            return false;
        };
        into.push(high << 4 | low);
    }
    pairs.remainder().is_empty()
}

/// The value of a hexadecimal digit.
pub(super) fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
