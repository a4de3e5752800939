//! Internet addresses that belong to somebody: not private, local, reserved or of manuals, and no
//! versions of programs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::{ByteSet, Cursor, before};
use super::candidate::{Candidate, Finder, Found, Window};
use super::context::{Words, preceded_by};
use super::numbers::{DIGITS, NumberReader};

const HEX: ByteSet = ByteSet::empty()
    .range(b'0', b'9')
    .range(b'a', b'f')
    .range(b'A', b'F');
const V6: ByteSet = ByteSet::empty()
    .range(b'0', b'9')
    .range(b'a', b'f')
    .range(b'A', b'F')
    .all(b":.");
/// Longest text of an IPv6 address with an IPv4 tail.
const LONGEST_V6: usize = 45;

/// Finds addresses of version 4.
#[derive(Debug)]
pub(crate) struct HostsV4 {
    /// Place of their rule.
    pub(crate) rule: usize,
}

/// Finds addresses of version 6.
#[derive(Debug)]
pub(crate) struct HostsV6 {
    /// Place of their rule.
    pub(crate) rule: usize,
}

impl NumberReader for HostsV4 {
    fn read_at(&self, window: &Window<'_>, start: usize, found: &mut Found) {
        if begins(window.bytes, start) {
            self.read(window, start, found);
        }
    }
}

impl Finder for HostsV6 {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let bytes = window.bytes;
        let rest = bytes.get(window.from..).unwrap_or_default();
        for colon in memchr::memchr_iter(b':', rest) {
            if let Some(start) = group_before(bytes, window.from + colon) {
                self.read(window, start, found);
            }
        }
        if !window.complete
            && let Some(start) = group_before(bytes, bytes.len())
        {
            found.hold(start);
        }
    }
}

/// Where the group of hexadecimal digits begins that ends at `end`, if an address may begin there.
fn group_before(bytes: &[u8], end: usize) -> Option<usize> {
    let near = bytes.get(end.saturating_sub(5)..end)?;
    let group = HEX.run_back(near);
    let start = end - group;
    (group <= 4 && start < bytes.len() && begins(bytes, start)).then_some(start)
}

/// Whether no longer word, number or address is cut off before `at`.
fn begins(bytes: &[u8], at: usize) -> bool {
    before(bytes, at).is_none_or(|byte| !(byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte)))
        || is_label(bytes, at)
}

/// `ip:203.0.113.9`, but not the inside of `::1:2`.
fn is_label(bytes: &[u8], at: usize) -> bool {
    let second = at.checked_sub(2).and_then(|i| bytes.get(i)).copied();
    before(bytes, at) == Some(b':')
        && DIGITS.has(bytes.get(at).copied().unwrap_or(0))
        && second.is_some_and(|byte| byte.is_ascii_alphabetic() && !HEX.has(byte) || byte == b'"')
}

impl HostsV4 {
    fn read(&self, window: &Window<'_>, start: usize, found: &mut Found) {
        let mut cursor = Cursor::new(window.bytes, start);
        let read = quad(&mut cursor);
        if cursor.starved() && !window.complete {
            return found.hold(start);
        }
        let Some(address) = read.filter(|address| is_somebodys(IpAddr::V4(*address))) else {
            return;
        };
        let version = preceded_by(window.bytes, start, 32, Words::Version)
            || (address.octets().iter().all(|octet| *octet < 10)
                && !preceded_by(window.bytes, start, 48, Words::Host));
        if !version {
            found.push(Candidate::whole(self.rule, start..cursor.at()));
        }
    }
}

impl HostsV6 {
    fn read(&self, window: &Window<'_>, start: usize, found: &mut Found) {
        let rest = window.bytes.get(start..).unwrap_or_default();
        let near = rest
            .get(..rest.len().min(LONGEST_V6 + 1))
            .unwrap_or_default();
        let run = V6.run(near);
        if run == near.len() && near.len() <= LONGEST_V6 && !window.complete {
            return found.hold(start);
        }
        let run = near.get(..run).unwrap_or_default();
        let signs = run
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b'.' | b':'));
        let text = run.get(..run.len() - signs.count()).unwrap_or_default();
        let follows = near.get(text.len()).is_some_and(u8::is_ascii_alphanumeric);
        let address = std::str::from_utf8(text)
            .ok()
            .filter(|_| !follows && text.contains(&b':'))
            .and_then(|text| text.parse::<Ipv6Addr>().ok());
        if address.is_some_and(|it| is_somebodys(IpAddr::V6(it)) && is_no_path(text)) {
            found.push(Candidate::whole(self.rule, start..start + text.len()));
        }
    }
}

/// Reads four numbers below 256 with dots between them and nothing that goes on.
fn quad(cursor: &mut Cursor<'_>) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 && !cursor.eat(b'.') {
            return None;
        }
        let mut value = 0_u32;
        let mut count = 0;
        while count < 3 && cursor.sees(DIGITS) {
            let digit = cursor.peek().map_or(0, |byte| u32::from(byte - b'0'));
            if count > 0 && value == 0 {
                return None;
            }
            value = value * 10 + digit;
            count += 1;
            cursor.step();
        }
        *octet = u8::try_from(value).ok().filter(|_| count > 0)?;
    }
    let goes_on = cursor.ahead(|ahead| {
        ahead.sees(ByteSet::alphanumeric().with(b'_'))
            || ((ahead.eat(b'.') || ahead.eat(b'-')) && ahead.sees(ByteSet::alphanumeric()))
    });
    (!goes_on).then(|| Ipv4Addr::from(octets))
}

/// `a::b` is a path in several languages. Eight groups are not, nor are three with a digit.
fn is_no_path(text: &[u8]) -> bool {
    let groups = text
        .split(|byte| *byte == b':')
        .filter(|group| !group.is_empty());
    groups.count() >= 3 && text.iter().any(u8::is_ascii_digit)
}

/// Whether an address is one that only its holder has.
fn is_somebodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && matches!(b, 18 | 19);
            let protocols = a == 192 && b == 0 && c == 0;
            !(a == 0
                || a >= 240
                || shared
                || benchmark
                || protocols
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast())
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let mapped = v6.to_ipv4_mapped().map(IpAddr::V4);
            mapped.map_or_else(
                || {
                    let documentation = first == 0x2001 && second == 0xdb8 || first == 0x3fff;
                    let local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80;
                    let low = v6.to_bits() < 1 << 32;
                    !(low || documentation || local || v6.is_multicast())
                },
                is_somebodys,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_addresses_are_nobodys_and_their_neighbours_are_somebodys() {
        for (address, expected) in [
            ("10.0.0.1", false),
            ("11.0.0.1", true),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("192.169.1.1", true),
            ("127.0.0.1", false),
            ("128.0.0.1", true),
            ("169.254.1.1", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("192.0.2.7", false),
            ("192.0.3.7", true),
            ("198.51.100.7", false),
            ("203.0.113.7", false),
            ("203.0.114.7", true),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("2001:db8::1", false),
            ("2001:db9::1", true),
            ("::ffff:10.0.0.1", false),
            ("::ffff:11.0.0.1", true),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!(is_somebodys(parsed), expected, "{address}");
        }
    }
}
