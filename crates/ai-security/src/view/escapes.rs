//! Percent escapes, HTML character references, and escapes behind a backslash.

use super::runs::nibble;
use super::{Sink, Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Fewest escapes that are decoded.
const FEWEST: usize = 3;
/// Bytes of the text before the first escape that are read with it.
const LEAD: usize = 256;

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
        let bytes = source.text.as_bytes();
        if bytes
            .iter()
            .filter(|byte| **byte == sign)
            .take(FEWEST)
            .count()
            >= FEWEST
        {
            views.add(kind, source, limits, |sink| decode(sink, sign, escape));
        }
    }
}

/// The text from the first escape on, with all of them decoded, if there are enough.
fn decode(sink: &mut Sink<'_>, sign: u8, escape: Escape) {
    let text = sink.source.text;
    let bytes = text.as_bytes();
    let is_escape = |at: &usize| bytes.get(*at..).is_some_and(|rest| escape(rest).is_some());
    let mut places = (0..bytes.len())
        .filter(|at| bytes.get(*at) == Some(&sign))
        .filter(is_escape);
    let Some(first) = places.next() else {
        return;
    };
    if places.take(FEWEST - 1).count() < FEWEST - 1 {
        return;
    }
    let start = text.floor_char_boundary(first.saturating_sub(LEAD));
    let mut decoded = Vec::with_capacity(sink.room().min(bytes.len() - start));
    let mut at = start;
    while at < bytes.len() && decoded.len() < sink.room() {
        let rest = bytes.get(at..).unwrap_or_default();
        let unit = rest
            .first()
            .filter(|byte| **byte == sign)
            .and_then(|_| escape(rest));
        match unit {
            Some((Unit::Byte(byte), length)) => {
                decoded.push(byte);
                at += length;
            }
            Some((Unit::Char(c), length)) => {
                decoded.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            None => {
                decoded.extend(rest.first());
                at += 1;
            }
        }
    }
    sink.left_out += bytes.len().saturating_sub(at);
    let text = String::from_utf8_lossy(&decoded);
    sink.push(&text, start..at.min(bytes.len()));
}

fn percent(text: &[u8]) -> Option<(Unit, usize)> {
    let high = nibble(*text.get(1)?)?;
    Some((Unit::Byte(high << 4 | nibble(*text.get(2)?)?), 3))
}

/// Numeric references and the few names that stand for signs of ASCII (HTML, section 13.5).
fn reference(text: &[u8]) -> Option<(Unit, usize)> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(text.get(1..end)?).ok()?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let digits = name.strip_prefix('#')?;
            let hex = digits.strip_prefix(['x', 'X']);
            let number = match hex {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(number)?
        }
    };
    Some((Unit::Char(c), end + 1))
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
