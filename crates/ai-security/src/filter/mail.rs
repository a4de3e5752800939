//! Addresses of electronic mail, as people write them: a part of RFC 5322.

use super::bytes::{ByteSet, before};
use super::candidate::{Candidate, Finder, Found, Window};

const LOCAL: ByteSet = ByteSet::alphanumeric().all(b"._%+'-");
const DOMAIN: ByteSet = ByteSet::alphanumeric().all(b".-");
/// RFC 5321: 64 bytes before the sign, 255 behind it.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// Ends of file names that look like domains: `icon@2x.png`.
const FILES: &[&[u8]] = &[
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"ico", b"css", b"js", b"ts", b"json",
    b"html", b"service", b"timer", b"socket",
];

/// Finds addresses.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl Finder for Addresses {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let bytes = window.bytes;
        let rest = bytes.get(window.from..).unwrap_or_default();
        for sign in memchr::memchr_iter(b'@', rest) {
            self.read(window, window.from + sign, found);
        }
        if !window.complete {
            let tail = bytes.get(window.from..).unwrap_or_default();
            let recent = tail.len().saturating_sub(LONGEST_LOCAL);
            let run = LOCAL.run_back(tail.get(recent..).unwrap_or_default());
            if run > 0 {
                found.hold(bytes.len() - run);
            }
        }
    }
}

impl Addresses {
    fn read(&self, window: &Window<'_>, sign: usize, found: &mut Found) {
        let bytes = window.bytes;
        let earliest = sign.saturating_sub(LONGEST_LOCAL);
        let local = LOCAL.run_back(bytes.get(earliest..sign).unwrap_or_default());
        let quotes = |byte: &&u8| matches!(**byte, b'.' | b'\'' | b'-' | b'%');
        let run = bytes.get(sign - local..sign).unwrap_or_default();
        let start = sign - local + run.iter().take_while(quotes).count();
        if start >= sign || before(bytes, sign) == Some(b'.') {
            return;
        }
        let latest = (sign + 1 + LONGEST_DOMAIN).min(bytes.len());
        let after = bytes.get(sign + 1..latest).unwrap_or_default();
        let domain = DOMAIN.run(after);
        if domain == after.len() && latest == bytes.len() && !window.complete {
            return found.hold(start);
        }
        let Some(domain) = host(after.get(..domain).unwrap_or_default()) else {
            return;
        };
        let next = bytes.get(sign + 1 + domain).copied();
        if !is_login(bytes, start, sign, next) {
            found.push(Candidate::whole(self.rule, start..sign + 1 + domain));
        }
    }
}

/// How much of `run` is a domain: labels and a last one of letters.
fn host(run: &[u8]) -> Option<usize> {
    let ends = run
        .iter()
        .rev()
        .take_while(|byte| !byte.is_ascii_alphanumeric());
    let keep = run.len() - ends.count();
    let domain = run.get(..keep)?;
    let mut labels = domain.split(|byte| *byte == b'.');
    let last = labels.next_back()?;
    let top =
        (last.len() >= 2 && last.iter().all(u8::is_ascii_alphabetic)) || last.starts_with(b"xn--");
    let mut others = labels.peekable();
    let named = others.peek().is_some()
        && others
            .all(|label| !label.is_empty() && label.len() <= 63 && label.first() != Some(&b'-'));
    let file = FILES.iter().any(|file| last.eq_ignore_ascii_case(file));
    (top && last.len() <= 24 && named && !file).then_some(keep)
}

/// Whether it names a login at a host: `https://user@host`, `git@host:path`.
fn is_login(bytes: &[u8], start: usize, sign: usize, next: Option<u8>) -> bool {
    let head = bytes
        .get(start.saturating_sub(3)..start)
        .unwrap_or_default();
    head.ends_with(b"://")
        || (bytes.get(start..sign) == Some(b"git") && matches!(next, Some(b':' | b'/')))
}
