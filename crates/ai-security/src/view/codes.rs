//! Text as a list of numbers: `49 67 6e`, `0x49,0x67`, `01001001 01100111`, `73 103 110`.

use std::ops::Range;

use super::{Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Fewest numbers in a row that are read as text.
const FEWEST: usize = 6;

/// What stands between numbers; each is one byte.
const SIGNS: [char; 11] = [' ', ',', ';', ':', '\n', '\r', '\t', '[', ']', '"', '\''];

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let digits = source.text.bytes().filter(u8::is_ascii_digit);
    if digits.take(FEWEST).count() < FEWEST {
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
