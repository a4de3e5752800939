//! Which HTTP a client speaks on a plain connection, told by its first bytes.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::progress::{Drain, Progress};

/// What HTTP/2 begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes read at a time: most first requests at once.
const CAPACITY: usize = 1024;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    /// The one settled by ALPN; clients that settle nothing speak HTTP/1.1.
    pub(super) fn settled(alpn: Option<&str>) -> Self {
        match alpn {
            Some("h2") => Self::Http2,
            _ => Self::Http1,
        }
    }
}

/// Waits for the first bytes, which come back with what they mean. `None` when the client sends
/// none: it leaves, or we do.
pub(super) async fn sniff(
    socket: &mut TcpStream,
    http2: bool,
    progress: &Progress,
) -> io::Result<Option<(Protocol, Bytes)>> {
    if !is_spoken_to(socket, progress).await {
        return Ok(None);
    }
    let mut seen = BytesMut::new();
    loop {
        seen.reserve(CAPACITY);
        if socket.read_buf(&mut seen).await? == 0 {
            break;
        }
        match judge(&seen) {
            None if http2 => {}
            Some(Protocol::Http2) if http2 => return Ok(Some((Protocol::Http2, seen.freeze()))),
            _ => break,
        }
    }
    let ahead = seen.freeze();
    Ok((!ahead.is_empty()).then_some((Protocol::Http1, ahead)))
}

/// What begins with `seen`, unless that does not tell yet.
fn judge(seen: &[u8]) -> Option<Protocol> {
    if seen.starts_with(PREFACE) {
        Some(Protocol::Http2)
    } else if PREFACE.starts_with(seen) {
        None
    } else {
        Some(Protocol::Http1)
    }
}

/// Waits without any buffer. `false` when we are to end first.
async fn is_spoken_to(socket: &TcpStream, progress: &Progress) -> bool {
    let mut readable = pin!(socket.readable());
    poll_fn(|cx| {
        // An error is met again by the read.
        if readable.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        match progress.pulse().drain() {
            Drain::Prompt => Poll::Ready(false),
            Drain::No | Drain::Patient => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_of_http_2_is_told_from_every_other_beginning() {
        for length in 0..PREFACE.len() {
            assert_eq!(judge(&PREFACE[..length]), None);
            let mut other = PREFACE[..length].to_vec();
            other.push(b'x');
            assert_eq!(judge(&other), Some(Protocol::Http1), "{length}");
        }
        assert_eq!(judge(PREFACE), Some(Protocol::Http2));
        assert_eq!(judge(b"POST / HTTP/1.1\r\n"), Some(Protocol::Http1));
    }
}
