//! The host of a request.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use smol_str::SmolStr;

use crate::error::Fault;

/// A host as everybody must read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The name, lower case, without trailing dot; an IPv6 address in brackets, shortest form.
    pub name: SmolStr,
    /// The port, where one was given.
    pub port: Option<u16>,
}

const MAX_NAME: usize = 253;

const EMPTY_LABEL: Fault = Fault::ambiguous("host has an empty label");

/// Reads a `Host` value (RFC 9110, section 7.2): a name or address, and perhaps a port.
///
/// Refused are user information, lists, quotes, spaces, percent-encoding, empty labels, zone
/// identifiers, and addresses spelt in other ways than the usual one.
pub fn host(text: &str) -> Result<Host, Fault> {
    let (name, port) = name(text)?;
    let name = SmolStr::from(name);
    Ok(Host { name, port })
}

/// Name and port of a `Host` value; borrowed where it is canonical already.
pub(crate) fn name(text: &str) -> Result<(Cow<'_, str>, Option<u16>), Fault> {
    if let Some(inner) = text.strip_prefix('[') {
        return bracketed(inner);
    }
    let (name, digits) = match text.split_once(':') {
        Some((name, digits)) => (name, Some(digits)),
        None => (text, None),
    };
    Ok((domain(name)?, digits.map(port).transpose()?))
}

fn bracketed(inner: &str) -> Result<(Cow<'_, str>, Option<u16>), Fault> {
    const MALFORMED: Fault = Fault::ambiguous("host is malformed");
    let (address, rest) = inner.split_once(']').ok_or(MALFORMED)?;
    let address: Ipv6Addr = address
        .parse()
        .map_err(|_| Fault::ambiguous("host is not an IPv6 address"))?;
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(port(digits)?),
        None if rest.is_empty() => None,
        None => return Err(MALFORMED),
    };
    Ok((Cow::Owned(format!("[{address}]")), port))
}

impl Host {
    /// Whether both name the same server under `scheme`.
    pub(crate) fn equals(&self, other: &Self, scheme: &str) -> bool {
        let default = if scheme == "https" { 443 } else { 80 };
        self.name == other.name && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }
}

fn domain(text: &str) -> Result<Cow<'_, str>, Fault> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Fault::ambiguous("host is malformed"));
    }
    let (mut upper, mut before) = (false, b'.');
    for byte in name.bytes() {
        match byte {
            b'.' if before == b'.' => return Err(EMPTY_LABEL),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
            b'A'..=b'Z' => upper = true,
            _ => return Err(Fault::ambiguous("host is malformed")),
        }
        before = byte;
    }
    if before == b'.' {
        return Err(EMPTY_LABEL);
    }
    if looks_like_address(name) && name.parse::<Ipv4Addr>().is_err() {
        return Err(Fault::ambiguous("host is an address in an unusual form"));
    }
    Ok(if upper {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// Whether some reader takes the name for an IPv4 address: its last label is a number.
fn looks_like_address(name: &str) -> bool {
    let last = name.as_bytes().rsplit(|b| *b == b'.').next();
    match last.unwrap_or_default() {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

fn port(digits: &str) -> Result<u16, Fault> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    let parsed = if plain { digits.parse().ok() } else { None };
    parsed.ok_or(Fault::ambiguous("port of the host is malformed"))
}
