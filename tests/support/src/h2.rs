//! HTTP/2 as frames that a test chooses byte by byte (RFC 9113).

mod frame;
mod hpack;

use std::io;

pub use frame::{Frame, flag, kind};
pub use hpack::{literal, status};

use crate::Connection;
use crate::connection::is_silence;

/// What a client says first (section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How a conversation went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer ended the connection by GOAWAY with this error code, and closed it.
    GoAway(u32),
    /// The peer closed or reset the connection without a GOAWAY.
    Closed,
    /// The peer ended this stream by `RST_STREAM` with this error code.
    Reset(u32, u32),
    /// The peer answered this stream with this status.
    Status(u32, u16),
    /// The peer has seen everything, and answered the PING sent last.
    Answered,
    /// Nothing came for as long as a test waits.
    Silence,
}

/// A connection after the preface.
#[derive(Debug)]
pub struct Http2 {
    connection: Connection,
    /// Frames received so far.
    pub received: Vec<Frame>,
}

/// Marks the PING that [`Http2::settle`] sends.
const MARK: [u8; 8] = *b"settled?";

impl Http2 {
    /// Speaks the preface and sends settings that let no state grow on either side: no server
    /// push and no dynamic table, so that [`status`] can read replies.
    pub fn begin(mut connection: Connection) -> io::Result<Self> {
        connection.write(PREFACE)?;
        let mut started = Self::raw(connection);
        started.send(&[Frame::settings(&[(1, 0), (2, 0)])])?;
        Ok(started)
    }

    /// A connection on which nothing was said yet.
    pub const fn raw(connection: Connection) -> Self {
        Self {
            connection,
            received: Vec::new(),
        }
    }

    /// Sends these frames in one piece.
    pub fn send(&mut self, frames: &[Frame]) -> io::Result<()> {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        self.connection.write(&bytes)
    }

    /// Sends these bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.write(bytes)
    }

    /// Reads the next frame; `None` when the peer is gone. A peer that only falls silent is an
    /// error.
    pub fn receive(&mut self) -> io::Result<Option<Frame>> {
        match Frame::read(&mut self.connection) {
            Ok(frame) => {
                self.received.push(frame.clone());
                Ok(Some(frame))
            }
            Err(error) if is_silence(&error) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Reads until the peer has something to say about a request or the connection.
    pub fn ending(&mut self) -> Ending {
        loop {
            let frame = match self.receive() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ending::Closed,
                Err(_) => return Ending::Silence,
            };
            match frame.kind {
                kind::GOAWAY => return Ending::GoAway(frame.word(4)),
                kind::RST_STREAM => return Ending::Reset(frame.stream, frame.word(0)),
                kind::HEADERS => {
                    let status = status(&frame.payload).unwrap_or(0);
                    return Ending::Status(frame.stream, status);
                }
                kind::PING if frame.flags & flag::ACK != 0 && frame.payload == MARK => {
                    return Ending::Answered;
                }
                _ => {}
            }
        }
    }

    /// Sends a PING and reads until the peer has something to say, be it the answer to that: what
    /// was sent before has been read then.
    pub fn settle(&mut self) -> Ending {
        // A peer that is gone is what `ending` finds out.
        let _ = self.send(&[Frame::ping(MARK)]);
        self.ending()
    }

    /// Whether the peer still answers a PING, whatever else it says before.
    pub fn is_alive(&mut self) -> bool {
        if self.send(&[Frame::ping(MARK)]).is_err() {
            return false;
        }
        loop {
            match self.ending() {
                Ending::Answered => return true,
                Ending::GoAway(_) | Ending::Closed | Ending::Silence => return false,
                Ending::Reset(..) | Ending::Status(..) => {}
            }
        }
    }
}

/// The frame that opens stream `stream` with a GET of `path`, which ends the request.
pub fn get(stream: u32, authority: &str, path: &str, more: &[(&str, &str)]) -> Frame {
    let pseudo = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", authority),
        (":path", path),
    ];
    let fields: Vec<_> = pseudo.iter().chain(more).copied().collect();
    Frame::headers(
        stream,
        flag::END_STREAM | flag::END_HEADERS,
        &literal(&fields),
    )
}
