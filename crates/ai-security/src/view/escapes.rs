//! Percent escapes, HTML character references, and escapes behind a backslash.

use memchr::memchr_iter;

use super::cluster::each_cluster;
use super::runs::nibble;
use super::{Sink, Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Fewest escapes that are decoded.
const FEWEST: usize = 3;
/// How far apart escapes of one text stand, in bytes; as much is read around them.
const REACH: usize = 64;

/// Decodes the escape that a text begins with: the byte or character, and its length.
type Escape = fn(&[u8]) -> Option<(Unit, usize)>;

enum Unit {
    Byte(u8),
    Char(char),
}

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let kinds: [(ViewKind, u8, Escape); 3] = [
        (ViewKind::Percent, b'%', percent),
        (ViewKind::Html, b'&', reference),
        (ViewKind::Escapes, b'\\', backslash),
    ];
    for (kind, sign, escape) in kinds {
        let mut signs = memchr_iter(sign, source.text.as_bytes());
        if signs.nth(FEWEST - 1).is_some() {
            views.add(kind, source, limits, |sink| decode(sink, sign, escape));
        }
    }
}

/// Every stretch of the text with enough escapes, decoded.
fn decode(sink: &mut Sink<'_>, sign: u8, escape: Escape) {
    let text = sink.source.text;
    let bytes = text.as_bytes();
    let signs = memchr_iter(sign, bytes);
    let marks = signs.filter_map(|at| Some(at..at + escape(bytes.get(at..)?)?.1));
    each_cluster(text, marks, (REACH, FEWEST), |span| {
        let part = bytes.get(span.clone()).unwrap_or_default();
        let decoded = decoded(part, sign, escape);
        sink.push(&String::from_utf8_lossy(&decoded), span);
    });
}

fn decoded(bytes: &[u8], sign: u8, escape: Escape) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let is_sign = rest.first() == Some(&sign);
        at += match is_sign.then(|| escape(rest)).flatten() {
            Some((Unit::Byte(byte), length)) => {
                decoded.push(byte);
                length
            }
            Some((Unit::Char(c), length)) => {
                decoded.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                length
            }
            None => {
                decoded.extend(rest.first());
                1
            }
        };
    }
    decoded
}

fn percent(text: &[u8]) -> Option<(Unit, usize)> {
    let high = nibble(*text.get(1)?)?;
    Some((Unit::Byte(high << 4 | nibble(*text.get(2)?)?), 3))
}

/// Numeric references (HTML, section 13.5). Those by name hide no letter of ASCII.
fn reference(text: &[u8]) -> Option<(Unit, usize)> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let digits = std::str::from_utf8(text.get(2..end)?).ok()?;
    if text.get(1) != Some(&b'#') {
        return None;
    }
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some((Unit::Char(char::from_u32(number)?), end + 1))
}

/// `\x41`, `\u0041`, `\u{41}` and `\U00000041`.
fn backslash(text: &[u8]) -> Option<(Unit, usize)> {
    let hex = |from: usize, length: usize| {
        let digits = std::str::from_utf8(text.get(from..from + length)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let c = |number: u32| char::from_u32(number).map(Unit::Char);
    match *text.get(1)? {
        b'x' => Some((Unit::Byte(u8::try_from(hex(2, 2)?).ok()?), 4)),
        b'u' if text.get(2) == Some(&b'{') => {
            let length = text
                .get(3..)?
                .iter()
                .take(7)
                .position(|byte| *byte == b'}')?;
            Some((c(hex(3, length)?)?, length + 4))
        }
        b'u' => Some((c(hex(2, 4)?)?, 6)),
        b'U' => Some((c(hex(2, 8)?)?, 10)),
        _ => None,
    }
}
