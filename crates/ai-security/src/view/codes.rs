//! Text as a list of numbers: `49 67 6e`, `0x49,0x67`, `01001001 01100111`, `73 103 110`.

use std::ops::Range;

use super::cluster::has_stretch;
use super::{Source, ViewLimits, Views};
use crate::byte_table::byte_table;
use crate::inspection::ViewKind;

/// Fewest numbers in a row that are read as text.
const FEWEST: usize = 6;

/// Bytes of the shortest row: numbers of two digits and a sign between two.
const SHORTEST_ROW: usize = 3 * FEWEST - 1;

/// What stands between numbers; each is one byte.
const SIGNS: [char; 11] = [' ', ',', ';', ':', '\n', '\r', '\t', '[', ']', '"', '\''];

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let text = source.text.as_bytes();
    let is_part = |byte| !matches!(kind(byte), Kind::Other);
    if !has_stretch(text, SHORTEST_ROW, is_part) || !has_row(text) {
        return;
    }
    views.add(ViewKind::Binary, source, limits, |sink| {
        each_row(source.text, binary, |bytes, span| {
            sink.push_bytes(bytes, span);
        });
    });
    views.add(ViewKind::Hex, source, limits, |sink| {
        each_row(source.text, hex, |bytes, span| sink.push_bytes(bytes, span));
        each_row(source.text, decimal, |bytes, span| {
            sink.push_bytes(bytes, span);
        });
    });
}

/// Whether so many words stand in a row that may be numbers of some notation, at a glance.
fn has_row(text: &[u8]) -> bool {
    let (mut row, mut digits, mut is_number) = (0, 0, true);
    for byte in text {
        match kind(*byte) {
            Kind::Digit => digits += 1,
            Kind::Sign if digits > 0 || !is_number => {
                row = if is_number && (2..=8).contains(&digits) {
                    row + 1
                } else {
                    0
                };
                if row >= FEWEST {
                    return true;
                }
                (digits, is_number) = (0, true);
            }
            Kind::Sign => {}
            Kind::Other => is_number = false,
        }
    }
    is_number && (2..=8).contains(&digits) && row + 1 >= FEWEST
}

fn kind(byte: u8) -> Kind {
    KINDS.get(usize::from(byte)).copied().unwrap_or(Kind::Other)
}

/// What a byte may be in a row of numbers.
#[derive(Clone, Copy)]
enum Kind {
    /// A digit of some notation, or the `x` of `0x49`.
    Digit,
    Sign,
    Other,
}

byte_table!(KINDS: Kind = |byte| match byte {
    b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b'x' => Kind::Digit,
    _ if is_sign(byte) => Kind::Sign,
    _ => Kind::Other,
});

const fn is_sign(byte: u8) -> bool {
    let mut at = 0;
    while at < SIGNS.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
        if SIGNS[at] == byte as char {
            return true;
        }
        at += 1;
    }
    false
}

/// Shows each row of numbers of one notation, as bytes, with its place.
fn each_row(text: &str, read: fn(&str) -> Option<u8>, mut show: impl FnMut(&[u8], Range<usize>)) {
    let mut row = Vec::new();
    let (mut start, mut end) = (0, 0);
    let mut finish = |row: &mut Vec<u8>, span| {
        if row.len() >= FEWEST {
            show(row, span);
        }
        row.clear();
    };
    let mut next = 0;
    for number in text.split(SIGNS) {
        let at = next;
        next += number.len() + 1;
        if number.is_empty() {
            continue;
        }
        match read(number) {
            Some(byte) => {
                if row.is_empty() {
                    start = at;
                }
                row.push(byte);
                end = at + number.len();
            }
            None => finish(&mut row, start..end),
        }
    }
    finish(&mut row, start..end);
}

fn binary(number: &str) -> Option<u8> {
    let is_binary =
        (7..=8).contains(&number.len()) && number.bytes().all(|byte| matches!(byte, b'0' | b'1'));
    is_binary
        .then(|| u8::from_str_radix(number, 2).ok())
        .flatten()
}

fn hex(number: &str) -> Option<u8> {
    let digits = number.strip_prefix("0x").unwrap_or(number);
    let is_pair = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_pair
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

fn decimal(number: &str) -> Option<u8> {
    let is_short = (2..=3).contains(&number.len());
    let value = is_short.then(|| number.parse::<u8>().ok()).flatten();
    value.filter(|byte| matches!(byte, b'\n' | b' '..=b'~'))
}
