//! Frames of RFC 6455, as a client sends them and a server answers them.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Connection;

/// The answer of a server to a handshake with `key` (section 4.2.2).
pub(crate) fn accept_key(key: Option<&str>) -> String {
    let text = key.unwrap_or_default().to_owned() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// A text or other short frame of a client: opcode and payload, masked as section 5.3 demands.
pub fn masked_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x1f, 0x2e, 0x3d, 0x4c];
    let mut frame = head(opcode, payload.len(), 0x80);
    frame.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// Reads one frame: its opcode and its payload, unmasked.
pub fn read_frame(connection: &mut Connection) -> io::Result<(u8, Vec<u8>)> {
    let [first, second] = array(connection)?;
    let length = match second & 0x7f {
        126 => usize::from(u16::from_be_bytes(array(connection)?)),
        127 => return Err(io::ErrorKind::InvalidData.into()),
        short => usize::from(short),
    };
    let mask: [u8; 4] = if second & 0x80 == 0 {
        [0; 4]
    } else {
        array(connection)?
    };
    let payload = connection.bytes(length)?;
    let unmasked = payload.iter().zip(mask.iter().cycle());
    Ok((
        first & 0x0f,
        unmasked.map(|(byte, mask)| byte ^ mask).collect(),
    ))
}

fn head(opcode: u8, length: usize, mask: u8) -> Vec<u8> {
    let first = 0x80 | opcode;
    match u8::try_from(length) {
        Ok(short) if short < 126 => vec![first, mask | short],
        _ => {
            let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            vec![first, mask | 0x7e, high, low]
        }
    }
}

fn array<const N: usize>(connection: &mut Connection) -> io::Result<[u8; N]> {
    let bytes = connection.bytes(N)?;
    bytes
        .try_into()
        .map_err(|_| io::ErrorKind::UnexpectedEof.into())
}
