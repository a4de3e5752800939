//! One log line, as JSON or text. Whatever a client sent is escaped here and nowhere else.

use std::time::Duration;

use ztag_types::Timestamp;

use crate::spec::{LogFormat, LogLevel};
use crate::time::write_rfc3339;

/// Longest text of one field; what is longer is cut.
const MAX_TEXT: usize = 2_048;
const CUT: &str = "...";

/// Bytes of a usual line, reserved at once.
const USUAL_SIZE: usize = 640;

/// A key of ours with what stands around it, in both formats; made by [`key!`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) json: &'static str,
    pub(crate) text: &'static str,
}

/// A [`Key`] of a name that needs no escape.
macro_rules! key {
    ($name:literal) => {
        $crate::line::Key {
            json: concat!(",\"", $name, "\":"),
            text: concat!(" ", $name, "="),
        }
    };
}
pub(crate) use key;

/// A [`Key`] with its value, a word of our own that neither format quotes or escapes; several of
/// them are one piece of text.
macro_rules! fixed {
    ($($name:literal = $word:literal),+) => {
        $crate::line::Key {
            json: concat!($(",\"", $name, "\":\"", $word, "\""),+),
            text: concat!($(" ", $name, "=", $word),+),
        }
    };
}
pub(crate) use fixed;

/// A line being written. Callers use each key once.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    out: &'a mut Vec<u8>,
    format: LogFormat,
}

impl<'a> Line<'a> {
    /// Starts a line with what every line has.
    pub(crate) fn start(
        out: &'a mut Vec<u8>,
        format: LogFormat,
        at: Timestamp,
        level: LogLevel,
    ) -> Self {
        out.reserve(USUAL_SIZE);
        match format {
            LogFormat::Json => out.extend_from_slice(b"{\"ts\":\""),
            LogFormat::Text => out.extend_from_slice(b"ts="),
        }
        write_rfc3339(out, at);
        if format == LogFormat::Json {
            out.push(b'"');
        }
        let mut line = Self { out, format };
        line.fixed(match level {
            LogLevel::Error => fixed!("level" = "error", "component" = "ztag"),
            LogLevel::Warn => fixed!("level" = "warn", "component" = "ztag"),
            LogLevel::Info => fixed!("level" = "info", "component" = "ztag"),
            LogLevel::Debug => fixed!("level" = "debug", "component" = "ztag"),
        });
        line
    }

    /// What [`fixed!`] makes.
    pub(crate) fn fixed(&mut self, fixed: Key) {
        self.key(fixed);
    }

    /// A text of our own that needs no escape.
    pub(crate) fn word(&mut self, key: Key, word: &'static str) {
        self.key(key);
        if self.format == LogFormat::Json {
            self.out.push(b'"');
            self.out.extend_from_slice(word.as_bytes());
            self.out.push(b'"');
        } else {
            self.value(word);
        }
    }

    /// Any text.
    pub(crate) fn text(&mut self, key: Key, text: &str) {
        self.key(key);
        self.value(text);
    }

    /// A text, or nothing at all when it is empty.
    pub(crate) fn text_if_any(&mut self, key: Key, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    pub(crate) fn number(&mut self, key: Key, number: u64) {
        self.key(key);
        self.digits(number);
    }

    pub(crate) fn flag(&mut self, key: Key, flag: bool) {
        self.key(key);
        let word = if flag { "true" } else { "false" };
        self.out.extend_from_slice(word.as_bytes());
    }

    /// A length of time in milliseconds with three decimals.
    pub(crate) fn millis(&mut self, key: Key, duration: Duration) {
        self.key(key);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.digits(micros / 1_000);
        let rest = micros % 1_000;
        self.out
            .extend([b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
    }

    /// A list of our own words.
    pub(crate) fn words(&mut self, key: Key, words: &[&'static str]) {
        self.key(key);
        let (open, quote, close) = match self.format {
            LogFormat::Json => ("[", "\"", "]"),
            LogFormat::Text => ("", "", ""),
        };
        self.out.extend_from_slice(open.as_bytes());
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            for part in [quote, word, quote] {
                self.out.extend_from_slice(part.as_bytes());
            }
        }
        self.out.extend_from_slice(close.as_bytes());
    }

    /// A text under a key of somebody else.
    pub(crate) fn foreign_text(&mut self, key: &str, text: &str) {
        self.foreign_key(key);
        self.value(text);
    }

    /// A number or boolean, written already, under a key of somebody else.
    pub(crate) fn foreign_literal(&mut self, key: &str, literal: &str) {
        self.foreign_key(key);
        self.out.extend_from_slice(literal.as_bytes());
    }

    /// Ends the line.
    pub(crate) fn end(self) {
        match self.format {
            LogFormat::Json => self.out.extend_from_slice(b"}\n"),
            LogFormat::Text => self.out.push(b'\n'),
        }
    }

    fn key(&mut self, key: Key) {
        let shown = match self.format {
            LogFormat::Json => key.json,
            LogFormat::Text => key.text,
        };
        self.out.extend_from_slice(shown.as_bytes());
    }

    fn foreign_key(&mut self, key: &str) {
        match self.format {
            LogFormat::Json => {
                self.out.extend_from_slice(b",\"");
                escape(self.out, key);
                self.out.extend_from_slice(b"\":");
            }
            LogFormat::Text => {
                self.out.push(b' ');
                let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
                let shown = key.bytes().map(|byte| if safe(byte) { byte } else { b'_' });
                self.out.extend(shown);
                self.out.push(b'=');
            }
        }
    }

    fn value(&mut self, text: &str) {
        if self.format == LogFormat::Json && text.len() <= MAX_TEXT && is_clean(text) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return;
        }
        if self.format == LogFormat::Text && is_plain(text) {
            self.out.extend_from_slice(text.as_bytes());
            return;
        }
        self.out.push(b'"');
        let kept = text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or("");
        escape(self.out, kept);
        if kept.len() < text.len() {
            self.out.extend_from_slice(CUT.as_bytes());
        }
        self.out.push(b'"');
    }

    fn digits(&mut self, number: u64) {
        // As many as the greatest number has. From the end: dividing by ten is multiplying.
        let mut text = [0; 20];
        let mut rest = number;
        let mut from = text.len();
        for place in text.iter_mut().rev() {
            *place = digit(rest);
            rest /= 10;
            from -= 1;
            if rest == 0 {
                break;
            }
        }
        self.out
            .extend_from_slice(text.get(from..).unwrap_or_default());
    }
}

/// The last decimal digit of a number.
fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or(0)
}

/// Whether text format may show it without quotes.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"=\\".contains(&byte);
    !text.is_empty() && text.len() <= MAX_TEXT && text.bytes().all(plain)
}

/// Escapes as JSON does (RFC 8259, section 7), and also what JSON leaves alone but a terminal or a
/// line reader acts upon: DEL, the C1 controls, the line and paragraph separators, and the
/// characters that turn the direction of text.
fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_suspect) {
        let Some((clean, from)) = rest.split_at_checked(at) else {
            break;
        };
        out.extend_from_slice(clean.as_bytes());
        let mut chars = from.chars();
        if let Some(c) = chars.next() {
            escape_char(out, c);
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Whether nothing in `text` is to be escaped: most texts are clean to their end. Looks at eight
/// bytes at a time, twice at some of the last.
fn is_clean(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk() else {
        return !bytes.iter().copied().any(is_suspect);
    };
    let (chunks, _) = bytes.as_chunks();
    let found = chunks
        .iter()
        .fold(suspects(*last), |found, chunk| found | suspects(*chunk));
    found == 0
}

/// Not 0 where one of the bytes is a [suspect](is_suspect).
const fn suspects(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // In each byte below 0x80 the high bit is set where the byte is less than `limit`; borrows reach
    // further only from such a byte.
    const fn below(bytes: u64, limit: u64) -> u64 {
        bytes.wrapping_sub(limit * ONES) & !bytes
    }
    let bytes = u64::from_le_bytes(bytes);
    let quote = below(bytes ^ (0x22 * ONES), 1);
    let backslash = below(bytes ^ (0x5c * ONES), 1);
    let delete = below(bytes ^ (0x7f * ONES), 1);
    (bytes | below(bytes, 0x20) | quote | backslash | delete) & HIGH
}

/// Whether a byte stops the plain run: to be escaped, or the first of a character beyond ASCII.
/// Continuation bytes never come first, since whole characters are taken.
const fn is_suspect(byte: u8) -> bool {
    byte < 0x20 || byte >= 0x7f || byte == b'"' || byte == b'\\'
}

fn escape_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        c if needs_number(c) => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                let nibble = usize::try_from(u32::from(c) >> shift & 0xf).unwrap_or(0);
                out.push(HEX.get(nibble).copied().unwrap_or(b'0'));
            }
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

const fn needs_number(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(format: LogFormat, text: &str) -> String {
        let mut out = Vec::new();
        let at = Timestamp::from_seconds(0);
        let mut line = Line::start(&mut out, format, at, LogLevel::Info);
        line.text(key!("x"), text);
        line.end();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn json_gives_back_any_text(text in any::<String>()) {
            let line = written(LogFormat::Json, &text);
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(json["x"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn no_text_splits_a_line(text in any::<String>()) {
            for format in [LogFormat::Json, LogFormat::Text] {
                let line = written(format, &text);
                prop_assert_eq!(line.lines().count(), 1);
                prop_assert!(!line.trim_end_matches('\n').chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn eight_bytes_are_judged_as_each_of_them() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                for around in [b'a', b'!', b'#', b'[', b'~', b' '] {
                    let mut bytes = [around; 8];
                    bytes[at] = byte;
                    assert_eq!(suspects(bytes) != 0, is_suspect(byte), "{byte:#x} {at}");
                }
            }
        }
    }

    #[test]
    fn attack_59_cr_lf_cannot_forge_a_line() {
        let forged = "a\r\nts=1970 level=error msg=\"all is well\"";
        let line = written(LogFormat::Text, forged);
        let expected = r#"ts=1970-01-01T00:00:00.000Z level=info component=ztag x="a\r\nts=1970 level=error msg=\"all is well\"""#;
        assert_eq!(line.trim_end(), expected);
    }

    #[test]
    fn terminals_and_readers_are_not_fooled() {
        let line = written(LogFormat::Json, "\x1b[2J\u{9b}31m\u{2028}\u{202e}\u{7f}é");
        assert!(
            line.contains(r#""x":"\u001b[2J\u009b31m\u2028\u202e\u007fé""#),
            "{line}"
        );
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let line = written(LogFormat::Json, &"é".repeat(5_000));
        assert!(line.len() < MAX_TEXT + 100 && line.contains("é...\""));
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut out = Vec::new();
        let at = Timestamp::from_seconds(0);
        let mut line = Line::start(&mut out, LogFormat::Text, at, LogLevel::Debug);
        line.number(key!("zero"), 0);
        line.number(key!("most"), u64::MAX);
        line.millis(key!("took"), Duration::from_micros(12_345_067));
        line.millis(key!("none"), Duration::from_nanos(999));
        line.words(key!("kinds"), &["bearer", "basic"]);
        line.end();
        let text = String::from_utf8(out).unwrap();
        let expected =
            "zero=0 most=18446744073709551615 took=12345.067 none=0.000 kinds=bearer,basic\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
