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
    let nibbles = number.to_be_bytes().into_iter();
    let text: Buffer = nibbles
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| match digit {
            0..=9 => b'0' + digit,
            _ => b'a' + (digit - 10),
        })
        .collect();
    finish(&text)
}

fn push_v4(text: &mut Buffer, address: Ipv4Addr) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push(b'.');
        }
        push_decimal(text, octet.into());
    }
}

fn push_decimal(text: &mut Buffer, number: u16) {
    const UNITS: [u16; 5] = [10_000, 1_000, 100, 10, 1];
    let leading = |unit: &u16| *unit > number && *unit > 1;
    for unit in UNITS.into_iter().skip_while(leading) {
        text.push(b'0' + u8::try_from(number / unit % 10).unwrap_or_default());
    }
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
