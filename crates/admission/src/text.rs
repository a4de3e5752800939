//! Numbers as text, without the general formatter: this is written for every request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use smallvec::SmallVec;
use smol_str::{SmolStr, ToSmolStr};

type Buffer = SmallVec<[u8; 32]>;

/// `192.0.2.1` or `2001:db8::1`.
pub(crate) fn address(address: IpAddr) -> SmolStr {
    match address {
        IpAddr::V4(address) => {
            let mut text = Buffer::new();
            push_v4(&mut text, address);
            finish(&text)
        }
        IpAddr::V6(address) => address.to_smolstr(),
    }
}

/// `192.0.2.1:80` or `[2001:db8::1]:80`.
pub(crate) fn socket(socket: SocketAddr) -> SmolStr {
    match socket {
        SocketAddr::V4(socket) => {
            let mut text = Buffer::new();
            push_v4(&mut text, *socket.ip());
            text.push(b':');
            push_decimal(&mut text, socket.port());
            finish(&text)
        }
        SocketAddr::V6(socket) => socket.to_smolstr(),
    }
}

/// 32 hexadecimal digits.
pub(crate) fn hex(number: u128) -> SmolStr {
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    finish(&text)
}

/// Without a branch, so that many digits are made at a time.
const fn digit(value: u8) -> u8 {
    b'0' + value + (value > 9) as u8 * (b'a' - b'0' - 10)
}

fn push_v4(text: &mut Buffer, address: Ipv4Addr) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push(b'.');
        }
        push_octet(text, octet);
    }
}

fn push_octet(text: &mut Buffer, octet: u8) {
    match octet {
        0..=9 => text.push(b'0' + octet),
        10..=99 => text.extend_from_slice(&[b'0' + octet / 10, b'0' + octet % 10]),
        _ => text.extend_from_slice(&[
            b'0' + octet / 100,
            b'0' + octet / 10 % 10,
            b'0' + octet % 10,
        ]),
    }
}

fn push_decimal(text: &mut Buffer, number: u16) {
    let digit = |number: u16| b'0' + u8::try_from(number % 10).unwrap_or_default();
    // Dividing by a number that is known is multiplying.
    if number >= 10_000 {
        text.push(digit(number / 10_000));
    }
    if number >= 1_000 {
        text.push(digit(number / 1_000));
    }
    if number >= 100 {
        text.push(digit(number / 100));
    }
    if number >= 10 {
        text.push(digit(number / 10));
    }
    text.push(digit(number));
}

/// The buffers hold ASCII only.
fn finish(text: &[u8]) -> SmolStr {
    std::str::from_utf8(text).map_or_else(|_| SmolStr::default(), SmolStr::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_what_the_formatter_writes(ip: IpAddr, port: u16, number: u128) {
            prop_assert_eq!(address(ip), ip.to_string());
            let peer = SocketAddr::new(ip, port);
            prop_assert_eq!(socket(peer), peer.to_string());
            prop_assert_eq!(hex(number), format!("{number:032x}"));
        }
    }
}
