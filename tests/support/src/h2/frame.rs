//! Frames (RFC 9113, section 4.1).

use std::io;

use crate::Connection;

/// Kinds of frames (section 6).
pub mod kind {
    /// Carries a body.
    pub const DATA: u8 = 0;
    /// Opens a stream.
    pub const HEADERS: u8 = 1;
    /// Deprecated, and ignored.
    pub const PRIORITY: u8 = 2;
    /// Ends a stream at once.
    pub const RST_STREAM: u8 = 3;
    /// Parameters of the connection.
    pub const SETTINGS: u8 = 4;
    /// Only servers send it.
    pub const PUSH_PROMISE: u8 = 5;
    /// Is answered by its like.
    pub const PING: u8 = 6;
    /// Ends the connection.
    pub const GOAWAY: u8 = 7;
    /// Lets the peer send more.
    pub const WINDOW_UPDATE: u8 = 8;
    /// Goes on with a block of fields.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    /// SETTINGS or PING: an answer.
    pub const ACK: u8 = 0x1;
    /// DATA or HEADERS: the last of the stream.
    pub const END_STREAM: u8 = 0x1;
    /// HEADERS or CONTINUATION: the last of the block.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA or HEADERS: padding follows.
    pub const PADDED: u8 = 0x8;
    /// HEADERS: a priority stands before the block.
    pub const PRIORITY: u8 = 0x20;
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame of any kind.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            flags,
            stream,
            payload: payload.into(),
        }
    }

    /// SETTINGS with these parameters.
    pub fn settings(parameters: &[(u16, u32)]) -> Self {
        let encode =
            |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let payload: Vec<u8> = parameters.iter().flat_map(encode).collect();
        Self::new(kind::SETTINGS, 0, 0, payload)
    }

    /// HEADERS with this block.
    pub fn headers(stream: u32, flags: u8, block: &[u8]) -> Self {
        Self::new(kind::HEADERS, flags, stream, block)
    }

    /// CONTINUATION with this piece of a block.
    pub fn continuation(stream: u32, flags: u8, block: &[u8]) -> Self {
        Self::new(kind::CONTINUATION, flags, stream, block)
    }

    /// DATA.
    pub fn data(stream: u32, flags: u8, bytes: &[u8]) -> Self {
        Self::new(kind::DATA, flags, stream, bytes)
    }

    /// `RST_STREAM` with this error code.
    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(kind::RST_STREAM, 0, stream, code.to_be_bytes())
    }

    /// PING.
    pub fn ping(mark: [u8; 8]) -> Self {
        Self::new(kind::PING, 0, 0, mark)
    }

    /// `WINDOW_UPDATE`; stream 0 is the connection.
    pub fn window_update(stream: u32, increment: u32) -> Self {
        Self::new(kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
    }

    /// PRIORITY that depends on `on`.
    pub fn priority(stream: u32, on: u32) -> Self {
        let payload = [&on.to_be_bytes()[..], &[16]].concat();
        Self::new(kind::PRIORITY, 0, stream, payload)
    }

    /// GOAWAY with this error code.
    pub fn go_away(last: u32, code: u32) -> Self {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        Self::new(kind::GOAWAY, 0, 0, payload)
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let [_, high, middle, low] = length.to_be_bytes();
        let mut bytes = vec![high, middle, low, self.kind, self.flags];
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// Reads one.
    pub(super) fn read(connection: &mut Connection) -> io::Result<Self> {
        let head = connection.bytes(9)?;
        let byte = |at: usize| head.get(at).copied().unwrap_or(0);
        let length = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        let stream = u32::from_be_bytes([byte(5) & 0x7f, byte(6), byte(7), byte(8)]);
        let payload = connection.bytes(usize::try_from(length).unwrap_or(0))?;
        Ok(Self::new(byte(3), byte(4), stream, payload))
    }

    /// The four bytes of the payload at `at` as a number; 0 when there are none.
    pub(super) fn word(&self, at: usize) -> u32 {
        let bytes = self.payload.get(at..at + 4);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        u32::from_be_bytes(bytes.unwrap_or_default())
    }
}
