//! The `Forwarded` header field (RFC 7239).

use std::net::IpAddr;

use smallvec::SmallVec;

use super::chain::{Chain, bracketed, is_port, push};
use crate::error::Fault;

const MALFORMED: Fault = Fault::forwarded("invalid forwarded chain");

/// Parameters of one element at the most; the standard defines four.
const MAX_PARAMETERS: usize = 8;

/// The `for` addresses of all elements of all lines of `Forwarded`.
///
/// An element without an address (`for` missing, `unknown`, obfuscated) breaks the chain and is
/// refused. Other parameters are checked for form and not believed.
pub fn forwarded<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Chain, Fault> {
    let mut chain = Chain::new();
    for line in lines {
        let mut rest = line;
        loop {
            let (address, behind) = element(rest)?;
            push(&mut chain, address)?;
            match behind {
                Some(behind) => rest = behind,
                None => break,
            }
        }
    }
    Ok(chain)
}

/// One element, and the text behind the comma that ends it.
fn element(text: &str) -> Result<(IpAddr, Option<&str>), Fault> {
    let mut seen: SmallVec<[&str; MAX_PARAMETERS]> = SmallVec::new();
    let mut address = None;
    let mut rest = text;
    loop {
        let (name, value) = rest.split_once('=').ok_or(MALFORMED)?;
        let name = name.trim_start_matches([' ', '\t']);
        let repeated = seen.iter().any(|other| other.eq_ignore_ascii_case(name));
        if !is_token(name) || repeated || seen.len() == MAX_PARAMETERS {
            return Err(MALFORMED);
        }
        seen.push(name);
        let (value, behind) = read_value(value)?;
        if name.eq_ignore_ascii_case("for") {
            address = Some(node(value)?);
        }
        let behind = behind.trim_start_matches([' ', '\t']);
        match behind.split_at_checked(1) {
            Some((";", next)) => rest = next,
            Some((",", next)) => return found(address, Some(next)),
            None => return found(address, None),
            Some(_) => return Err(MALFORMED),
        }
    }
}

fn found(address: Option<IpAddr>, rest: Option<&str>) -> Result<(IpAddr, Option<&str>), Fault> {
    let address = address.ok_or(Fault::forwarded("forwarded metadata missing for directive"))?;
    Ok((address, rest))
}

/// A value as written, and whether it stood in quotes.
#[derive(Clone, Copy)]
enum Written<'a> {
    Token(&'a str),
    Quoted(&'a str),
}

fn read_value(text: &str) -> Result<(Written<'_>, &str), Fault> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = quoted.bytes().position(|b| {
            let ends = b == b'"' && !escaped;
            escaped = b == b'\\' && !escaped;
            ends
        });
        let (value, behind) = end
            .and_then(|end| quoted.split_at_checked(end))
            .ok_or(MALFORMED)?;
        return Ok((
            Written::Quoted(value),
            behind.strip_prefix('"').ok_or(MALFORMED)?,
        ));
    }
    let end = text.bytes().position(|b| !is_token_byte(b));
    let (value, behind) = text
        .split_at_checked(end.unwrap_or(text.len()))
        .ok_or(MALFORMED)?;
    if value.is_empty() {
        return Err(MALFORMED);
    }
    Ok((Written::Token(value), behind))
}

/// The address of a `for` value. An address needs no escapes, so a value with one is none.
fn node(value: Written<'_>) -> Result<IpAddr, Fault> {
    let (Written::Token(text) | Written::Quoted(text)) = value;
    if text.starts_with('_') || text.eq_ignore_ascii_case("unknown") {
        return Err(Fault::forwarded("forwarded metadata missing for directive"));
    }
    let plain = || text.parse().ok().map(IpAddr::V4);
    let ported = || {
        let (address, port) = text.split_once(':')?;
        is_port(port).then(|| address.parse().ok().map(IpAddr::V4))?
    };
    match value {
        Written::Token(_) => plain(),
        Written::Quoted(_) => plain().or_else(ported).or_else(|| bracketed(text)),
    }
    .ok_or(MALFORMED)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// `tchar` of RFC 9110, section 5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_'
        )
        || matches!(byte, b'`' | b'|' | b'~')
}
