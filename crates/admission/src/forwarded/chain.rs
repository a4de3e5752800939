//! The chain of addresses that proxies put together, client first.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::error::Fault;

/// Addresses of a forwarding chain, client first; IPv4 also where IPv6 maps it.
pub type Chain = SmallVec<[IpAddr; 4]>;

/// Addresses of one chain at the most.
pub const MAX_HOPS: usize = 32;

/// Reads all lines of `X-Forwarded-For` as one list of addresses, each perhaps with a port.
pub fn x_forwarded_for<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Chain, Fault> {
    let mut chain = Chain::new();
    for element in lines.into_iter().flat_map(|line| line.split(',')) {
        let address = address(element.trim_matches([' ', '\t']))
            .ok_or(Fault::forwarded("invalid forwarded chain"))?;
        push(&mut chain, address)?;
    }
    Ok(chain)
}

pub(super) fn push(chain: &mut Chain, address: IpAddr) -> Result<(), Fault> {
    if chain.len() == MAX_HOPS {
        return Err(Fault::forwarded("forwarded chain is too long"));
    }
    chain.push(address.to_canonical());
    Ok(())
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if text.starts_with('[') {
        return bracketed(text);
    }
    let (address, digits) = text.split_once(':')?;
    is_port(digits).then(|| address.parse().map(IpAddr::V4).ok())?
}

/// `[2001:db8::1]`, perhaps with a port.
pub(super) fn bracketed(text: &str) -> Option<IpAddr> {
    let (address, rest) = text.strip_prefix('[')?.split_once(']')?;
    let ported = rest.strip_prefix(':').is_some_and(is_port);
    (rest.is_empty() || ported).then(|| address.parse().map(IpAddr::V6).ok())?
}

pub(super) fn is_port(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
}
