//! A gateway between raw sockets: what a client writes, what an upstream reads, and back.
#![cfg(test)]

mod bodies;
mod credentials;
mod failures;
mod fields;
mod filter;
mod framing;
mod gate;
mod guard;
mod http2;
mod origin;
mod streams;
mod targets;
mod websocket;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A guard against tests that hang, far above what any of them needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A message from the wire: its head, without the empty line, and its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    fn start(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    fn status(&self) -> u16 {
        let mut words = self.start().split(' ');
        words.nth(1).unwrap_or_default().parse().unwrap_or(0)
    }

    /// The values of all lines of this name.
    fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(": "))
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn is_chunked(&self) -> bool {
        self.all("transfer-encoding") == ["chunked"]
    }
}

/// A connection that reads whole messages.
struct Wire(TcpStream);

impl Wire {
    fn open(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// The next head, up to and without the empty line; `None` when the other side closed.
    fn head(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return None,
            }
        }
        head.truncate(head.len() - 4);
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    fn exact(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The next message; `None` when the other side closed before its end.
    fn message(&mut self, bodiless: bool) -> Option<Message> {
        let mut message = Message {
            head: self.head()?,
            body: Vec::new(),
        };
        let status = message.status();
        if bodiless || matches!(status, 101 | 204 | 304) || status / 100 == 1 {
            return Some(message);
        }
        if message.is_chunked() {
            message.body = self.chunks()?;
        } else if let Some(length) = message.all("content-length").first() {
            message.body = self.exact(length.parse().unwrap())?;
        } else if message.start().starts_with("HTTP/") {
            self.0.read_to_end(&mut message.body).ok()?;
        }
        Some(message)
    }

    /// The next chunk; empty at the end of the body.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.line()?;
        let size = usize::from_str_radix(size.split(';').next()?, 16).ok()?;
        let chunk = self.exact(size)?;
        if size > 0 {
            self.exact(2)?;
        }
        Some(chunk)
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                while !self.line()?.is_empty() {}
                return Some(whole);
            }
            whole.extend(chunk);
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.exact(1)?);
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).ok()
    }

    /// Whether the other side closes without another byte.
    fn closes(&mut self) -> bool {
        !matches!(self.0.read(&mut [0]), Ok(1))
    }
}

/// Sends `request` over a connection of its own and reads the response.
fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Message {
    let mut wire = Wire::open(address);
    let head_only = request.as_ref().starts_with(b"HEAD ");
    wire.write(request);
    wire.message(head_only).unwrap_or_default()
}

/// A `GET` with these header lines.
fn get(target: &str, lines: &[&str]) -> String {
    request("GET", target, lines)
}

fn request(method: &str, target: &str, lines: &[&str]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !lines
        .iter()
        .any(|line| line.to_ascii_lowercase().starts_with("host:"))
    {
        text.push_str("Host: app.example\r\n");
    }
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + "\r\n"
}
