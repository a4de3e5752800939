//! Headers of the PROXY protocol, which a proxy writes before the bytes of its client.

use std::net::SocketAddrV4;

/// The header of version 1: a line of text.
pub fn proxy_v1(client: SocketAddrV4, server: SocketAddrV4) -> Vec<u8> {
    let (from, to) = (client.ip(), server.ip());
    let (from_port, to_port) = (client.port(), server.port());
    format!("PROXY TCP4 {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

/// The header of version 2: binary, over TCP and IPv4, with `extras` as they are behind the
/// addresses.
pub fn proxy_v2(client: SocketAddrV4, server: SocketAddrV4, extras: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    let length = u16::try_from(12 + extras.len()).unwrap_or(u16::MAX);
    header.extend(length.to_be_bytes());
    header.extend(client.ip().octets());
    header.extend(server.ip().octets());
    header.extend(client.port().to_be_bytes());
    header.extend(server.port().to_be_bytes());
    header.extend(extras);
    header
}
