//! A connection on which a test writes exact bytes, in as many steps as it likes.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use crate::client::{Response, receive};
use crate::tls::TlsClient;

/// A guard against tests that hang, far above what any reply needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open connection, plain or encrypted.
#[derive(Debug)]
pub struct Connection(BufReader<Stream>);

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self(BufReader::new(Stream::Plain(connect(address)?))))
    }

    /// Connects, sends `prefix` as it is, such as a header of the PROXY protocol, and speaks TLS
    /// from there on. The handshake is done when this returns.
    pub fn open_tls(address: SocketAddr, client: &TlsClient, prefix: &[u8]) -> io::Result<Self> {
        let mut socket = connect(address)?;
        socket.write_all(prefix)?;
        let mut session = client.session()?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        let stream = Stream::Tls(Box::new(StreamOwned::new(session, socket)));
        Ok(Self(BufReader::new(stream)))
    }

    /// Writes `bytes`, all of them.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)?;
        self.0.get_mut().flush()
    }

    /// Says that nothing more will be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.0.get_ref().socket().shutdown(Shutdown::Write)
    }

    /// Reads one reply to a request of this method. Interim replies other than 101 are skipped.
    pub fn reply(&mut self, method: &str) -> io::Result<Response> {
        receive(&mut self.0, method)
    }

    /// Reads replies until the peer closes or resets the connection, or says what is no reply.
    /// A peer that only falls silent is an error.
    pub fn replies(&mut self) -> io::Result<Vec<Response>> {
        let mut replies = Vec::new();
        loop {
            match self.reply("GET") {
                Ok(reply) => replies.push(reply),
                Err(error) if is_silence(&error) => return Err(error),
                Err(_) => return Ok(replies),
            }
        }
    }

    /// Reads whatever comes until the peer closes or resets the connection. A peer that only falls
    /// silent is an error.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Err(error) if is_silence(&error) => Err(error),
            // A reset ends it as well.
            Ok(_) | Err(_) => Ok(bytes),
        }
    }

    /// Reads up to and including the first line end.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line)
    }

    /// Reads exactly `count` bytes.
    pub fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// What is chosen by ALPN in the handshake, if anything.
    pub fn protocol(&self) -> Option<&[u8]> {
        match self.0.get_ref() {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.conn.alpn_protocol(),
        }
    }

    /// The certificate that the peer has shown (DER), if it is encrypted.
    pub fn certificate(&self) -> Option<&[u8]> {
        match self.0.get_ref() {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.conn.peer_certificates()?.first().map(AsRef::as_ref),
        }
    }

    /// Whether the peer has closed or reset the connection, or does so while we wait.
    pub fn ends(&mut self) -> bool {
        match self.0.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => !is_silence(&error),
        }
    }
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Whether nothing came for as long as a test waits.
pub(crate) fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
