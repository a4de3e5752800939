//! The path of a request target.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::error::Fault;

/// What a path may hold beyond the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    /// Whether `;` parameters are let through, as part of their segment.
    pub parameters: bool,
}

/// The canonical spelling of the absolute path `raw`, borrowed when it is that already.
///
/// Percent-encoded letters, digits, marks and sub-delimiters are decoded, because practically
/// every server reads them alike; what stays encoded is encoded in upper case. Refused are: dot
/// segments, empty segments, encoded or literal backslashes, encoded slashes, delimiters and
/// controls, double encoding, path parameters, bytes that no URI may hold (RFC 3986), and text
/// that is not UTF-8 when decoded.
pub fn path(raw: &str, rules: PathRules) -> Result<Cow<'_, str>, Fault> {
    if !raw.starts_with('/') {
        return Err(Fault::ambiguous("request target is not an absolute path"));
    }
    let canonical = if raw.bytes().all(|b| b == b'/' || is_plain(b)) {
        Cow::Borrowed(raw)
    } else {
        let decoded = decode(raw, rules)?;
        if decoded == raw {
            Cow::Borrowed(raw)
        } else {
            Cow::Owned(decoded)
        }
    };
    check_segments(&canonical)?;
    Ok(canonical)
}

/// Unreserved characters, sub-delimiters without `;`, `:` and `@`: a path segment's own.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'@')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'='
        )
}

fn decode(raw: &str, rules: PathRules) -> Result<String, Fault> {
    let mut canonical = String::with_capacity(raw.len());
    let mut rest = raw.bytes();
    let mut beyond_ascii = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let decoded = escaped(rest.next(), rest.next())?;
                beyond_ascii |= !decoded.is_ascii();
                push_escaped(&mut canonical, decoded)?;
            }
            b'/' => canonical.push('/'),
            b';' if rules.parameters => canonical.push(';'),
            plain if is_plain(plain) => canonical.push(char::from(plain)),
            odd => return Err(odd_byte(odd)),
        }
    }
    if beyond_ascii {
        check_text(raw)?;
    }
    if escapes_twice(&canonical) {
        return Err(Fault::ambiguous("double encoding in the path"));
    }
    Ok(canonical)
}

/// The byte that two hexadecimal digits stand for.
pub(super) fn escaped(high: Option<u8>, low: Option<u8>) -> Result<u8, Fault> {
    let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
    let value = digit(high)
        .zip(digit(low))
        .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
    value.ok_or(Fault::ambiguous("invalid percent-encoding"))
}

fn push_escaped(canonical: &mut String, byte: u8) -> Result<(), Fault> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    match byte {
        b'/' => Err(Fault::ambiguous("encoded slash in the path")),
        b'\\' => Err(Fault::ambiguous("encoded backslash in the path")),
        b'?' => Err(Fault::ambiguous("encoded question mark in the path")),
        b'#' => Err(Fault::ambiguous("encoded fragment in the path")),
        b';' => Err(Fault::ambiguous("encoded path parameter")),
        0 => Err(Fault::ambiguous("null byte in the path")),
        control if control.is_ascii_control() => {
            Err(Fault::ambiguous("control character in the path"))
        }
        plain if is_plain(plain) => {
            canonical.push(char::from(plain));
            Ok(())
        }
        other => {
            let hex = |nibble: u8| HEX.get(usize::from(nibble)).map_or('0', |b| char::from(*b));
            canonical.extend(['%', hex(other >> 4), hex(other & 15)]);
            Ok(())
        }
    }
}

fn odd_byte(byte: u8) -> Fault {
    Fault::ambiguous(match byte {
        b'\\' => "backslash in the path",
        b';' => "path parameter",
        b'#' => "fragment in the request target",
        control if control.is_ascii_control() => "control character in the path",
        _ => "the path holds a character that no URI may hold",
    })
}

fn check_text(raw: &str) -> Result<(), Fault> {
    let Ok(text) = percent_decode_str(raw).decode_utf8() else {
        return Err(Fault::ambiguous("the path is not UTF-8"));
    };
    if text.chars().any(char::is_control) {
        return Err(Fault::ambiguous("control character in the path"));
    }
    Ok(())
}

/// Whether a second decoding would find something to decode.
fn escapes_twice(canonical: &str) -> bool {
    let behind = canonical.split("%25").skip(1);
    behind.map(str::as_bytes).any(|text| {
        matches!(text, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

fn check_segments(canonical: &str) -> Result<(), Fault> {
    let mut segments = canonical
        .as_bytes()
        .split(|b| *b == b'/')
        .skip(1)
        .peekable();
    while let Some(segment) = segments.next() {
        match segment {
            [b'.'] | [b'.', b'.'] | [b'.', b';', ..] | [b'.', b'.', b';', ..] => {
                return Err(Fault::ambiguous("dot segment in the path"));
            }
            // A path may end in a slash.
            [] if segments.peek().is_none() => {}
            [] | [b';', ..] => return Err(Fault::ambiguous("empty segment in the path")),
            _ => {}
        }
    }
    Ok(())
}
