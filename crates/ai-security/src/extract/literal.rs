//! Strings of JSON, RFC 8259 section 7: with escapes and without.

use std::borrow::Cow;

/// What `raw`, the inside of a string, says. `None` if it is no inside of a string, or half a pair of
/// surrogates stands in it.
pub(crate) fn read(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?;
    if !raw.contains(&b'\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let (c, tail) = escape(after)?;
        out.push(c);
        rest = tail;
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

/// Reads what follows a backslash.
fn escape(after: &str) -> Option<(char, &str)> {
    let mut chars = after.chars();
    let plain = match chars.next()? {
        c @ ('"' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(chars.as_str()),
        _ => return None,
    };
    Some((plain, chars.as_str()))
}

fn unicode(digits: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(digits)?;
    if !(0xd800..0xe000).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    let high = first.checked_sub(0xd800).filter(|high| *high < 0x400)?;
    Some((char::from_u32(0x1_0000 + (high << 10) + low)?, rest))
}

fn unit(digits: &str) -> Option<(u32, &str)> {
    let (head, rest) = digits.split_at_checked(4)?;
    let hexadecimal = head.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = u32::from_str_radix(head, 16).ok()?;
    hexadecimal.then_some((unit, rest))
}

/// Appends the inside of a string that says `text`.
pub(crate) fn write(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_and_halves_refused() {
        for (raw, expected) in [
            (r"plain", Some("plain")),
            (r#"a\"b\\c\/d\b\f\n\r\t"#, Some("a\"b\\c/d\u{8}\u{c}\n\r\t")),
            (r"\u0041\u00e9\u20AC", Some("A\u{e9}\u{20ac}")),
            (r"\ud83d\ude00", Some("\u{1f600}")),
            (r"\ud83d", None),
            (r"\ude00", None),
            (r"\ud83d\u0041", None),
            (r"\x41", None),
            (r"\u00g0", None),
            (r"\u+041", None),
            (r"\", None),
        ] {
            assert_eq!(read(raw.as_bytes()).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["", "a\"b\\c", "\u{0}\u{1f}\n\t", "\u{1f600}\u{2028}"] {
            let mut raw = Vec::new();
            write(text, &mut raw);
            assert_eq!(read(&raw).as_deref(), Some(text));
            let whole = [b"\"", raw.as_slice(), b"\""].concat();
            assert_eq!(serde_json::from_slice::<String>(&whole).unwrap(), text);
        }
    }
}
