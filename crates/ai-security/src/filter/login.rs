//! Passwords in addresses: `scheme://user:password@host`, RFC 3986 section 3.2.1.

use super::bytes::{ByteSet, Cursor};
use super::candidate::{Candidate, Finder, Found, Window};
use super::placeholder;

const SCHEME: ByteSet = ByteSet::alphanumeric().all(b"+.-");
const LONGEST_SCHEME: usize = 24;
const LONGEST_USER: usize = 128;
const LONGEST_PASSWORD: usize = 512;
const LONGEST_HOST: usize = 255;
const SPACES: ByteSet = ByteSet::empty().range(0, 0x20).all(b"\"'`<>\\");
const HOST: ByteSet = ByteSet::alphanumeric().all(b".-_[]:%{}$");

/// Finds addresses with a password in them; only the password is hidden.
#[derive(Debug)]
pub(crate) struct Logins {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl Finder for Logins {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let bytes = window.bytes;
        let rest = bytes.get(window.from..).unwrap_or_default();
        for colon in memchr::memchr_iter(b':', rest) {
            self.read(window, window.from + colon, found);
        }
        if !window.complete {
            let recent = bytes.len().saturating_sub(LONGEST_SCHEME);
            let run = SCHEME.run_back(bytes.get(recent..).unwrap_or_default());
            if run > 0 {
                found.hold(bytes.len() - run);
            }
        }
    }
}

impl Logins {
    /// Reads the address whose scheme ends at `colon`.
    fn read(&self, window: &Window<'_>, colon: usize, found: &mut Found) {
        let bytes = window.bytes;
        let recent = colon.saturating_sub(LONGEST_SCHEME);
        let scheme = SCHEME.run_back(bytes.get(recent..colon).unwrap_or_default());
        let start = colon - scheme;
        if scheme < 2 {
            return;
        }
        let mut cursor = Cursor::new(bytes, colon);
        let password = cursor
            .eat_all(b"://")
            .then(|| password(&mut cursor))
            .flatten();
        if cursor.starved() && !window.complete {
            return found.hold(start);
        }
        let Some(secret) = password else {
            return;
        };
        let value = bytes.get(secret.clone()).unwrap_or_default();
        if !is_gap(value) {
            found.push(Candidate {
                anchor: start,
                span: start..cursor.at(),
                secret,
                rule: self.rule,
                latch: None,
            });
        }
    }
}

/// Reads `user:password@host` and returns where the password stands. It ends at the last `@` before
/// the host, so that passwords may hold that sign, too.
fn password(cursor: &mut Cursor<'_>) -> Option<std::ops::Range<usize>> {
    let from = cursor.at();
    let user = |byte: u8| !SPACES.has(byte) && !matches!(byte, b':' | b'@' | b'/' | b'?' | b'#');
    while cursor.peek().is_some_and(user) && cursor.at() - from < LONGEST_USER {
        cursor.step();
    }
    if !cursor.eat(b':') {
        return None;
    }
    let start = cursor.at();
    let inside = |byte: u8| !SPACES.has(byte) && !matches!(byte, b'/' | b'?' | b'#');
    let mut end = None;
    while let Some(byte) = cursor.peek().filter(|byte| inside(*byte)) {
        if cursor.at() - start > LONGEST_PASSWORD {
            break;
        }
        if byte == b'@' && cursor.at() > start {
            end = Some(cursor.at());
        }
        cursor.step();
    }
    let end = end?;
    let mut host = Cursor::new(cursor.text(), end + 1);
    host.run(HOST, LONGEST_HOST);
    cursor.starve_with(&host);
    let tail = cursor.text().get(end + 1..host.at()).unwrap_or_default();
    let signs = tail
        .iter()
        .rev()
        .take_while(|byte| !byte.is_ascii_alphanumeric() && **byte != b']');
    cursor.go(host.at() - signs.count());
    (cursor.at() > end + 1).then_some(start..end)
}

/// Whether nothing secret stands there: `https://user:password@host`, `${PASS}`.
fn is_gap(value: &[u8]) -> bool {
    let words: [&[u8]; 12] = [
        b"password",
        b"pass",
        b"passwd",
        b"pwd",
        b"secret",
        b"token",
        b"pw",
        b"xxx",
        b"changeme",
        b"x-oauth-basic",
        b"your_password",
        b"yourpassword",
    ];
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
        || placeholder::has_mark(value)
        || (value.first() == Some(&b'$') && value.get(1..).is_some_and(is_variable))
        || value
            .iter()
            .all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.'))
}

fn is_variable(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_let_go_and_what_resembles_them_is_not() {
        for (value, expected) in [
            ("password", true),
            ("password1", false),
            ("$DB_PASS", true),
            ("$DbPass9", false),
            ("{password}", true),
            ("xxxx", true),
            ("xxxxy", false),
            ("p4ss", false),
        ] {
            assert_eq!(is_gap(value.as_bytes()), expected, "{value}");
        }
    }
}
