//! The PROXY protocol, versions 1 and 2: a balancer says for whom it connects.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::spec::ProxyProtocolSpec;

/// What a header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of the longest line of version 1, its end included.
const LONGEST_LINE: usize = 107;
/// Bytes of the longest header of version 2, extensions included.
const LONGEST_HEADER: usize = 536;
/// Shorter prefixes would let a large part of the world announce addresses.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 16;

/// Who must announce for whom they connect.
#[derive(Clone, Debug)]
pub struct ProxyProtocol {
    from: Box<[IpNet]>,
}

impl ProxyProtocol {
    /// Compiles `spec`, standing at `at`. `None` when something is wrong, with findings.
    pub fn compile(
        spec: &ProxyProtocolSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let at = at.key("from");
        if spec.from.is_empty() {
            let message = "the PROXY protocol needs the networks of its balancers";
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
            return None;
        }
        let networks = spec.from.iter().enumerate();
        let networks: Vec<_> = networks
            .map(|(index, text)| findings.keep(network(text, &at.index(index))))
            .collect();
        let from = networks.into_iter().collect::<Option<_>>()?;
        Some(Self { from })
    }

    /// Whether the other end of a connection is a balancer.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.from.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str, at: &ConfigPath) -> Result<IpNet, Diagnostic> {
    let parsed = text.parse::<IpAddr>().map(IpNet::from);
    let network: IpNet = parsed.or_else(|_| text.parse()).map_err(|_| {
        let message = format!("`{text}` is not an address or network");
        Diagnostic::error(Code::InvalidValue, at, message)
            .hint("write `192.0.2.1`, `10.0.0.0/8` or `fd00::/8`")
    })?;
    let shortest = match network {
        IpNet::V4(_) => SHORTEST_V4,
        IpNet::V6(_) => SHORTEST_V6,
    };
    if network.prefix_len() < shortest {
        let message = format!("`{text}` lets a large part of all addresses announce others");
        return Err(Diagnostic::error(Code::Unsafe, at, message)
            .hint("name the networks of the balancers themselves"));
    }
    Ok(network.trunc())
}

/// For whom a balancer connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// For itself, or for somebody it cannot name.
    Itself,
    /// For a client.
    Client {
        source: SocketAddr,
        destination: SocketAddr,
    },
}

/// Reads a header of either version and not a byte more.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Announced> {
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        read_binary(stream).await
    } else if start.starts_with(b"PROXY ") {
        read_line(stream, &start).await
    } else {
        Err(malformed("no PROXY header"))
    }
}

/// Version 1 is read byte by byte: it tells its length only by its end.
async fn read_line<S: AsyncRead + Unpin>(stream: &mut S, start: &[u8]) -> io::Result<Announced> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(malformed("PROXY line too long"));
        }
        line.push(stream.read_u8().await?);
    }
    parse_line(&line).ok_or_else(|| malformed("malformed PROXY line"))
}

fn parse_line(line: &[u8]) -> Option<Announced> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let mut words = line.split(' ');
    (words.next() == Some("PROXY")).then_some(())?;
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Announced::Itself);
    }
    let mut address = || words.next()?.parse::<IpAddr>().ok();
    let (source, destination) = (address()?, address()?);
    let mut port = || words.next().and_then(decimal);
    let announced = Announced::Client {
        source: SocketAddr::new(source, port()?),
        destination: SocketAddr::new(destination, port()?),
    };
    let fits = match family {
        "TCP4" => source.is_ipv4() && destination.is_ipv4(),
        "TCP6" => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    (fits && words.next().is_none()).then_some(announced)
}

/// A port in decimal, without a sign or leading zeros.
fn decimal(text: &str) -> Option<u16> {
    let plain = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    text.parse().ok().filter(|_| plain)
}

async fn read_binary<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Announced> {
    let [command, family, high, low] = {
        let mut rest = [0; 4];
        stream.read_exact(&mut rest).await?;
        rest
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_HEADER - 16 {
        return Err(malformed("PROXY header too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    parse_binary(command, family, &body).ok_or_else(|| malformed("malformed PROXY header"))
}

/// Addresses come first in `body`; the extensions behind them are skipped.
fn parse_binary(command: u8, family: u8, body: &[u8]) -> Option<Announced> {
    match (command, family) {
        // The balancer speaks for itself, or carries what has no address.
        (0x20, _) | (0x21, 0x00) => Some(Announced::Itself),
        (0x21, 0x11) => addresses(body, |bytes: [u8; 4]| Ipv4Addr::from(bytes).into()),
        (0x21, 0x21) => addresses(body, |bytes: [u8; 16]| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

fn addresses<const N: usize>(body: &[u8], address: fn([u8; N]) -> IpAddr) -> Option<Announced> {
    let (source, rest) = body.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk::<2>()?;
    let destination_port = rest.first_chunk::<2>()?;
    Some(Announced::Client {
        source: SocketAddr::new(address(*source), u16::from_be_bytes(*source_port)),
        destination: SocketAddr::new(address(*destination), u16::from_be_bytes(*destination_port)),
    })
}

fn malformed(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests;
