//! A client that sends exactly the bytes it is told to.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::wire::{Head, Headers, Unframed, read_body, read_head};

/// A guard against tests that hang, far above what any reply needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request as bytes: method, target and header lines go out unchecked.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    lines: Vec<Vec<u8>>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, target: impl Into<Vec<u8>>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            lines: Vec::new(),
            body: None,
        }
    }

    /// Adds one header line such as `Host: example.com`.
    #[must_use]
    pub fn header(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Sets the body, announced by `Content-Length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.method.clone().into_bytes();
        bytes.push(b' ');
        bytes.extend_from_slice(&self.target);
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// A reply as received.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header lines.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection after `101 Switching Protocols`.
#[derive(Debug)]
pub struct Tunnel(BufReader<TcpStream>);

impl Tunnel {
    /// Sends `bytes` and reads as many back.
    pub fn echo(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.0.get_mut().write_all(bytes)?;
        let mut back = vec![0; bytes.len()];
        self.0.read_exact(&mut back)?;
        Ok(back)
    }
}

/// Sends `request` on a connection of its own. A peer that closes without answering is
/// [`ErrorKind::UnexpectedEof`] or [`ErrorKind::ConnectionReset`].
pub fn send(address: SocketAddr, request: &Request) -> io::Result<Response> {
    let mut reader = exchange(address, request)?;
    receive(&mut reader, &request.method)
}

/// Sends an upgrade request; the tunnel is there if the reply was 101.
pub fn upgrade(address: SocketAddr, request: &Request) -> io::Result<(Response, Option<Tunnel>)> {
    let mut reader = exchange(address, request)?;
    let response = receive(&mut reader, &request.method)?;
    let tunnel = (response.status == 101).then(|| Tunnel(reader));
    Ok((response, tunnel))
}

fn exchange(address: SocketAddr, request: &Request) -> io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.write_all(&request.encode())?;
    Ok(BufReader::new(stream))
}

/// Reads the reply to a request of this method; interim replies other than 101 are skipped.
pub(crate) fn receive(reader: &mut impl BufRead, method: &str) -> io::Result<Response> {
    loop {
        let head = read_head(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        let status = status(&head)?;
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let bodiless = status == 101 || status == 204 || status == 304 || method == "HEAD";
        let body = if bodiless {
            Vec::new()
        } else {
            read_body(reader, &head.headers, Unframed::UntilClose)?
        };
        return Ok(Response {
            status,
            headers: head.headers,
            body,
        });
    }
}

fn status(head: &Head) -> io::Result<u16> {
    let code = head.start.split(' ').nth(1).unwrap_or_default();
    code.parse().map_err(|_| ErrorKind::InvalidData.into())
}
