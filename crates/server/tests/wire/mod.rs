//! Servers for tests, and HTTP/2 as bytes.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ztag_server::{Answer, Connections, LimitsSpec, Listen, Server, Shutdown};

/// A server that drains when dropped.
pub(crate) struct Running {
    server: Option<Server>,
    pub(crate) address: SocketAddr,
    pub(crate) connections: Connections,
    pub(crate) shutdown: Shutdown,
}

impl Running {
    pub(crate) fn start<A: Answer, F>(listen: &Listen, answer: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
    {
        let shutdown = Shutdown::new();
        let server = Server::start(listen, &shutdown, answer).unwrap();
        Self {
            address: server.address(),
            connections: server.connections(),
            shutdown,
            server: Some(server),
        }
    }

    /// Waits until the drain is over, which `shutdown` must have begun.
    pub(crate) fn join(mut self) {
        self.server.take().unwrap().join();
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        // So that a test that waits in vain fails.
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        client.set_nodelay(true).unwrap();
        client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.begin();
        if let Some(server) = self.server.take() {
            server.join();
        }
    }
}

/// A listener on a port of its own, with one worker.
pub(crate) fn listen(limits: &LimitsSpec) -> Listen {
    let limits = LimitsSpec {
        workers: 1,
        ..limits.clone()
    };
    Listen::plain("127.0.0.1:0".parse().unwrap(), limits)
}

/// What is said until the connection ends, however it does.
pub(crate) fn read_all(client: &mut impl Read) -> String {
    let mut said = Vec::new();
    let _ = client.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

/// A reply of HTTP/1.1 with `Content-Length`: its head in lower case, and its body.
pub(crate) fn read_reply(client: &mut impl Read) -> (String, String) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return (String::from_utf8_lossy(&head).into_owned(), String::new());
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const ACK: u8 = 1;

/// A frame as sent.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `GET PATH` at `a` as an HPACK block of literals.
pub(crate) fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (name, value) in [(0x04, path), (0x01, "a")] {
        block.extend([name, u8::try_from(value.len()).unwrap()]);
        block.extend(value.bytes());
    }
    block
}

/// A header field as a literal.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        block.push(u8::try_from(text.len()).unwrap());
        block.extend(text.bytes());
    }
    block
}

/// A frame as received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a `RST_STREAM`.
    pub(crate) fn reset_code(&self) -> u8 {
        self.payload[3]
    }

    /// The error code of a `GOAWAY`.
    pub(crate) fn goaway_code(&self) -> u8 {
        self.payload[7]
    }
}

/// A client of HTTP/2 that writes what it likes.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    /// Preface and empty settings are sent.
    pub(crate) fn connect(server: &Running) -> Self {
        let mut raw = Self(server.connect());
        raw.0
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        raw.send(SETTINGS, 0, 0, &[]).unwrap();
        raw
    }

    pub(crate) fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> io::Result<()> {
        self.0.write_all(&frame(kind, flags, stream, payload))
    }

    pub(crate) fn ask(&mut self, stream: u32, path: &str) -> io::Result<()> {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &get(path))
    }

    /// The next frame, until the connection ends. Settings and pings are answered on the way.
    pub(crate) fn receive(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let [kind, flags] = [head[3], head[4]];
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).ok()?;
            match (kind, flags & ACK) {
                (SETTINGS, 0) => self.send(SETTINGS, ACK, 0, &[]).ok()?,
                (PING, 0) => self.send(PING, ACK, 0, &payload).ok()?,
                (SETTINGS | PING, _) => {}
                _ => {
                    return Some(Frame {
                        kind,
                        flags,
                        stream,
                        payload,
                    });
                }
            }
        }
    }

    /// The next frame of `kind`.
    pub(crate) fn receive_kind(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.receive()?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }
}
